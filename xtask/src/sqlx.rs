//! `cargo xtask sqlx`: the committed descriptions of the embedded store's queries.
//!
//! Compiling the store against a database checks its queries and writes their descriptions to
//! `.sqlx`. With these, the store compiles without a database. A separate crate creates the
//! database from the migrations, since the store itself cannot be compiled before.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{self, Command};

use anyhow::{Context as _, bail, ensure};

use crate::scratch::Scratch;

/// The store, and the crate that creates databases with its schema.
const STORE: &str = "ah-store-sqlite";
const SCHEMA: &str = "ah-store-sqlite-schema";
/// The variable that `sqlx.toml` of the store names.
const DATABASE_URL: &str = "AH_STORE_SQLITE_DATABASE_URL";

/// Rewrites `.sqlx`; with `check`, compares it instead.
///
/// # Errors
/// If a query does not fit the schema, or, with `check`, if `.sqlx` is out of date.
pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask has no parent folder")?;
    let committed = root.join("crates").join(STORE).join(".sqlx");
    let scratch = Scratch::new("sqlx")?;
    let fresh = describe(root, &scratch)?;
    let old = read(&committed)?;
    if fresh == old {
        return Ok(());
    }
    if check {
        let differing = fresh
            .iter()
            .filter(|(name, text)| old.get(*name) != Some(*text))
            .map(|(name, _)| name)
            .chain(old.keys().filter(|name| !fresh.contains_key(*name)))
            .count();
        bail!(
            "{differing} files of {} are out of date; run `cargo xtask regenerate`",
            committed.display()
        );
    }
    write(&committed, &old, &fresh)
}

/// File contents of a folder by file name.
type Files = BTreeMap<OsString, Vec<u8>>;

/// Compiles the store against a new database and returns the descriptions.
fn describe(root: &Path, scratch: &Scratch) -> anyhow::Result<Files> {
    let database = scratch.path().join("schema.db");
    let found = scratch.path().join("sqlx");
    fs::create_dir(&found).with_context(|| format!("make {}", found.display()))?;
    succeed(
        cargo(root)
            .args(["run", "--quiet", "--package", SCHEMA, "--"])
            .arg(&database),
    )?;
    // The macros run only when the store is compiled, and no input of cargo has changed. An unused
    // `cfg` makes cargo recompile the store, and nothing else.
    let marker = format!("queries_described_by=\"{}\"", process::id());
    succeed(
        cargo(root)
            .args(["rustc", "--quiet", "--package", STORE, "--lib", "--"])
            .args(["--cfg", &marker, "--allow", "unexpected_cfgs"])
            .env(DATABASE_URL, format!("sqlite://{}", database.display()))
            .env("SQLX_OFFLINE", "false")
            .env("SQLX_OFFLINE_DIR", &found),
    )?;
    let files = read(&found)?;
    ensure!(!files.is_empty(), "compiling {STORE} described no query");
    Ok(files)
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .status()
        .with_context(|| format!("start {command:?}"))?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(())
}

fn read(folder: &Path) -> anyhow::Result<Files> {
    let mut files = Files::new();
    if !folder.exists() {
        return Ok(files);
    }
    let entries = fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("list {}", folder.display()))?;
        let path = entry.path();
        let text = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        files.insert(entry.file_name(), text);
    }
    Ok(files)
}

/// Replaces the files of `folder` with `fresh`.
fn write(folder: &Path, old: &Files, fresh: &Files) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    for name in old.keys().filter(|name| !fresh.contains_key(*name)) {
        let path = folder.join(name);
        fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
    }
    for (name, text) in fresh {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
