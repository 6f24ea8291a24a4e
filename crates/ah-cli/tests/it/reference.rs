//! The tables of the reference in `docs/`, which are generated from the program and the description
//! of its API: `cargo xtask regenerate` sets `UPDATE_DOCS` to write them.

use std::path::Path;

use ah_rest_api_contract::{ErrorKind, operations};
use serde_json::Value;

use crate::ah::World;
use crate::help::COMMANDS;

/// Asserts that a page of `docs/` has this table between its marks, or writes it there.
fn check<const N: usize>(page: &str, name: &str, head: [&str; N], rows: &[[String; N]]) {
    let line = |cells: &[String; N]| format!("| {} |\n", cells.join(" | "));
    let mut made = line(&head.map(str::to_owned));
    made += &format!("|{}\n", "---|".repeat(N));
    made.extend(rows.iter().map(line));

    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(page);
    let text = std::fs::read_to_string(&path).expect("the page can be read");
    let (begin, end) = (format!("<!-- generated: {name} -->\n"), "<!-- end -->\n");
    let (before, rest) = text
        .split_once(&begin)
        .expect("the page has the mark of the table");
    let (table, after) = rest.split_once(end).expect("the table has an end");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let text = format!("{before}{begin}{made}{end}{after}");
        std::fs::write(&path, text).expect("the page can be written");
    } else {
        assert!(
            table == made,
            "the table `{name}` of docs/{page} has drifted: run `cargo xtask regenerate`"
        );
    }
}

/// Returns a text as one line of a table.
fn cell(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

fn description(schema: &Value) -> String {
    cell(schema["description"].as_str().unwrap_or_default())
}

#[test]
fn reference_of_the_commands() {
    let world = World::new();
    let rows = COMMANDS.iter().filter(|command| !command.is_empty());
    let rows = rows.map(|command| {
        let words = command.split_whitespace().chain(["-h"]);
        let output = world.command(&words.collect::<Vec<_>>()).output();
        let help = String::from_utf8(output.expect("the binary runs").stdout);
        let help = help.expect("the help is UTF-8");
        [
            format!("`ah {command}`"),
            cell(help.lines().next().unwrap_or_default()),
        ]
    });
    check(
        "cli.md",
        "commands",
        ["command", "purpose"],
        &rows.collect::<Vec<_>>(),
    );
}

#[test]
fn reference_of_the_errors() {
    let rows = ErrorKind::ALL.map(|kind| {
        [
            format!("[`{slug}`](#{slug})", slug = kind.slug()),
            kind.status().to_string(),
            cell(kind.title()),
            if kind.is_retryable() { "yes" } else { "no" }.to_owned(),
        ]
    });
    check(
        "errors.md",
        "errors",
        ["kind", "status", "title", "retry unchanged"],
        &rows,
    );
}

#[test]
fn reference_of_the_operations() {
    let rows = operations::ALL.iter().map(|operation| {
        [
            format!("`{} {}`", operation.method, operation.path),
            cell(operation.summary),
            format!("`{}`", operation.id),
            if operation.needs_key() {
                format!("`{:?}`", operation.action)
            } else {
                "none".to_owned()
            },
        ]
    });
    let head = ["request", "purpose", "operation", "permission"];
    check("api.md", "operations", head, &rows.collect::<Vec<_>>());
}

#[test]
fn reference_of_the_events() {
    let document = ah_rest_server::openapi_json().expect("the description is JSON");
    let document: Value = serde_json::from_str(&document).expect("the description is JSON");
    let schemas = &document["components"]["schemas"];
    let common = ["type", "seq", "ts", "sessionId"];
    for (item, name) in [
        ("SessionEvent", "events"),
        ("StreamItem", "ephemeral events"),
    ] {
        let logged = &schemas["SessionEvent"]["discriminator"]["mapping"];
        let mapping = &schemas[item]["discriminator"]["mapping"];
        let forms = mapping.as_object().expect("events have a discriminator");
        let forms = forms
            .iter()
            .filter(|(word, _)| item == "SessionEvent" || logged.get(word.as_str()).is_none());
        let rows = forms.map(|(word, schema)| {
            let schema = schema
                .as_str()
                .and_then(|at| document.pointer(at.strip_prefix('#')?));
            let schema = schema.expect("each form has a schema");
            let meaning = description(schema);
            let meaning = meaning
                .strip_prefix(&format!("`{word}`: "))
                .unwrap_or(&meaning);
            let required = schema["required"].as_array().expect("a form has fields");
            let fields = schema["properties"].as_object().expect("a form has fields");
            let fields = fields
                .iter()
                .filter(|(field, _)| !common.contains(&field.as_str()));
            let fields = fields.map(|(field, of)| {
                let optional = !required.iter().any(|name| name == field);
                let mark = if optional { "?" } else { "" };
                format!("`{field}`{mark} {}", description(of))
                    .trim_end()
                    .to_owned()
            });
            [
                format!("`{word}`"),
                meaning.to_owned(),
                fields.collect::<Vec<_>>().join("<br>"),
            ]
        });
        let mut rows: Vec<[String; 3]> = rows.collect();
        rows.sort();
        check("events.md", name, ["type", "meaning", "fields"], &rows);
    }
}
