//! The execution of instructions.

use std::future::pending;

use ah_rest_api_contract::{EphemeralEvent, EventPayload, FileEdit, LogLevel};
use ah_scenario::{Assertion, Instruction, PermissionAsk, ScriptedEdit, ScriptedToolUse};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Cut, Stage};
use crate::scenario_agent::edit::{LineCounts, edited};
use crate::scenario_agent::tool::files::{store, text_of};
use crate::scenario_agent::wire::{AskPermission, FromAgent, ToAgent};
use crate::scenario_agent::{ExitCause, assertion};
use ah_lifecycle::TurnOutcome;

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Stage<R, W> {
    /// Carries out the instructions of a turn, and returns its outcome.
    pub(super) async fn play_turn(&mut self) -> Result<TurnOutcome, Cut> {
        loop {
            match self.interpreter.next_instruction() {
                Instruction::Wait(delay) => self.pause(delay).await?,
                Instruction::Event(event) => {
                    self.note_event(&event);
                    self.event(event).await?;
                }
                Instruction::Ephemeral(event) => {
                    if let EphemeralEvent::MessageDelta(delta) = &event {
                        self.note_delta(delta);
                    }
                    self.outbox.ephemeral(event).await?;
                }
                Instruction::Ask { key, ask } => self.ask(key, ask).await?,
                Instruction::Tool(tool) => self.use_tool(&tool).await?,
                Instruction::Edit(edit) => self.make_edit(edit).await?,
                Instruction::Read {
                    tool,
                    path,
                    expected,
                } => self.read_file(&tool, &path, expected).await?,
                Instruction::Assert { place, assertion } => self.check(place, assertion).await?,
                Instruction::Block => self.with_input(pending()).await?,
                Instruction::EndTurn(outcome) => return Ok(outcome),
                Instruction::Exit(code) => return Err(ExitCause::Code(code).into()),
                Instruction::Crash => return Err(ExitCause::Crash.into()),
            }
        }
    }

    /// Checks an assertion. If it does not hold, the turn fails.
    async fn check(&mut self, place: String, assertion: Assertion) -> Result<(), Cut> {
        let output = self.output.text();
        let workspace = self.workspace.clone();
        let checked = self
            .with_input(async move { assertion::check(&assertion, &workspace, &output).await })
            .await?;
        match checked {
            Ok(()) => self.log(LogLevel::Debug, format!("{place} holds")).await,
            Err(problem) => {
                self.interpreter.fail(format!("{place}: {problem}"));
                Ok(())
            }
        }
    }

    /// Changes a file by the number of its lines. A failure is an error event, and the turn goes
    /// on.
    async fn make_edit(&mut self, edit: ScriptedEdit) -> Result<(), Cut> {
        let path = edit.path;
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
                "{path} has only {} lines to remove; the scenario requires {}",
                counts.removed, wanted.removed
            );
            self.log(LogLevel::Warn, message).await?;
        }
        self.event(EventPayload::FileEdit(FileEdit::new(
            path,
            counts.added,
            counts.removed,
        )))
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

    /// Reads a file with the tool for it, and logs a difference from the expected content.
    async fn read_file(
        &mut self,
        tool: &ScriptedToolUse,
        path: &str,
        expected: Option<String>,
    ) -> Result<(), Cut> {
        self.use_tool(tool).await?;
        let Some(expected) = expected else {
            return Ok(());
        };
        let file = self.workspace.resolve(path).ok();
        let found = file.and_then(|file| text_of(path, &file).ok().flatten());
        if found.as_ref() != Some(&expected) {
            let message = format!("{path} does not have the content that the scenario expects");
            self.log(LogLevel::Warn, message).await?;
        }
        Ok(())
    }

    /// Requests permission and waits for the answer.
    async fn ask(&mut self, key: String, ask: PermissionAsk) -> Result<(), Cut> {
        self.outbox
            .send(&FromAgent::AskPermission(AskPermission {
                key: key.clone(),
                tool_name: ask.tool_name,
                tool_args: ask.tool_args,
                options: ask.options,
            }))
            .await?;
        let option_id = loop {
            match self.next_input().await {
                Some(ToAgent::Answer {
                    key: answered,
                    option_id,
                }) if answered == key => {
                    break option_id;
                }
                other => self.on_input(other).await?,
            }
        };
        self.interpreter.answered(option_id.as_deref());
        Ok(())
    }
}
