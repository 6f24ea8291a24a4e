//! What each action of a script does.

use std::future::pending;

use ah_rest_api_contract::{
    ContentBlock, EphemeralEvent, ErrorEvent, EventPayload, FileEdit, LogLevel, MessageDelta,
    PermissionOption, Plan, Thought, ToolOutcome,
};
use ah_scenario::{
    Action, ExpectedAnswer, FileRead, PermissionAsk, Piece, ScriptedEdit, Step, ToolCall, fill_args,
};
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Cut, Stage};
use crate::protocol::TurnOutcome;
use crate::scenario_agent::edit::{LineCounts, edited};
use crate::scenario_agent::tool::files::{store, text_of};
use crate::scenario_agent::wire::{AskPermission, FromAgent, ToAgent};
use crate::scenario_agent::{Leaving, assertion};

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Stage<R, W> {
    /// Does what a step says. With an outcome, the turn is over.
    pub(super) async fn act(&mut self, step: &Step) -> Result<Option<TurnOutcome>, Cut> {
        match &step.action {
            Action::Think(thought) => {
                let thought = self.filled(thought);
                self.event(EventPayload::Thought(Thought {
                    thought,
                    reasoning: None,
                }))
                .await?;
            }
            Action::Say(pieces) => self.say_pieces(pieces).await?,
            Action::Plan(plan) => self.state_plan(plan).await?,
            Action::ModelError(error) => {
                let message = self.filled(&error.message);
                self.event(EventPayload::Error(ErrorEvent { message }))
                    .await?;
            }
            Action::UseTool(call) => self.use_tool(call).await?,
            Action::Edit(edit) => self.make_edit(edit).await?,
            Action::Read(read) => self.read_file(read).await?,
            Action::Ask(ask) => self.ask(ask).await?,
            Action::Wait => {}
            Action::Log(log) => {
                let message = self.filled(&log.message);
                self.log(log.level, message).await?;
            }
            Action::Progress(progress) => {
                self.event(EventPayload::Progress(progress.clone())).await?;
            }
            Action::Usage(usage) => self.event(EventPayload::Usage(usage.clone())).await?,
            Action::Assert(claim) => {
                let said = self.said.text();
                let (workspace, claim) = (self.workspace.clone(), claim.clone());
                let checked = self
                    .heed_while(async move { assertion::check(&claim, &workspace, &said).await })
                    .await?;
                return match checked {
                    Ok(()) => {
                        self.log(LogLevel::Debug, format!("{} holds", step.place))
                            .await?;
                        Ok(None)
                    }
                    Err(problem) => self.fail(format!("{}: {problem}", step.place)).await,
                };
            }
            Action::AwaitPrompt(_) => return Ok(Some(TurnOutcome::Completed)),
            Action::Complete => {
                self.cursor = self.script.steps.len();
                return Ok(Some(TurnOutcome::Completed));
            }
            Action::Fail(reason) => {
                let reason = self.filled(reason);
                return self.fail(reason).await;
            }
            Action::Exit(code) => return Err(Leaving::Exit(*code).into()),
            Action::Crash => return Err(Leaving::Crash.into()),
            Action::Hang => self.heed_while(pending()).await?,
            Action::NotPlayed(entry) => {
                self.log(LogLevel::Debug, format!("not played: {entry}"))
                    .await?;
            }
        }
        Ok(None)
    }

    async fn fail(&mut self, reason: String) -> Result<Option<TurnOutcome>, Cut> {
        self.error(reason.clone()).await?;
        Ok(Some(TurnOutcome::Failed { reason }))
    }

    /// A message: each piece as a delta when its time comes, then the whole.
    async fn say_pieces(&mut self, pieces: &[Piece]) -> Result<(), Cut> {
        let message_id = self.outbox.message_id();
        let mut content: Vec<ContentBlock> = Vec::new();
        for piece in pieces {
            self.pause(piece.delay).await?;
            let ContentBlock::Text { text } = &piece.content else {
                content.push(piece.content.clone());
                continue;
            };
            let delta = self.filled(text);
            self.said.push(delta.as_bytes());
            // Pieces of text that follow each other are one text.
            match content.last_mut() {
                Some(ContentBlock::Text { text }) => text.push_str(&delta),
                _ => content.push(ContentBlock::text(delta.as_str())),
            }
            let delta = MessageDelta { message_id, delta };
            self.outbox
                .ephemeral(EphemeralEvent::MessageDelta(delta))
                .await?;
        }
        self.said.push(b"\n");
        self.say_as(message_id, content).await
    }

    async fn state_plan(&mut self, plan: &Plan) -> Result<(), Cut> {
        let mut plan = plan.clone();
        for entry in &mut plan.entries {
            entry.content = self.filled(&entry.content);
        }
        self.event(EventPayload::Plan(plan)).await
    }

    /// Changes a file by the number of its lines. What cannot be changed is an error of the
    /// agent's, and the turn goes on.
    async fn make_edit(&mut self, edit: &ScriptedEdit) -> Result<(), Cut> {
        let path = self.filled(&edit.path);
        let wanted = LineCounts {
            added: edit.lines_added,
            removed: edit.lines_removed,
        };
        let counts = match self.edit_file(&path, wanted) {
            Ok(counts) => counts,
            Err(problem) => return self.error(format!("could not edit {problem}")).await,
        };
        if counts != wanted {
            let message = format!(
                "{path} had only {} lines to remove, and the scenario wanted {}",
                counts.removed, wanted.removed
            );
            self.log(LogLevel::Warn, message).await?;
        }
        self.event(EventPayload::FileEdit(FileEdit {
            file_path: path,
            lines_added: counts.added,
            lines_removed: counts.removed,
            description: None,
        }))
        .await
    }

    fn edit_file(&self, path: &str, wanted: LineCounts) -> Result<LineCounts, String> {
        let file = self
            .workspace
            .resolve(path)
            .map_err(|error| error.to_string())?;
        let text = text_of(path, &file)?.unwrap_or_default();
        let (text, counts) = edited(&file, &text, wanted);
        store(path, &file, &text)?;
        Ok(counts)
    }

    /// Reads a file with the tool for it, and says when it is not what the scenario expects.
    async fn read_file(&mut self, read: &FileRead) -> Result<(), Cut> {
        let path = self.filled(&read.path);
        self.use_tool(&ToolCall {
            tool_name: "readFile".to_owned(),
            args: Map::from_iter([("path".to_owned(), Value::String(path.clone()))]),
            call_id: None,
            progress: Vec::new(),
            result: None,
            outcome: Some(ToolOutcome::Completed),
            execution: None,
        })
        .await?;
        let Some(expected) = &read.expected_content else {
            return Ok(());
        };
        let file = self.workspace.resolve(&path).ok();
        let found = file.and_then(|file| text_of(&path, &file).ok().flatten());
        if found.as_ref() != Some(expected) {
            let message = format!("{path} does not hold what the scenario expects");
            self.log(LogLevel::Warn, message).await?;
        }
        Ok(())
    }

    /// Asks leave, and remembers the answer for the steps that depend on it.
    async fn ask(&mut self, ask: &PermissionAsk) -> Result<(), Cut> {
        self.times_asked += 1;
        let key = format!("ask-{}", self.times_asked);
        let tool_args = fill_args(&ask.tool_args, |text| self.filled(text));
        self.outbox
            .say(&FromAgent::AskPermission(AskPermission {
                key: key.clone(),
                tool_name: ask.tool_name.clone(),
                tool_args,
                options: ask.options.clone(),
            }))
            .await?;
        let option_id = loop {
            match self.hear().await {
                Some(ToAgent::Answer {
                    key: answered,
                    option_id,
                }) if answered == key => {
                    break option_id;
                }
                other => self.heed(other).await?,
            }
        };
        let chosen = option_id
            .as_ref()
            .and_then(|id| ask.options.iter().find(|option| option.id == *id));
        self.leave.push((
            ask.number,
            chosen.is_some_and(|option| option.kind.allows()),
        ));
        if let Some(expected) = &ask.expected
            && !is_as_expected(expected, chosen)
        {
            let answer = chosen.map_or("cancelled", |option| option.id.as_str());
            let message = format!("the scenario did not expect the answer `{answer}`");
            self.log(LogLevel::Debug, message).await?;
        }
        Ok(())
    }
}

fn is_as_expected(expected: &ExpectedAnswer, chosen: Option<&PermissionOption>) -> bool {
    match expected {
        ExpectedAnswer::Option(id) => chosen.is_some_and(|option| option.id == *id),
        ExpectedAnswer::Cancelled => chosen.is_none(),
        ExpectedAnswer::Granted => chosen.is_some_and(|option| option.kind.allows()),
        ExpectedAnswer::Denied => chosen.is_none_or(|option| !option.kind.allows()),
    }
}
