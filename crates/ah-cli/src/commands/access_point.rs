//! `ah agent access-point`: runs the server until a signal ends it.

use ah_rest_api_contract::{AccessPointFile, error_chain};
use ah_rest_server::{Config, Sources, read_published};
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::args::AccessPointArgs;
use crate::context::Context;
use crate::environment::CommandSettings;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::local;
use crate::style::{Line, Paint};

/// Runs the command.
pub(crate) async fn run(args: &AccessPointArgs, context: &Context) -> Result<ExitCode, Failure> {
    let config = load(args, &context.settings)?;
    if args.print_config {
        context.terminal.print_raw(&config.to_toml())?;
        return Ok(ExitCode::Ok);
    }
    context.settings.make_home()?;
    if let Err(error) = ah_recorder::raise_descriptor_limit() {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, "the limit of open files stays as it is");
    }
    let mut signals = Signals::listen()?;
    let (listening, address) = oneshot::channel();
    let (ready, is_ready) = oneshot::channel();
    let shutdown = CancellationToken::new();
    let serving = local::serve(
        &context.settings,
        config,
        listening,
        ready,
        shutdown.clone(),
    );
    let announcing = async {
        // A server that fails to start sends neither message and reports its own error.
        if address.await.is_ok() {
            announce(context)?;
        }
        if is_ready.await.is_err() {
            return Ok(());
        }
        if context.json {
            return announce_as_json(context);
        }
        context.terminal.note(&Line::of(Paint::Plain, "ready"));
        Ok(())
    };
    let ending = async {
        signals.next().await;
        shutdown.cancel();
        signals.next().await;
    };
    tokio::select! {
        result = async { tokio::try_join!(serving, announcing) } => result.map(|_| ExitCode::Ok),
        () = ending => {
            let words = "shut down immediately; agents keep running";
            context.terminal.note(&Line::of(Paint::Plain, words));
            Ok(ExitCode::General)
        }
    }
}

fn load(args: &AccessPointArgs, settings: &CommandSettings) -> Result<Config, Failure> {
    // No variable that sets a key has a name or a value that is not UTF-8.
    let environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let flags = [
        ("server.bind", args.bind.map(|bind| bind.to_string())),
        ("server.port", args.port.map(|port| port.to_string())),
        (
            "limits.max-concurrent-tasks",
            args.max_concurrent_tasks.map(|tasks| tasks.to_string()),
        ),
        (
            "auth.insecure-no-auth",
            args.insecure_no_auth.then(|| true.to_string()),
        ),
    ];
    let flags: Vec<(&str, String)> = flags
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect();
    Config::load(&Sources {
        home: &settings.home,
        file: args.config.as_deref(),
        environment: &environment,
        flags: &flags,
    })
    .map_err(|error| Failure::configuration(error_chain(&error)).caused_by(error))
}

/// Prints the server's address and the location of its key, but never the key.
fn announce(context: &Context) -> Result<(), Failure> {
    let home = &context.settings.home;
    let file = read_published(home)
        .map_err(|error| Failure::configuration(error_chain(&error)).caused_by(error))?;
    let Some(file) = file else { return Ok(()) };
    let note = |words: String| context.terminal.note(&Line::of(Paint::Plain, words));
    note(format!("listening on {}", address(&file)));
    match file.api_key {
        Some(_) => note(format!(
            "the key is `apiKey` in {}",
            home.join("access-point.json").display()
        )),
        None => note("authentication is disabled".to_owned()),
    }
    Ok(())
}

fn announce_as_json(context: &Context) -> Result<(), Failure> {
    let file = read_published(&context.settings.home)
        .map_err(|error| Failure::configuration(error_chain(&error)).caused_by(error))?;
    let Some(file) = file else { return Ok(()) };
    context
        .terminal
        .print_json(&json!({ "url": address(&file), "pid": file.pid }))
}

/// Returns the server's address without a trailing slash, so that a path can be appended.
fn address(file: &AccessPointFile) -> &str {
    file.url.as_str().trim_end_matches('/')
}

/// The signals that end a server. SIGHUP keeps its default action, so a closed terminal ends the
/// server unless `nohup` is used.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Failure::general("failed to install the signal handlers").caused_by(error)
            })
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
