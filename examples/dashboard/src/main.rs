//! The dashboard in a terminal: on a server, on an engine in this process, or on a mock.
//!
//! ```text
//! AH_API_KEY=… dashboard --server http://127.0.0.1:3001
//! dashboard --in-process /tmp/harbor --launch "Take stock" --repository "$PWD"
//! dashboard --mock --launch "Take stock"
//! ```
//!
//! A typed line is sent as a prompt to the first session that accepts one.

mod in_process;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::TaskManager;
use ah_rest_client::RestClient;
use ah_rest_mock_client::MockTaskManager;
use anyhow::Context as _;
use clap::Parser;
use dashboard::{Board, Counts, Dashboard, draw};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, Stdin, stdin};
use tokio::runtime::Runtime;
use tokio::signal::ctrl_c;
use tokio::time::interval;

use in_process::Engine;

/// The minimum time between two frames.
const PICTURE: Duration = Duration::from_millis(100);

/// Shows the sessions of a task manager, until Ctrl-C or, with --launch, until all have ended.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Args {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    source: Source,
    /// The key for the server
    #[arg(long, env = "AH_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// Launch a task with this prompt
    #[arg(long, value_name = "PROMPT")]
    launch: Option<String>,
    /// The repository of the task; an empty folder by default
    #[arg(long, value_name = "URL", requires = "launch")]
    repository: Option<String>,
    /// The agent of the task
    #[arg(long, default_value = "scenario")]
    agent: String,
}

/// The task manager; exactly one option.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// The access point at this URL
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// An engine in this process, with its state in this folder
    #[arg(long, value_name = "FOLDER")]
    in_process: Option<PathBuf>,
    /// A mock, which only plays
    #[arg(long)]
    mock: bool,
}

/// The roles in which an engine starts this program: the recorder of a session, or the built-in
/// agent. They are separate processes, provided by the program that embeds the engine.
#[derive(clap::Subcommand)]
enum Role {
    /// Record the session whose folder this is
    #[command(hide = true)]
    Record {
        #[arg(long)]
        folder: PathBuf,
    },
    /// Be the built-in agent with these settings
    #[command(hide = true)]
    Act {
        #[arg(long)]
        settings: PathBuf,
    },
}

fn main() -> ExitCode {
    let args = Args::parse();
    match &args.role {
        Some(Role::Record { folder }) => return ah_recorder::main(folder),
        Some(Role::Act { settings }) => return ah_agents::scenario_agent::main(settings),
        None => {}
    }
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> anyhow::Result<()> {
    let runtime = Runtime::new().context("failed to start the runtime")?;
    let result = runtime.block_on(show(args));
    // A blocked read of standard input cannot be cancelled.
    runtime.shutdown_background();
    result
}

async fn show(args: Args) -> anyhow::Result<()> {
    let mut engine = None;
    let manager: Arc<dyn TaskManager> = if let Some(url) = &args.source.server {
        let mut client = RestClient::builder(url);
        if let Some(key) = &args.api_key {
            client = client.api_key(key);
        }
        Arc::new(client.build()?)
    } else if let Some(folder) = &args.source.in_process {
        engine.insert(Engine::start(folder).await?).manager()
    } else {
        Arc::new(MockTaskManager::builder().build())
    };
    let result = follow(manager, &args).await;
    if let Some(engine) = engine {
        engine.shutdown().await;
    }
    result
}

/// Shows the dashboard of a task manager, independent of its implementation.
async fn follow(manager: Arc<dyn TaskManager>, args: &Args) -> anyhow::Result<()> {
    let mut dashboard = Dashboard::open(manager).await?;
    if let Some(prompt) = &args.launch {
        let repository = args.repository.as_deref();
        dashboard.launch(prompt, repository, &args.agent).await?;
    }
    let mut screen = Screen::of_stdout();
    let mut pictures = interval(PICTURE);
    let mut lines: Option<Lines<BufReader<Stdin>>> = Some(BufReader::new(stdin()).lines());
    loop {
        if args.launch.is_some() && dashboard.board().counts().live() == 0 {
            return screen.finish(dashboard.board());
        }
        tokio::select! {
            () = dashboard.changed() => {}
            _ = pictures.tick() => screen.show(dashboard.board())?,
            line = next(&mut lines) => match line.context("failed to read what is typed")? {
                Some(text) => say(&dashboard, &text).await,
                None => lines = None,
            },
            stopped = ctrl_c() => {
                stopped.context("failed to listen for Ctrl-C")?;
                return screen.finish(dashboard.board());
            }
        }
    }
}

/// Returns the next typed line; pending forever at the end of the input.
async fn next(lines: &mut Option<Lines<BufReader<Stdin>>>) -> io::Result<Option<String>> {
    match lines {
        Some(lines) => lines.next_line().await,
        None => std::future::pending().await,
    }
}

/// Sends a line to the first session that accepts a prompt.
async fn say(dashboard: &Dashboard, text: &str) {
    let cards = dashboard.board().cards();
    let Some(card) = cards.into_iter().find(|card| card.takes_prompts()) else {
        eprintln!("no session takes a prompt now");
        return;
    };
    match dashboard.prompt(card.session().id, text).await {
        Ok(_) => eprintln!("said to {}", card.session().id),
        Err(error) => eprintln!("it was not said: {error}"),
    }
}

/// The output for frames of the board.
struct Screen {
    is_terminal: bool,
    shown: String,
    counts: Counts,
}

impl Screen {
    fn of_stdout() -> Self {
        Self {
            is_terminal: io::stdout().is_terminal(),
            shown: String::new(),
            counts: Counts::default(),
        }
    }

    /// Shows the board if it has changed. If frames are printed one below the other, only changed
    /// counts are shown.
    fn show(&mut self, board: &Board) -> anyhow::Result<()> {
        if self.is_terminal || board.counts() != self.counts {
            self.draw(board)?;
        }
        Ok(())
    }

    /// Shows the final board.
    fn finish(&mut self, board: &Board) -> anyhow::Result<()> {
        self.draw(board)
    }

    fn draw(&mut self, board: &Board) -> anyhow::Result<()> {
        let picture = draw(board);
        if picture == self.shown {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        // Moves to the upper left corner, and clears the screen.
        let begin = if self.is_terminal { "\x1b[H\x1b[J" } else { "" };
        writeln!(stdout, "{begin}{picture}")
            .and_then(|()| stdout.flush())
            .context("failed to draw the dashboard")?;
        self.shown = picture;
        self.counts = board.counts();
        Ok(())
    }
}
