//! `ah task`.

mod options;
mod queue;
mod repository;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::{
    EventSeq, LaunchedTask, Page, PermissionPolicy, RepoConfig, Session, SessionStatus,
    TaskLaunchParams, TaskManager,
};
use ah_scenario::{Defines, Scenario, UnknownEntry};
use options::TaskOptions;
use serde_json::Value;

use super::confirm::confirm;
use super::default_agent::{self, DEMO};
use super::{follow, wait};
use crate::args::TaskArgs;
use crate::context::Context;
use crate::environment::CommandSettings;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::follow::{Screen, Signals};
use crate::local::Scheduling;
use crate::session_ref::short;
use crate::style::{Line, Paint};
use crate::text::{self, quoted};

/// The maximum size of a prompt or scenario file, in bytes. The task manager has its own limits.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// The maximum number of sessions that are launched without a question. The help names it.
const INSTANCES_UNASKED: u32 = 5;

/// Launches a task.
pub(crate) async fn run(args: TaskArgs, context: &Context) -> Result<ExitCode, Failure> {
    // The arguments are validated before anything is opened or created.
    let request = TypedTask::read(&args)?;
    let named = request.agent.as_deref();
    let params = request.params(named.unwrap_or(DEMO), &args, &context.settings)?;
    let follow = TaskOptions::of(&args, &context.settings)?.follow;
    for warning in &request.warnings {
        context.terminal.warn(warning);
    }
    let mut signals = Signals::listen()?;
    if args.instances > INSTANCES_UNASKED && !args.yes {
        let wanted = confirm(
            &format!("launch {} agents", args.instances),
            "--yes launches them without asking",
            context,
            &mut signals,
        )
        .await?;
        if let Some(code) = wanted {
            return Ok(code);
        }
    }
    context
        .with_manager(Scheduling::Serve, async |manager| {
            let params = match named {
                Some(_) => params,
                None => {
                    let agent = default_agent(manager.as_ref(), context).await?;
                    request.params(&agent, &args, &context.settings)?
                }
            };
            let launched = manager.launch_task(params).await?;
            let sessions = launched.session_ids.clone();
            let going = async {
                if !follow {
                    return until_started(manager, launched, context, &mut signals).await;
                }
                for id in &sessions {
                    announce(*id, context);
                }
                let sessions = sessions.clone();
                follow::to_the_end(manager, sessions, EventSeq::START, context, &mut signals).await
            };
            tokio::select! {
                result = going => result,
                waiting = queue::announce(manager.as_ref(), &sessions, context) => match waiting {},
            }
        })
        .await
}

/// Chooses the agent of a task that names none, and says which one and why.
async fn default_agent(manager: &dyn TaskManager, context: &Context) -> Result<String, Failure> {
    let agents = Page::all(|page| manager.list_agents(page)).await?.items;
    let choice = default_agent::choose(&agents, &context.settings);
    if !context.json {
        context.terminal.hint(choice.reason);
    }
    Ok(choice.agent)
}

/// Prints the session's id, so that a follower knows it as early as possible.
fn announce(id: ah_rest_api_contract::SessionId, context: &Context) {
    if !context.json {
        context
            .terminal
            .note(&Line::of(Paint::Dim, format!("session {id}")));
    }
}

/// Waits until every session runs or has ended, and prints how to follow them.
async fn until_started(
    manager: &Arc<dyn TaskManager>,
    launched: LaunchedTask,
    context: &Context,
    signals: &mut Signals,
) -> Result<ExitCode, Failure> {
    let mut screen = Screen::new(context.terminal);
    let started = tokio::select! {
        sessions = started(manager, &launched, &mut screen) => Some(sessions?),
        _ = signals.next() => None,
    };
    screen.clear_foot();
    let interrupted = started.is_none();
    let sessions = match started {
        Some(sessions) => sessions,
        None => sessions_of(manager, &launched).await?,
    };
    report(&launched, &sessions, context)?;
    Ok(if interrupted {
        ExitCode::Detached
    } else {
        code_of(&sessions)
    })
}

async fn started(
    manager: &Arc<dyn TaskManager>,
    launched: &LaunchedTask,
    screen: &mut Screen,
) -> Result<Vec<Session>, Failure> {
    let has_started = |status: SessionStatus| {
        !matches!(status, SessionStatus::Queued | SessionStatus::Provisioning)
    };
    for session in sessions_of(manager, launched).await? {
        let id = short(session.id);
        screen.spin(&format!("{id} {}", session.status), Duration::ZERO);
        wait::until(manager.as_ref(), &session, has_started, |words| {
            screen.spin(&format!("{id} {words}"), Duration::ZERO);
        })
        .await?;
    }
    sessions_of(manager, launched).await
}

async fn sessions_of(
    manager: &Arc<dyn TaskManager>,
    launched: &LaunchedTask,
) -> Result<Vec<Session>, Failure> {
    let mut sessions = Vec::with_capacity(launched.session_ids.len());
    for id in &launched.session_ids {
        sessions.push(manager.get_session(*id).await?);
    }
    Ok(sessions)
}

/// Prints the ids to standard output for scripts, and everything else to standard error.
fn report(launched: &LaunchedTask, sessions: &[Session], context: &Context) -> Result<(), Failure> {
    if context.json {
        return context.terminal.print_json(launched);
    }
    for session in sessions {
        context.terminal.print_raw(&format!("{}\n", session.id))?;
        let mut line = Line::of(Paint::Plain, session.status.as_str());
        if let Some(reason) = &session.reason {
            line = line.with(Paint::Plain, format!(": {}", text::one_line(reason)));
        }
        context.terminal.note(&line);
    }
    if let Some(session) = sessions
        .iter()
        .find(|session| !session.status.is_terminal())
    {
        let id = short(session.id);
        // A queued session starts only while an `ah` process with an engine runs.
        context.terminal.hint(match session.status {
            SessionStatus::Queued => {
                format!("queued; run `ah session follow {id}` to start it once a slot is free")
            }
            SessionStatus::Provisioning => format!(
                "its workspace is created while an `ah` process runs; go on with `ah session follow \
                 {id}`"
            ),
            _ => format!("the agent keeps running; follow it with `ah session follow {id}`"),
        });
    }
    Ok(())
}

/// Returns the exit code of the launch. A session that has already ended may have failed to start.
fn code_of(sessions: &[Session]) -> ExitCode {
    sessions
        .iter()
        .filter(|session| session.status.is_terminal())
        .map(crate::follow::exit_code)
        .fold(ExitCode::Ok, ExitCode::or)
}

/// The parts of a task that are read once, before anything is opened.
struct TypedTask {
    prompt: String,
    repo: RepoConfig,
    /// Warnings about parts of it that will have no effect.
    warnings: Vec<String>,
    scenario: Option<Value>,
    /// The named agent; `None` for the default one.
    agent: Option<String>,
}

impl TypedTask {
    fn read(args: &TaskArgs) -> Result<Self, Failure> {
        let prompt = match (args.words.as_slice(), &args.prompt_file) {
            ([], Some(path)) => read_text(path, "prompt")?,
            ([], None) => String::new(),
            ([prompt], _) => prompt.clone(),
            (words, _) => return Err(unquoted(words)),
        };
        let scenario = args.scenario.as_deref().map(read_scenario).transpose()?;
        let (scenario, mut warnings) = match scenario {
            Some((setting, warnings)) => (Some(setting), warnings),
            None => (None, Vec::new()),
        };
        let agent = match (&scenario, &args.agent) {
            (Some(_), Some(agent)) if type_and_version(agent).0 != DEMO => {
                return Err(Failure::validation(format!(
                    "--scenario requires the agent `{DEMO}`, not `{agent}`"
                ))
                .hint("omit --agent"));
            }
            (Some(_), None) => Some(DEMO.to_owned()),
            (_, agent) => agent.clone(),
        };
        let (repo, warning) = repo_config(args)?;
        warnings.extend(warning);
        Ok(Self {
            prompt,
            repo,
            warnings,
            scenario,
            agent,
        })
    }

    /// Returns the parameters of the launch with this agent.
    fn params(
        &self,
        agent: &str,
        args: &TaskArgs,
        settings: &CommandSettings,
    ) -> Result<TaskLaunchParams, Failure> {
        let options = TaskOptions::of(args, settings)?;
        let (prompt, repo) = (self.prompt.clone(), self.repo.clone());
        let (agent, version) = type_and_version(agent);
        let params = TaskLaunchParams::builder(prompt, repo, agent)
            .with(|request| {
                for selection in &mut request.agents {
                    selection.version = version.map(str::to_owned);
                    selection.model.clone_from(&options.model);
                    selection.count = args.instances;
                    if let Some(scenario) = &self.scenario {
                        selection
                            .settings
                            .insert("scenario".to_owned(), scenario.clone());
                    }
                }
                request.labels = args.labels.iter().cloned().collect();
                request.priority = options.priority.into();
                request.interactive = options.interactive;
                request.timeout_ms = options
                    .timeout
                    .map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
                request.permissions = PermissionPolicy::without_rules(options.permissions.into());
            })
            .build()?;
        Ok(params)
    }
}

/// Splits `TYPE@VERSION`. No type of an agent has an `@`.
fn type_and_version(agent: &str) -> (&str, Option<&str>) {
    match agent.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (agent, None),
    }
}

/// Returns the failure for a prompt without quotes, which the shell has split into words.
fn unquoted(words: &[String]) -> Failure {
    let count = words.len();
    Failure::validation(format!("the prompt is {count} words; put quotes around it"))
        .hint(format!("ah task {}", quoted(&words.join(" "))))
}

/// Returns the repository with its starting point, and a warning about what is left out.
fn repo_config(args: &TaskArgs) -> Result<(RepoConfig, Option<String>), Failure> {
    let url = match args.repo.as_deref() {
        Some("none") => None,
        Some(text) => Some(repository::named(text)?),
        None => Some(repository::of_current_folder()?),
    };
    let Some(url) = url else {
        if args.branch.is_some() || args.commit.is_some() || args.with_changes {
            return Err(Failure::validation(
                "--branch, --commit and --with-changes require a repository and cannot be used \
                 with --repo none",
            ));
        }
        return Ok((RepoConfig::none(), None));
    };
    let start = repository::start(&url, args)?;
    let repo = RepoConfig {
        branch: start.branch,
        commit: start.commit,
        ..RepoConfig::git(url)
    };
    Ok((repo, start.warning))
}

/// Reads a text file, or standard input for `-`.
fn read_text(path: &Path, what: &str) -> Result<String, Failure> {
    let failed = |error: std::io::Error| {
        Failure::validation(format!(
            "failed to read the {what} file {}: {error}",
            path.display()
        ))
        .caused_by(error)
    };
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)
    };
    read.map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::validation(format!(
            "the {what} file {} exceeds {FILE_BYTES_MAX} bytes",
            path.display()
        )));
    }
    String::from_utf8(bytes).map_err(|error| {
        Failure::validation(format!("the {what} file {} is not UTF-8", path.display()))
            .caused_by(error)
    })
}

/// Reads and validates a scenario file, and returns it as an agent setting, with warnings about it.
fn read_scenario(path: &Path) -> Result<(Value, Vec<String>), Failure> {
    let yaml = read_text(path, "scenario")?;
    let refused = |error: ah_scenario::ScenarioError| {
        Failure::validation(format!("invalid scenario {}: {error}", path.display()))
            .caused_by(error)
    };
    let scenario = Scenario::from_yaml(&yaml).map_err(refused)?;
    let script = scenario.resolve(&Defines::default()).map_err(refused)?;
    let warnings = script.unknown_entries().map(|entry| {
        let meant = entry
            .similar
            .map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
        let UnknownEntry { place, name, .. } = entry;
        format!("the entry `{name}` at {place} of the scenario is unknown and not played{meant}")
    });
    let warnings = warnings.collect();
    let setting = serde_saphyr::from_str(&yaml).map_err(|error| {
        Failure::validation(format!(
            "failed to convert the scenario {} to JSON",
            path.display()
        ))
        .caused_by(error)
    })?;
    Ok((setting, warnings))
}

#[cfg(test)]
mod tests;
