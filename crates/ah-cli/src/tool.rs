//! What a tool was given, in a few words.

use serde_json::{Map, Value};

use crate::text;

/// The arguments that say most about a tool's run, the most telling first.
const TELLING: [&str; 13] = [
    "command",
    "cmd",
    "file_path",
    "filePath",
    "path",
    "pattern",
    "query",
    "url",
    "prompt",
    "description",
    "title",
    "name",
    "dir",
];
const COMMANDS: [&str; 2] = ["command", "cmd"];
/// The most columns of an argument that is not cut to a terminal.
const COLUMNS_MAX: usize = 120;

/// Whether the tool was given a command to run, so that its output is worth a look.
pub(crate) fn runs_a_command(args: &Map<String, Value>) -> bool {
    COMMANDS.iter().any(|name| args.contains_key(*name))
}

/// The argument that tells most; all of them as `name=value` when none is known to.
pub(crate) fn argument(args: &Map<String, Value>) -> String {
    let telling = TELLING.iter().find_map(|name| match args.get(*name)? {
        Value::String(text) => Some(first_line(text)),
        // A command in its parts.
        Value::Array(parts) => {
            let words: Option<Vec<&str>> = parts.iter().map(Value::as_str).collect();
            Some(text::one_line(&words?.join(" ")))
        }
        _ => None,
    });
    let words = telling.unwrap_or_else(|| {
        args.iter()
            .map(|(name, value)| match value {
                Value::String(text) => format!("{name}={}", text::one_line(text)),
                other => format!("{name}={other}"),
            })
            .collect::<Vec<_>>()
            .join(" ")
    });
    text::cut(&text::one_line(&words), COLUMNS_MAX)
}

/// The first line that says something; a script's is often a remark on what it does.
fn first_line(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let more = if lines.next().is_some() { " …" } else { "" };
    format!("{}{more}", text::one_line(first))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(args: Value) -> String {
        match args {
            Value::Object(args) => argument(&args),
            _ => panic!("arguments are an object"),
        }
    }

    #[test]
    fn the_most_telling_argument_is_shown() {
        assert_eq!(
            told(json!({"cwd": "/x", "command": "\n# Test it\ncargo test"})),
            "# Test it …"
        );
        assert_eq!(told(json!({"command": ["git", "status"]})), "git status");
        assert_eq!(
            told(json!({"content": "…", "path": "src/main.rs"})),
            "src/main.rs"
        );
        assert_eq!(told(json!({"depth": 2, "word": "a b"})), "depth=2 word=a b");
        assert_eq!(told(json!({})), "");
    }
}
