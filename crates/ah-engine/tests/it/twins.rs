//! The engine and the mock, asked the same: whatever is asked in whatever order, both answer alike,
//! come to the same and tell the same log.

use std::cell::Cell;
use std::time::Duration;

use ah_engine::fake_host::Temper;
use ah_rest_api_contract::{
    Activity, CreateTask, DeliveryMode, ErrorKind, EventPayload, EventQuery, EventSeq, EventType,
    PageRequest, PermissionAnswer, PermissionState, PromptRequest, PromptState, RepoConfig,
    SessionEvent, SessionId, SessionStatus, SortOrder, TaskManager, TaskManagerError,
};
use ah_rest_mock_client::MockTaskManager;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::world::{World, launch};

/// How long the engine may take to come to where the mock is, before it counts as having come
/// elsewhere.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it takes to look again, and on a paused clock to be done with all that is due.
const MOMENT: Duration = Duration::from_millis(1);

/// What is asked of a session.
#[derive(Clone, Copy, Debug)]
enum Command {
    Prompt(DeliveryMode),
    /// Takes back the prompt of this number, which there may not be.
    Withdraw(usize),
    Interrupt,
    Pause,
    Resume,
    ResumeWithPrompt,
    Stop,
    Cancel,
    /// Answers the request of this number, which there may not be.
    Answer(usize, &'static str),
}

fn command() -> impl Strategy<Value = Command> {
    use Command as C;
    prop_oneof![
        3 => Just(C::Prompt(DeliveryMode::Queue)),
        2 => Just(C::Prompt(DeliveryMode::Steer)),
        1 => (0..3usize).prop_map(C::Withdraw),
        2 => Just(C::Interrupt),
        3 => Just(C::Pause),
        3 => Just(C::Resume),
        1 => Just(C::ResumeWithPrompt),
        1 => Just(C::Stop),
        1 => Just(C::Cancel),
        3 => (0..2usize, prop::sample::select(vec!["allow", "deny", "neither"]))
            .prop_map(|(number, option)| C::Answer(number, option)),
    ]
}

/// What an agent does, an entry of its timeline.
fn entry() -> impl Strategy<Value = Value> {
    let ask = json!({"agentPermissionRequest": {
        "toolCall": {"toolCallId": "deploy", "title": "Deploy", "kind": "execute"},
        "options": [
            {"id": "allow", "label": "Yes", "kind": "allow_once"},
            {"id": "deny", "label": "No", "kind": "reject_once"},
        ],
    }});
    let granted = json!({"ifGranted": [{"think": [[0, "granted"]]}]});
    let ask = json!({"agentActions": [ask, granted]});
    prop_oneof![
        4 => Just(json!({"think": [[0, "hm"]]})),
        2 => Just(json!({"assistant": [[0, "{{prompt}}"]]})),
        2 => Just(ask),
        3 => Just(json!({"userInputs": [{"input": "go on"}]})),
        2 => Just(json!({"hang": null})),
        1 => Just(json!({"error": "it broke"})),
        1 => Just(json!({"exit": 3})),
    ]
}

/// What the agent does and what is asked.
#[derive(Clone, Debug)]
struct Plot {
    timeline: Vec<Value>,
    interactive: bool,
    commands: Vec<Command>,
}

fn plot() -> impl Strategy<Value = Plot> {
    let timeline = prop::collection::vec(entry(), 1..8);
    let commands = prop::collection::vec(command(), 0..8);
    (timeline, any::<bool>(), commands).prop_map(|(timeline, interactive, commands)| Plot {
        timeline,
        interactive,
        commands,
    })
}

impl Plot {
    fn task(&self) -> CreateTask {
        let mut task = CreateTask::new("do it", RepoConfig::none(), "scenario");
        let mut timeline = vec![json!({"think": [[0, "begun"]]})];
        timeline.extend(self.timeline.clone());
        let scenario = json!({"name": "plot", "timeline": timeline});
        let settings = &mut task.agents[0].settings;
        settings.insert("scenario".to_owned(), scenario);
        task.interactive = self.interactive;
        task
    }
}

/// What a session has come to.
#[derive(Clone, Debug, PartialEq)]
struct Standing {
    status: SessionStatus,
    activity: Option<Activity>,
    last_seq: EventSeq,
    prompts: Vec<PromptState>,
    permissions: Vec<PermissionState>,
}

/// What a plot comes to: after the launch and after each command what it was answered and how the
/// session stands, and in the end the log.
#[derive(Debug, PartialEq)]
struct Outcome {
    steps: Vec<(Option<ErrorKind>, Standing)>,
    log: Vec<(EventType, Option<SessionStatus>, Option<String>)>,
}

async fn standing(manager: &dyn TaskManager, id: SessionId) -> Standing {
    let session = manager.get_session(id).await.unwrap();
    let prompts = manager.list_prompts(id).await.unwrap().items;
    let permissions = manager.list_permissions(id).await.unwrap().items;
    Standing {
        status: session.status,
        activity: session.activity,
        last_seq: session.last_seq,
        prompts: prompts.iter().map(|prompt| prompt.state).collect(),
        permissions: permissions.iter().map(|asked| asked.state).collect(),
    }
}

async fn ask_for(
    manager: &dyn TaskManager,
    id: SessionId,
    command: Command,
) -> Result<(), TaskManagerError> {
    match command {
        Command::Prompt(delivery) => {
            let mut more = PromptRequest::queued("more");
            more.delivery = delivery;
            manager.prompt_session(id, more).await.map(drop)
        }
        Command::Withdraw(number) => {
            let prompts = manager.list_prompts(id).await?.items;
            match prompts.get(number) {
                Some(prompt) => manager.withdraw_prompt(id, prompt.id).await,
                None => Ok(()),
            }
        }
        Command::Interrupt => manager.interrupt_session(id).await.map(drop),
        Command::Pause => manager.pause_session(id).await.map(drop),
        Command::Resume => manager.resume_session(id, None).await.map(drop),
        Command::ResumeWithPrompt => {
            let more = Some("go on".into());
            manager.resume_session(id, more).await.map(drop)
        }
        Command::Stop => manager.stop_session(id, None).await.map(drop),
        Command::Cancel => manager.cancel_session(id).await,
        Command::Answer(number, option) => {
            let asked = manager.list_permissions(id).await?.items;
            let Some(asked) = asked.get(number) else {
                return Ok(());
            };
            let answer = PermissionAnswer::Select(option.to_owned());
            let request = asked.request.request_id;
            manager
                .answer_permission(id, request, answer)
                .await
                .map(drop)
        }
    }
}

/// Plays the plot to its end. `settle` comes to how the session stands once nothing more happens by
/// itself; it is given how many of those there were before.
async fn play(
    manager: &dyn TaskManager,
    plot: &Plot,
    settle: impl AsyncFn(SessionId, usize) -> Standing,
) -> Outcome {
    let id = launch(manager, plot.task()).await;
    let mut steps = vec![(None, settle(id, 0).await)];
    for command in &plot.commands {
        let answered = ask_for(manager, id, *command).await;
        let standing = settle(id, steps.len()).await;
        steps.push((answered.err().map(|error| error.kind()), standing));
    }
    let whole = EventQuery {
        sort: SortOrder::Asc,
        page: PageRequest::largest(),
        ..EventQuery::default()
    };
    let log = manager.list_events(id, whole).await.unwrap();
    let log = log.items.iter().map(gist).collect();
    manager.cancel_session(id).await.unwrap();
    Outcome { steps, log }
}

fn gist(event: &SessionEvent) -> (EventType, Option<SessionStatus>, Option<String>) {
    let (status, said) = match &event.payload {
        EventPayload::Status(change) => (Some(change.status), change.reason.clone()),
        EventPayload::Thought(thought) => (None, Some(thought.thought.clone())),
        EventPayload::Log(log) => (None, Some(log.message.clone())),
        _ => (None, None),
    };
    (event.payload.event_type(), status, said)
}

/// What the plot comes to on the mock, whose clock stands still until nothing is left to do.
fn on_mock(runtime: &Runtime, plot: &Plot) -> Outcome {
    runtime.block_on(async {
        let mock = MockTaskManager::new();
        play(&mock, plot, async |id, _| {
            tokio::time::sleep(MOMENT).await;
            standing(&mock, id).await
        })
        .await
    })
}

/// What the plot comes to on the engine, which is given the time that it takes to come to where
/// the mock is, and is taken as it is when it does not.
async fn on_engine(engine: &dyn TaskManager, plot: &Plot, expected: &Outcome) -> Outcome {
    let is_elsewhere = Cell::new(false);
    play(engine, plot, async |id, step| {
        let wanted = &expected.steps[step].1;
        if is_elsewhere.get() {
            return standing(engine, id).await;
        }
        let come = async {
            while standing(engine, id).await != *wanted {
                tokio::time::sleep(MOMENT).await;
            }
        };
        let come = tokio::time::timeout(PATIENCE, come).await;
        is_elsewhere.set(come.is_err());
        standing(engine, id).await
    })
    .await
}

#[test]
fn engine_and_mock_come_to_the_same() {
    let paused = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let running = Runtime::new().unwrap();
    let world = World::new(Temper::Scripted);
    let engine = running.block_on(world.engine());
    let mut runner = TestRunner::new(Config {
        cases: 60,
        max_shrink_iters: 30,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&plot(), |plot| {
        let expected = on_mock(&paused, &plot);
        let outcome = running.block_on(on_engine(&engine, &plot, &expected));
        if outcome == expected {
            return Ok(());
        }
        Err(TestCaseError::fail(format!(
            "the engine came to {outcome:#?}\nand the mock to {expected:#?}"
        )))
    });
    running.block_on(engine.shutdown());
    result.unwrap_or_else(|failure| panic!("{failure}"));
}
