//! Merging the layers of a configuration, each validated on its own.

use std::collections::BTreeMap;
use std::path::Path;

use ah_agents::{AgentEntry, ConfiguredAgents};
use toml::{Table, Value};

use super::entry::{ConfigEntry, in_words};
use super::error::{ConfigError, Layer};
use super::sections::{Config, Sections};

/// The default layer with its comments; a template for `config.toml`.
pub const DEFAULT_TOML: &str = include_str!("default.toml");

/// The prefix of every variable that sets a key.
const PREFIX: &str = "AH_";
/// Variables whose names do not follow from their keys.
const NAMED: [(&str, &str); 4] = [
    ("AH_MAX_CONCURRENT_TASKS", "limits.max-concurrent-tasks"),
    ("AH_AGENT", "task.agent"),
    ("AH_REMOTE_SERVER", "cli.remote-server"),
    ("AH_LOG", "cli.log"),
];
/// The minimum similarity of a mistyped key to the key that was probably meant.
const SIMILARITY_MIN: f64 = 0.8;

/// The only key that is no section: the list of agents, which only a file can have.
const AGENTS: &str = "agents";

pub(super) struct Layers {
    defaults: Table,
    table: Table,
    /// The layer of each key that is not a default.
    origins: BTreeMap<String, Layer>,
    agents: ConfiguredAgents,
}

impl Layers {
    pub(super) fn new() -> Self {
        let defaults: Table = DEFAULT_TOML
            .parse()
            .expect("the default layer is TOML: a test parses it");
        Self {
            table: defaults.clone(),
            defaults,
            origins: BTreeMap::new(),
            agents: ConfiguredAgents::default(),
        }
    }

    pub(super) fn put_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let file: Table = text.parse().map_err(|source| ConfigError::Syntax {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        let layer = Layer::File(path.to_owned());
        for (section, value) in file {
            if section == AGENTS {
                self.agents = agents(&layer, value.clone())?;
                self.table.insert(section, value);
                continue;
            }
            let Some(Value::Table(known)) = self.defaults.get(&section) else {
                return Err(unknown(layer, &section, &self.with_agents()));
            };
            let Value::Table(keys) = value else {
                return Err(wrong(layer, &section, "is not a section"));
            };
            for (key, value) in keys {
                let dotted = format!("{section}.{key}");
                let Some(default) = known.get(&key) else {
                    return Err(unknown(layer, &dotted, known));
                };
                if !value.same_type(default) {
                    let message = format!("is not {}", type_in_words(default));
                    return Err(wrong(layer, &dotted, message));
                }
                set(
                    (&mut self.table, &mut self.origins),
                    (&section, &key),
                    value,
                    layer.clone(),
                );
            }
        }
        Ok(())
    }

    /// Merges the variables that set a key. An unknown variable with a section's prefix is refused.
    /// An empty one counts as absent.
    pub(super) fn put_environment(
        &mut self,
        environment: &[(String, String)],
    ) -> Result<(), ConfigError> {
        for (name, text) in environment.iter().filter(|(_, text)| !text.is_empty()) {
            let layer = || Layer::Environment(name.clone());
            let known =
                keys(&self.defaults).find(|(section, key, _)| variable(section, key) == *name);
            let Some((section, key, default)) = known else {
                let begins = |(section, _): (&String, &Value)| {
                    name.starts_with(&format!("{PREFIX}{}_", section.to_uppercase()))
                };
                if self.defaults.iter().any(begins) {
                    return Err(ConfigError::UnknownKey {
                        layer: layer(),
                        key: name.clone(),
                        hint:
                            "the variable of a key is named AH_SECTION_KEY, such as AH_SERVER_PORT"
                                .to_owned(),
                    });
                }
                continue;
            };
            let value = parse(default, text)
                .map_err(|message| wrong(layer(), &format!("{section}.{key}"), message))?;
            let (section, key) = (section.to_owned(), key.to_owned());
            set(
                (&mut self.table, &mut self.origins),
                (&section, &key),
                value,
                layer(),
            );
        }
        Ok(())
    }

    pub(super) fn put_flags(&mut self, flags: &[(&str, String)]) -> Result<(), ConfigError> {
        for (dotted, text) in flags {
            let known = dotted.split_once('.').and_then(|(section, key)| {
                Some((section, key, self.defaults.get(section)?.get(key)?))
            });
            let Some((section, key, default)) = known else {
                return Err(unknown(
                    Layer::Flag((*dotted).to_owned()),
                    dotted,
                    &self.defaults,
                ));
            };
            let layer = Layer::Flag(key.to_owned());
            let value =
                parse(default, text).map_err(|message| wrong(layer.clone(), dotted, message))?;
            set(
                (&mut self.table, &mut self.origins),
                (section, key),
                value,
                layer,
            );
        }
        Ok(())
    }

    /// Returns the keys that are allowed at the top level of a file.
    fn with_agents(&self) -> Table {
        let mut known = self.defaults.clone();
        known.insert(AGENTS.to_owned(), Value::Array(Vec::new()));
        known
    }

    pub(super) fn finish(mut self) -> Result<Config, ConfigError> {
        let effective = self.table.to_string();
        self.table.remove(AGENTS);
        let entries = self.entries();
        let sections: Result<Sections, _> =
            serde_path_to_error::deserialize(self.table).map_err(|error| {
                let key = error.path().to_string();
                let message = format!("cannot be used: {}", error.inner().message());
                wrong(Layer::Together, &key, message)
            });
        let config = sections.and_then(|sections| sections.judged(self.agents, effective, entries));
        config.map_err(|error| match error {
            ConfigError::Value { key, message, .. } => ConfigError::Value {
                layer: self.origins.remove(&key).unwrap_or(Layer::Default),
                key,
                message,
            },
            error => error,
        })
    }

    /// Returns every key with its value and origin.
    fn entries(&self) -> Vec<ConfigEntry> {
        let entry = |(section, key, value): (&str, &str, &Value)| {
            let dotted = format!("{section}.{key}");
            ConfigEntry {
                value: in_words(value),
                variable: variable(section, key),
                layer: self.origins.get(&dotted).cloned().unwrap_or(Layer::Default),
                key: dotted,
            }
        };
        keys(&self.table).map(entry).collect()
    }
}

/// Reads and validates the list of agents.
fn agents(layer: &Layer, value: Value) -> Result<ConfiguredAgents, ConfigError> {
    let entries: Vec<AgentEntry> = serde_path_to_error::deserialize(value).map_err(|error| {
        let at = error.path().to_string();
        let key = match at.as_str() {
            "." => AGENTS.to_owned(),
            at => format!("{AGENTS}{at}"),
        };
        let message = format!("cannot be used: {}", error.inner().message());
        wrong(layer.clone(), &key, message)
    })?;
    ConfiguredAgents::judge(&entries).map_err(|invalid| ConfigError::Agent {
        layer: layer.clone(),
        invalid,
    })
}

/// Returns every key of the default layer, with its section and its default.
pub(super) fn keys(defaults: &Table) -> impl Iterator<Item = (&str, &str, &Value)> {
    defaults.iter().flat_map(|(section, table)| {
        let keys = table.as_table().into_iter().flatten();
        keys.map(move |(key, default)| (section.as_str(), key.as_str(), default))
    })
}

/// Returns the name of the variable that sets a key.
pub(super) fn variable(section: &str, key: &str) -> String {
    let is_it = |of: &str| of.split_once('.') == Some((section, key));
    if let Some((name, _)) = NAMED.iter().find(|(_, of)| is_it(of)) {
        return (*name).to_owned();
    }
    format!("{PREFIX}{section}_{key}")
        .replace('-', "_")
        .to_uppercase()
}

/// Stores a value in the merged table, and its layer.
fn set(
    (table, origins): (&mut Table, &mut BTreeMap<String, Layer>),
    (section, key): (&str, &str),
    value: Value,
    layer: Layer,
) {
    if let Some(Value::Table(keys)) = table.get_mut(section) {
        keys.insert(key.to_owned(), value);
    }
    origins.insert(format!("{section}.{key}"), layer);
}

/// Parses a value as the type of its default. Lists are separated by commas.
pub(super) fn parse(default: &Value, text: &str) -> Result<Value, String> {
    let value = match default {
        Value::Integer(_) => text.parse().ok().map(Value::Integer),
        Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
        Value::Array(_) => Some(Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Value::String(item.to_owned()))
                .collect(),
        )),
        _ => Some(Value::String(text.to_owned())),
    };
    value.ok_or_else(|| format!("is not {}", type_in_words(default)))
}

fn type_in_words(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "a whole number",
        Value::Boolean(_) => "`true` or `false`",
        Value::Array(_) => "a list",
        _ => "a text",
    }
}

fn unknown(layer: Layer, key: &str, known: &Table) -> ConfigError {
    let names: Vec<String> = known.keys().cloned().collect();
    let typed = key.rsplit('.').next().unwrap_or(key);
    match unknown_of(layer, typed, &names) {
        ConfigError::UnknownKey { layer, hint, .. } => ConfigError::UnknownKey {
            layer,
            key: key.to_owned(),
            hint,
        },
        error => error,
    }
}

/// Returns the error for a key that is none of these.
pub(super) fn unknown_of(layer: Layer, key: &str, names: &[String]) -> ConfigError {
    let meant = names
        .iter()
        .map(|name| (strsim::jaro_winkler(name, key), name))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    let meant = meant.map_or_else(String::new, |(_, name)| format!("did you mean `{name}`? "));
    ConfigError::UnknownKey {
        layer,
        key: key.to_owned(),
        hint: format!("{meant}the keys are {}", names.join(", ")),
    }
}

fn wrong(layer: Layer, key: &str, message: impl Into<String>) -> ConfigError {
    ConfigError::Value {
        layer,
        key: key.to_owned(),
        message: message.into(),
    }
}
