//! Short descriptions of tool arguments.

use serde_json::{Map, Value};

use crate::text;

/// The most informative arguments of tools, best first.
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
/// The maximum width of an argument where no terminal limits it.
const COLUMNS_MAX: usize = 120;

/// Returns true if the tool runs a command, whose output is worth showing.
pub(crate) fn runs_a_command(args: &Map<String, Value>) -> bool {
    COMMANDS.iter().any(|name| args.contains_key(*name))
}

/// Returns the most informative argument, or all of them as `name=value` if none is known.
pub(crate) fn argument(args: &Map<String, Value>) -> String {
    let telling = TELLING.iter().find_map(|name| match args.get(*name)? {
        Value::String(text) => Some(first_line(text)),
        // A command as a list of words.
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

/// Returns the first line with content. The first line of a script is often a comment on its
/// purpose.
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

    fn shown(args: Value) -> String {
        match args {
            Value::Object(args) => argument(&args),
            _ => panic!("arguments are an object"),
        }
    }

    #[test]
    fn the_most_telling_argument_is_shown() {
        assert_eq!(
            shown(json!({"cwd": "/x", "command": "\n# Test it\ncargo test"})),
            "# Test it …"
        );
        assert_eq!(shown(json!({"command": ["git", "status"]})), "git status");
        assert_eq!(
            shown(json!({"content": "…", "path": "src/main.rs"})),
            "src/main.rs"
        );
        assert_eq!(
            shown(json!({"depth": 2, "word": "a b"})),
            "depth=2 word=a b"
        );
        assert_eq!(shown(json!({})), "");
    }
}
