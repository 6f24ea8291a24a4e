//! `ah config …`. The commands use no task manager, and all but `show` and `get` work with a broken
//! configuration.

use std::path::{Path, PathBuf};

use ah_rest_api_contract::error_chain;
use ah_rest_server::{Config, ConfigEntry, ConfigError, Layer, Sources, file_of};
use serde_json::json;

use crate::args::{ConfigArgs, ConfigCommand};
use crate::environment;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::style::{Line, Paint};
use crate::table::{Cell, Column, table};
use crate::terminal::Terminal;

/// Runs a command for the configuration.
pub(crate) fn run(args: &ConfigArgs, json: bool, terminal: &Terminal) -> Result<ExitCode, Failure> {
    let home = environment::home()?;
    environment::check(&home)?;
    match &args.command {
        ConfigCommand::Show => show(&home, json, terminal),
        ConfigCommand::Get { key } => get(&home, key, json, terminal),
        ConfigCommand::Set { key, value } => set(&home, key, Some(value), json, terminal),
        ConfigCommand::Unset { key } => set(&home, key, None, json, terminal),
        ConfigCommand::Path => path(&file_of(&home), json, terminal),
    }?;
    Ok(ExitCode::Ok)
}

/// Sets a key in the configuration file, or removes it, and returns the path of the file.
pub(super) fn change(home: &Path, key: &str, value: Option<&str>) -> Result<PathBuf, Failure> {
    environment::make(home)?;
    ah_rest_server::set(home, key, value).map_err(failure)?;
    Ok(file_of(home))
}

fn failure(error: ConfigError) -> Failure {
    Failure::configuration(error_chain(&error)).caused_by(error)
}

fn load(home: &Path) -> Result<Config, Failure> {
    // The variables of the server as well, since every key is shown.
    let environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    Config::load(&Sources {
        home,
        file: None,
        environment: &environment,
        flags: &[],
    })
    .map_err(failure)
}

fn show(home: &Path, json: bool, terminal: &Terminal) -> Result<(), Failure> {
    let config = load(home)?;
    if json {
        let items: Vec<_> = config.entries().iter().map(item).collect();
        return terminal.print_json(&json!({ "path": file_of(home), "items": items }));
    }
    let rows = config
        .entries()
        .iter()
        .map(|entry| {
            let paint = match entry.layer {
                Layer::Default => Paint::Dim,
                _ => Paint::Bold,
            };
            vec![
                Cell::new(paint, &entry.key),
                Cell::new(Paint::Plain, shown_value(entry)),
                Cell::new(Paint::Dim, origin(&entry.layer)),
            ]
        })
        .collect();
    let columns = [
        Column::kept("KEY"),
        Column::kept("VALUE"),
        Column::last("FROM"),
    ];
    terminal.print(&table(&columns, rows, terminal.columns()))?;
    if *config.agents() != ah_agents::ConfiguredAgents::default() {
        let path = file_of(home).display().to_string();
        terminal.hint(format!("{path} also configures agents; see `ah agents`"));
    }
    Ok(())
}

fn shown_value(entry: &ConfigEntry) -> String {
    match entry.value.as_str() {
        "" => "–".to_owned(),
        value => value.to_owned(),
    }
}

/// Returns the origin of a value in one word or path.
fn origin(layer: &Layer) -> String {
    match layer {
        Layer::Default => "default".to_owned(),
        Layer::File(path) => path.display().to_string(),
        Layer::Environment(name) => name.clone(),
        other => other.to_string(),
    }
}

fn item(entry: &ConfigEntry) -> serde_json::Value {
    json!({
        "key": entry.key,
        "value": entry.value,
        "variable": entry.variable,
        "origin": match entry.layer {
            Layer::Default => "default",
            Layer::File(_) => "file",
            Layer::Environment(_) => "environment",
            _ => "option",
        },
    })
}

fn get(home: &Path, key: &str, json: bool, terminal: &Terminal) -> Result<(), Failure> {
    let config = load(home)?;
    let entry = config.entries().iter().find(|entry| entry.key == key);
    let entry = entry.ok_or_else(|| {
        let failure = Failure::validation(format!("there is no configuration key `{key}`"));
        let keys = config.entries().iter().map(|entry| entry.key.as_str());
        match ah_agents::nearest_name(key, keys) {
            Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
            None => failure.hint("`ah config show` lists the keys"),
        }
    })?;
    if json {
        terminal.print_json(&item(entry))
    } else {
        terminal.print_raw(&format!("{}\n", entry.value))
    }
}

fn set(
    home: &Path,
    key: &str,
    value: Option<&str>,
    json: bool,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let path = change(home, key, value)?;
    if json {
        return terminal.print_json(&json!({ "key": key, "value": value, "path": path }));
    }
    let path = path.display();
    terminal.note(&Line::of(
        Paint::Plain,
        match value {
            Some(value) => format!("{key} is now `{value}` in {path}"),
            None => format!("{key} is no longer in {path}"),
        },
    ));
    let variable = load(home).ok().and_then(|config| {
        let entry = config.entries().iter().find(|entry| entry.key == key)?;
        matches!(entry.layer, Layer::Environment(_)).then(|| entry.variable.clone())
    });
    if let Some(variable) = variable {
        terminal.hint(format!("{variable} is set and overrides it"));
    }
    Ok(())
}

fn path(path: &Path, json: bool, terminal: &Terminal) -> Result<(), Failure> {
    if json {
        terminal.print_json(&json!({ "path": path, "exists": path.exists() }))
    } else {
        terminal.print_raw(&format!("{}\n", path.display()))
    }
}
