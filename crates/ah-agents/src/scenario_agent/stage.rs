//! The agent at its work: it takes prompts, plays the script's turns, and heeds the driver at
//! every moment in between.

mod act;
mod attend;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use ah_rest_api_contract::{
    ContentBlock, ErrorEvent, EventPayload, Log, LogLevel, Message, MessageId, MessageRole,
    PromptContent,
};
use ah_scenario::{Action, Condition, Defines, Script, Settings, Speed, Step, fill};
use futures::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

use super::Leaving;
use super::outbox::Outbox;
use super::output::Output;
use super::wire::{FromAgent, ToAgent};
use super::workspace::Workspace;
use crate::protocol::TurnOutcome;

/// The agent.
pub(super) struct Stage<R, W> {
    inbox: FramedRead<R, LinesCodec>,
    outbox: Outbox<W>,
    workspace: Workspace,
    script: Arc<Script>,
    speed: Speed,
    defines: Defines,
    /// The step that comes next.
    cursor: usize,
    /// The prompt of the turn.
    prompt: String,
    /// For each permission request that was answered, in order, whether leave was given.
    leave: Vec<(usize, bool)>,
    /// How many tools were used, for their names.
    tools_used: u64,
    /// How many times leave was asked, for the keys of the requests.
    times_asked: u64,
    /// What was said and what tools gave back, as far as assertions can look back.
    said: Output,
}

/// Why a turn is cut short.
#[derive(Debug)]
pub(super) enum Cut {
    /// Somebody interrupted it.
    Interrupted,
    /// The agent leaves.
    Leaving(Leaving),
}

impl From<Leaving> for Cut {
    fn from(leaving: Leaving) -> Self {
        Self::Leaving(leaving)
    }
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Stage<R, W> {
    pub(super) fn new(
        inbox: FramedRead<R, LinesCodec>,
        outbox: Outbox<W>,
        workspace: Workspace,
        settings: Settings,
    ) -> Self {
        let Settings {
            script,
            speed,
            defines,
        } = settings;
        Self {
            inbox,
            outbox,
            workspace,
            script,
            speed,
            defines,
            cursor: 0,
            prompt: String::new(),
            leave: Vec::new(),
            tools_used: 0,
            times_asked: 0,
            said: Output::default(),
        }
    }

    /// Takes prompts until the agent leaves.
    pub(super) async fn run(&mut self) -> Leaving {
        loop {
            let leaving = match self.hear().await {
                None => Leaving::InputEnded,
                Some(ToAgent::Prompt { content, .. }) => match self.turn(&content).await {
                    Ok(()) => continue,
                    Err(leaving) => leaving,
                },
                // Nothing is going on that an interrupt could end or an answer be meant for.
                Some(ToAgent::Interrupt | ToAgent::Answer { .. }) => continue,
            };
            return leaving;
        }
    }

    /// Plays a turn, and says how it ended.
    async fn turn(&mut self, content: &PromptContent) -> Result<(), Leaving> {
        self.prompt = content.text();
        let outcome = match self.play_turn().await {
            Ok(outcome) => outcome,
            Err(Cut::Interrupted) => TurnOutcome::Interrupted,
            Err(Cut::Leaving(leaving)) => return Err(leaving),
        };
        if outcome != TurnOutcome::Completed {
            self.give_up_turn();
        }
        self.outbox.say(&FromAgent::TurnEnded(outcome)).await
    }

    async fn play_turn(&mut self) -> Result<TurnOutcome, Cut> {
        if self.cursor >= self.script.steps.len() {
            let text = format!(
                "The scenario `{}` has ended; there is no more to play.",
                self.script.name
            );
            self.say(text).await?;
            return Ok(TurnOutcome::Completed);
        }
        while let Some(step) = self.script.steps.get(self.cursor).cloned() {
            self.cursor += 1;
            if !self.is_due(&step).await? {
                continue;
            }
            self.pause(step.delay).await?;
            if let Some(outcome) = self.act(&step).await? {
                return Ok(outcome);
            }
        }
        Ok(TurnOutcome::Completed)
    }

    /// What is left of a turn that did not go well is not played: the next prompt is the one that
    /// the script waits for next.
    fn give_up_turn(&mut self) {
        let rest = &self.script.steps[self.cursor.min(self.script.steps.len())..];
        let boundary = rest
            .iter()
            .position(|step| matches!(step.action, Action::AwaitPrompt(_)));
        self.cursor = match boundary {
            Some(index) => self.cursor + index + 1,
            None => self.script.steps.len(),
        };
    }

    /// Whether the conditions of a step are met. That something was skipped for want of leave is
    /// said.
    async fn is_due(&mut self, step: &Step) -> Result<bool, Cut> {
        for condition in &step.conditions {
            let given = |number: usize| {
                let answer = self
                    .leave
                    .iter()
                    .rev()
                    .find(|(request, _)| *request == number);
                answer.map(|(_, given)| *given)
            };
            match *condition {
                Condition::IfGranted { request } if given(request) != Some(true) => {
                    return Ok(false);
                }
                Condition::IfDenied { request } if given(request) != Some(false) => {
                    return Ok(false);
                }
                Condition::NeedsLeave { request } if given(request) != Some(true) => {
                    let what = match &step.action {
                        Action::UseTool(call) => call.tool_name.clone(),
                        Action::Edit(edit) => format!("the edit of {}", edit.path),
                        _ => step.place.clone(),
                    };
                    self.log(
                        LogLevel::Info,
                        format!("skipped {what}: leave was not given"),
                    )
                    .await?;
                    return Ok(false);
                }
                Condition::IfGranted { .. }
                | Condition::IfDenied { .. }
                | Condition::NeedsLeave { .. } => {}
            }
        }
        Ok(true)
    }

    /// The next thing the driver says; `None` when it says no more. A line that is not understood
    /// is reported where people look when something is wrong, and passed over.
    async fn hear(&mut self) -> Option<ToAgent> {
        loop {
            let line = match self.inbox.next().await? {
                Ok(line) => line,
                Err(LinesCodecError::MaxLineLengthExceeded) => {
                    tracing::warn!("passed over a line that is too long");
                    continue;
                }
                Err(LinesCodecError::Io(error)) => {
                    tracing::warn!(%error, "the agent's input cannot be read");
                    return None;
                }
            };
            match serde_json::from_str(&line) {
                Ok(said) => return Some(said),
                Err(error) => tracing::warn!(%error, "passed over a line that is not understood"),
            }
        }
    }

    /// Takes in what the driver said in the middle of a turn.
    async fn heed(&mut self, said: Option<ToAgent>) -> Result<(), Cut> {
        match said {
            None => Err(Leaving::InputEnded.into()),
            Some(ToAgent::Interrupt) => Err(Cut::Interrupted),
            Some(ToAgent::Prompt { content, .. }) => {
                let text = format!(
                    "I heard you: “{}”. I go on with what I am at.",
                    content.text()
                );
                self.say(text).await
            }
            Some(ToAgent::Answer { key, .. }) => {
                self.log(
                    LogLevel::Debug,
                    format!("an answer came to `{key}`, which was not asked"),
                )
                .await
            }
        }
    }

    /// Waits for `work`, and heeds the driver meanwhile.
    async fn heed_while<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Cut> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                said = self.hear() => self.heed(said).await?,
                done = &mut work => return Ok(done),
            }
        }
    }

    /// Waits for a delay of the script.
    async fn pause(&mut self, delay: std::time::Duration) -> Result<(), Cut> {
        if delay.is_zero() {
            return Ok(());
        }
        self.heed_while(tokio::time::sleep(self.speed.scale(delay)))
            .await
    }

    /// A text of the script with the prompt and the defines in it.
    fn filled(&self, text: &str) -> String {
        fill(text, &self.prompt, &self.defines)
    }

    async fn event(&mut self, event: EventPayload) -> Result<(), Cut> {
        Ok(self.outbox.event(event).await?)
    }

    async fn log(&mut self, level: LogLevel, message: String) -> Result<(), Cut> {
        let log = Log {
            level,
            message,
            tool_execution_id: None,
        };
        self.event(EventPayload::Log(log)).await
    }

    async fn error(&mut self, message: String) -> Result<(), Cut> {
        self.event(EventPayload::Error(ErrorEvent { message }))
            .await
    }

    /// Says a whole message.
    async fn say(&mut self, text: String) -> Result<(), Cut> {
        let id = self.outbox.message_id();
        self.say_as(id, vec![ContentBlock::Text { text }]).await
    }

    async fn say_as(
        &mut self,
        message_id: MessageId,
        content: Vec<ContentBlock>,
    ) -> Result<(), Cut> {
        self.event(EventPayload::Message(Message {
            role: MessageRole::Assistant,
            message_id,
            content,
            author: None,
            delivery: None,
            prompt_id: None,
        }))
        .await
    }
}
