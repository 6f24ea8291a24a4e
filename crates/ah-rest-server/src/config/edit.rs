//! Changes of the configuration file.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::entry::in_words;
use super::error::{ConfigError, Layer};
use super::layers::{DEFAULT_TOML, keys, parse, unknown_of};
use super::{Config, FILE_NAME, Sources, trust};

/// Returns the path of the configuration file in a state folder. It may not exist.
#[must_use]
pub fn file_of(home: &Path) -> PathBuf {
    home.join(FILE_NAME)
}

/// Sets a key in the configuration file of a state folder, which must exist, or removes it if
/// `value` is `None`. Comments and the order of the file are kept. The file is written only if the
/// result is a valid configuration.
///
/// # Errors
/// The file cannot be read or written, or the key or its value is wrong.
pub fn set(home: &Path, key: &str, value: Option<&str>) -> Result<(), ConfigError> {
    let path = file_of(home);
    let text = match trust::read_file(&path) {
        Ok(text) => text,
        Err(error) if error.is_missing() => String::new(),
        Err(error) => return Err(ConfigError::Untrusted(error)),
    };
    let text = edited(&path, &text, key, value)?;
    write(home, &path, &text)
}

/// Returns the text of the file with the new value.
fn edited(
    path: &Path,
    text: &str,
    dotted: &str,
    value: Option<&str>,
) -> Result<String, ConfigError> {
    let layer = || Layer::File(path.to_owned());
    let defaults: Table = DEFAULT_TOML
        .parse()
        .expect("the default layer is TOML: a test parses it");
    let known = keys(&defaults).find(|(section, key, _)| format!("{section}.{key}") == dotted);
    let Some((section, key, default)) = known else {
        let names: Vec<String> = keys(&defaults)
            .map(|(section, key, _)| format!("{section}.{key}"))
            .collect();
        return Err(unknown_of(layer(), dotted, &names));
    };
    let mut file: toml_edit::DocumentMut = text.parse().map_err(|_| {
        // The other parser describes the fault.
        let source = text.parse::<Table>().err();
        match source {
            Some(source) => ConfigError::Syntax {
                path: path.to_owned(),
                source: Box::new(source),
            },
            None => wrong(
                layer(),
                dotted,
                "cannot be set: the file uses an unknown form of TOML",
            ),
        }
    })?;
    match value {
        Some(text) => {
            let value = parse(default, text).map_err(|message| wrong(layer(), dotted, &message))?;
            let table = file
                .entry(section)
                .or_insert_with(toml_edit::table)
                .as_table_like_mut();
            let Some(table) = table else {
                return Err(wrong(layer(), section, "is not a section"));
            };
            let mut value = converted(&value);
            // Keeps the comment behind the value.
            if let Some(old) = table.get(key).and_then(toml_edit::Item::as_value) {
                value.decor_mut().clone_from(old.decor());
            }
            table.insert(key, value.into());
        }
        None => {
            if let Some(table) = file
                .get_mut(section)
                .and_then(|item| item.as_table_like_mut())
            {
                table.remove(key);
            }
        }
    }
    Ok(file.to_string())
}

fn converted(value: &Value) -> toml_edit::Value {
    match value {
        Value::Integer(number) => (*number).into(),
        Value::Boolean(value) => (*value).into(),
        Value::Array(items) => items
            .iter()
            .map(converted)
            .collect::<toml_edit::Array>()
            .into(),
        other => in_words(other).into(),
    }
}

fn wrong(layer: Layer, key: &str, message: &str) -> ConfigError {
    ConfigError::Value {
        layer,
        key: key.to_owned(),
        message: message.to_owned(),
    }
}

/// Writes the file under a temporary name, and renames it if it is valid.
fn write(home: &Path, path: &Path, text: &str) -> Result<(), ConfigError> {
    let unwritable = |source| ConfigError::Unwritable {
        path: path.to_owned(),
        source,
    };
    let unfinished = path.with_extension("toml.tmp");
    let written = std::fs::File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
        });
    written.map_err(unwritable)?;
    let checked = Config::load(&Sources {
        home,
        file: Some(&unfinished),
        environment: &[],
        flags: &[],
    });
    match checked {
        Ok(_) => std::fs::rename(&unfinished, path).map_err(unwritable),
        Err(error) => {
            std::fs::remove_file(&unfinished).map_err(unwritable)?;
            Err(error.of_file(path))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_keeps_comments_and_refuses_invalid_values() {
        let home = tempfile::tempdir().unwrap();
        let path = file_of(home.path());
        std::fs::write(&path, "# mine\n[server]\nport = 1 # one\n").unwrap();
        set(home.path(), "task.agent", Some("codex-acp")).unwrap();
        set(home.path(), "server.port", Some("2")).unwrap();
        set(home.path(), "server.allowed-hosts", Some("a, b")).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("# mine\n[server]\nport = 2 # one\n"),
            "{text}"
        );
        assert!(text.contains("[task]\nagent = \"codex-acp\"\n"), "{text}");
        assert!(text.contains("allowed-hosts = [\"a\", \"b\"]"), "{text}");
        for (key, value, words) in [
            ("server.port", "many", "whole number"),
            ("server.port", "99999", "server.port"),
            ("task.permissions", "maybe", "task.permissions"),
            ("task.agnet", "x", "did you mean `task.agent`?"),
        ] {
            let error = set(home.path(), key, Some(value)).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            assert!(
                error.contains(FILE_NAME) && !error.contains("toml.tmp"),
                "{error}"
            );
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        set(home.path(), "task.agent", None).unwrap();
        assert!(!std::fs::read_to_string(&path).unwrap().contains("codex"));
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn entries_have_the_origin_of_their_value() {
        let home = tempfile::tempdir().unwrap();
        set(home.path(), "server.port", Some("2")).unwrap();
        let config = Config::load(&Sources {
            home: home.path(),
            file: None,
            environment: &[("AH_AGENT".to_owned(), "mine".to_owned())],
            flags: &[("server.bind", "::1".to_owned())],
        });
        let config = config.unwrap();
        let entry = |key: &str| {
            let found = config.entries().iter().find(|entry| entry.key == key);
            let found = found.unwrap();
            (found.value.clone(), found.layer.clone())
        };
        assert_eq!(
            entry("server.port"),
            ("2".into(), Layer::File(file_of(home.path())))
        );
        assert_eq!(
            entry("task.agent"),
            ("mine".into(), Layer::Environment("AH_AGENT".into()))
        );
        assert_eq!(
            entry("server.bind"),
            ("::1".into(), Layer::Flag("bind".into()))
        );
        assert_eq!(entry("limits.burst"), ("200".into(), Layer::Default));
    }
}
