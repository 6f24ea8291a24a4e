//! Writes files in git's configuration format.

use std::fmt::Write as _;

/// The text of a configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConfigText(String);

impl ConfigText {
    /// Starts the configuration of a repository with this hash function.
    pub(crate) fn of_repository(object_format: &str, is_bare: bool) -> Self {
        let is_default = object_format == "sha1";
        let version = if is_default { "0" } else { "1" };
        let bare = if is_bare { "true" } else { "false" };
        let mut text = Self::default();
        text.set("core.repositoryformatversion", version);
        text.set("core.filemode", "true");
        text.set("core.bare", bare);
        if !is_default {
            text.set("extensions.objectformat", object_format);
        }
        // Collection would remove objects that only a session uses.
        text.set("gc.auto", "0");
        text.set("maintenance.auto", "false");
        text
    }

    /// Adds a value by its name, such as `core.bare` or `remote.origin.url`.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        let Some((section, key)) = name.rsplit_once('.') else {
            return;
        };
        let section = match section.split_once('.') {
            Some((section, part)) => format!("{section} \"{}\"", escaped(part)),
            None => section.to_owned(),
        };
        // Writing to a string does not fail.
        writeln!(self.0, "[{section}]\n\t{key} = \"{}\"", escaped(value)).ok();
    }

    /// Returns the text.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '\0' => {}
            _ => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn git_reads_what_was_set() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        let values = [
            ("user.name", "A \"B\" \\ C # D ; E"),
            ("remote.a.b \"c\".url", " x\ny\t"),
            ("gpg.ssh.program", "/bin/é"),
        ];
        let mut text = ConfigText::of_repository("sha256", false);
        for (name, value) in values {
            text.set(name, value);
        }
        std::fs::write(&file, text.as_bytes()).unwrap();
        for (name, value) in values {
            let mut command = Command::new("git");
            let command = command.args(["config", "--null", "--file"]).arg(&file);
            let output = command.args(["--get", name]).output().unwrap();
            assert_eq!(output.stdout, format!("{value}\0").as_bytes(), "{name}");
        }
    }
}
