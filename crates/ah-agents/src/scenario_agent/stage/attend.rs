//! A tool use, from `tool_use` to `tool_result`.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use ah_rest_api_contract::{
    EphemeralEvent, EventPayload, LogLevel, ToolOutcome, ToolProgress, ToolResult, ToolUse,
};
use ah_scenario::{ExecutionOutput, ProgressLine, ScriptedToolUse, ToolCall, ToolExecution};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::process::Command;
use tokio::time::{Instant, sleep_until};

use super::{Cut, Stage};
use crate::scenario_agent::command::{CommandOutput, Running};
use crate::scenario_agent::output::{BoundedOutput, shortened};
use crate::scenario_agent::tool::{Ran, ToolContext, ToolWork, prepare};

/// The minimum interval between two progress events of a command.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// The outcome of a tool use.
struct Outcome {
    ran: Ran,
    exit_code: Option<i32>,
}

impl From<Ran> for Outcome {
    fn from(ran: Ran) -> Self {
        Self {
            ran,
            exit_code: None,
        }
    }
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Stage<R, W> {
    /// Uses a tool: runs it if the agent has it, otherwise reports the scenario's result.
    pub(super) async fn use_tool(&mut self, tool: &ScriptedToolUse) -> Result<(), Cut> {
        let call = &tool.call;
        self.event(EventPayload::ToolUse(ToolUse::new(
            tool.id.clone(),
            call.tool_name.clone(),
            call.args.clone(),
        )))
        .await?;
        if let Some(execution) = &call.execution {
            let outcome = self.perform(tool, execution).await?;
            return self.report(tool, outcome).await;
        }
        // Files are changed after the progress lines, commands run during them.
        if !call.runs_command() {
            self.show_lines(tool, &call.progress).await?;
        }
        let context = ToolContext {
            workspace: &self.workspace,
            prompt: self.interpreter.prompt(),
            defines: self.interpreter.defines(),
        };
        let outcome = match prepare(&call.tool_name, &call.args, &context) {
            Ok(ToolWork::Done(ran)) => ran.into(),
            Ok(ToolWork::Command(command)) => self.run_command(tool, command).await?,
            Ok(ToolWork::EditingCommand(command, watched)) => {
                let mut outcome = self.run_command(tool, command).await?;
                outcome.ran.edit = watched.edit();
                outcome
            }
            Ok(ToolWork::NotHere(why)) => as_scripted(call, why).into(),
            Err(problem) => Ran::failed(problem).into(),
        };
        let came_out = outcome.ran.outcome;
        self.report(tool, outcome).await?;
        match call.outcome {
            Some(expected) if expected != came_out => {
                let message = format!(
                    "the scenario expected {} to be {}, and it is {}",
                    call.tool_name,
                    in_words(expected),
                    in_words(came_out)
                );
                self.log(LogLevel::Warn, message).await
            }
            _ => Ok(()),
        }
    }

    /// Plays a tool use without running anything.
    async fn perform(
        &mut self,
        tool: &ScriptedToolUse,
        execution: &ToolExecution,
    ) -> Result<Outcome, Cut> {
        let call = &tool.call;
        let mut lines = call.progress.clone();
        let mut printed = BoundedOutput::default();
        let mut exit_code = None;
        let mut end = Duration::ZERO;
        for event in &execution.events {
            end = end.max(event.at);
            match &event.output {
                ExecutionOutput::Printed(text) => {
                    printed.push(text.as_bytes());
                    let message = text.trim().to_owned();
                    lines.push(ProgressLine {
                        at: event.at,
                        message,
                    });
                }
                ExecutionOutput::Report(text) => {
                    lines.push(ProgressLine {
                        at: event.at,
                        message: text.clone(),
                    });
                }
                ExecutionOutput::Completed { exit_code: code } => exit_code = *code,
            }
        }
        lines.sort_by_key(|line| line.at);
        let began = Instant::now();
        self.show_lines(tool, &lines).await?;
        let end = began + self.speed.scale(end);
        self.with_input(sleep_until(end)).await?;
        let by_code = match exit_code {
            None | Some(0) => ToolOutcome::Completed,
            Some(_) => ToolOutcome::Failed,
        };
        let output = call.result.clone().unwrap_or_else(|| printed.text());
        let outcome = call.outcome.unwrap_or(by_code);
        let ran = Ran {
            outcome,
            ..Ran::completed(shortened(output))
        };
        Ok(Outcome { ran, exit_code })
    }

    /// Runs a command to its end. If the turn is cut short, the command's process group is killed
    /// before the return, and its output so far is reported.
    async fn run_command(
        &mut self,
        tool: &ScriptedToolUse,
        command: Command,
    ) -> Result<Outcome, Cut> {
        let mut running = match Running::start(command) {
            Ok(running) => running,
            Err(error) => return Ok(Ran::failed(format!("could not be started: {error}")).into()),
        };
        let mut output = BoundedOutput::default();
        let watched = self
            .watch(tool, &tool.call.progress, &mut running, &mut output)
            .await;
        let cut = match watched {
            Ok(Ok(status)) => return Ok(ended(&output, status)),
            Ok(Err(error)) => {
                let text = format!("{}\n[its output could not be read: {error}]", output.text());
                stop(running).await;
                return Ok(Ran::failed(shortened(text)).into());
            }
            Err(cut) => cut,
        };
        stop(running).await;
        if matches!(cut, Cut::Interrupted) {
            let text = format!("{}\n[interrupted]", output.text());
            self.report(tool, Ran::failed(shortened(text)).into())
                .await?;
        }
        Err(cut)
    }

    /// Shows the progress lines of the scenario.
    async fn show_lines(
        &mut self,
        tool: &ScriptedToolUse,
        lines: &[ProgressLine],
    ) -> Result<(), Cut> {
        let began = Instant::now();
        for line in lines {
            let due = began + self.speed.scale(line.at);
            self.with_input(sleep_until(due)).await?;
            self.show(tool, line.message.clone()).await?;
        }
        Ok(())
    }

    /// Shows progress until the command has ended and all lines of the scenario are shown.
    async fn watch(
        &mut self,
        tool: &ScriptedToolUse,
        lines: &[ProgressLine],
        running: &mut Running,
        output: &mut BoundedOutput,
    ) -> Result<io::Result<ExitStatus>, Cut> {
        let began = Instant::now();
        let mut lines = lines.iter().peekable();
        let mut shown: Option<Instant> = None;
        let mut status = None;
        loop {
            let due = lines.peek().map(|line| began + self.speed.scale(line.at));
            if let (None, Some(status)) = (due, status) {
                return Ok(Ok(status));
            }
            tokio::select! {
                biased;
                message = self.next_input() => self.on_input(message).await?,
                () = sleep_until(due.unwrap_or(began)), if due.is_some() => {
                    if let Some(line) = lines.next() {
                        self.show(tool, line.message.clone()).await?;
                    }
                }
                news = running.next(), if status.is_none() => match news {
                    Ok(CommandOutput::Printed(bytes)) => {
                        output.push(&bytes);
                        if shown.is_none_or(|at| at.elapsed() >= PROGRESS_INTERVAL) {
                            shown = Some(Instant::now());
                            self.show(tool, output.last_line()).await?;
                        }
                    }
                    Ok(CommandOutput::Ended(ended)) => status = Some(ended),
                    Err(error) => return Ok(Err(error)),
                },
            }
        }
    }

    async fn show(&mut self, tool: &ScriptedToolUse, last_line: String) -> Result<(), Cut> {
        let progress = ToolProgress::new(tool.id.clone(), tool.call.tool_name.clone(), last_line);
        Ok(self
            .outbox
            .ephemeral(EphemeralEvent::ToolProgress(progress))
            .await?)
    }

    /// Reports the outcome of a tool use: first its edit, then its result.
    async fn report(&mut self, tool: &ScriptedToolUse, outcome: Outcome) -> Result<(), Cut> {
        let Outcome { ran, exit_code } = outcome;
        if let Some(edit) = ran.edit {
            self.event(EventPayload::FileEdit(edit)).await?;
        }
        if let Some(plan) = ran.plan {
            self.event(EventPayload::Plan(plan)).await?;
        }
        self.output.push(ran.output.as_bytes());
        self.output.push(b"\n");
        self.event(EventPayload::ToolResult(
            ToolResult::new(
                tool.id.clone(),
                tool.call.tool_name.clone(),
                ran.outcome,
                ran.output,
            )
            .with_exit_code(exit_code),
        ))
        .await
    }
}

/// Kills a command; a failure is logged and the turn continues.
async fn stop(running: Running) {
    if let Err(error) = running.kill().await {
        tracing::warn!(%error, "a killed command could not be waited for");
    }
}

fn ended(output: &BoundedOutput, status: ExitStatus) -> Outcome {
    let mut text = output.text();
    if let Some(signal) = status.signal() {
        text.push_str(&format!("\n[ended by signal {signal}]"));
    }
    let ran = if status.success() {
        Ran::completed(shortened(text))
    } else {
        Ran::failed(shortened(text))
    };
    Outcome {
        ran,
        exit_code: status.code(),
    }
}

/// Returns the scenario's result of an unknown tool; without a result it fails.
fn as_scripted(call: &ToolCall, why: &str) -> Ran {
    match (&call.result, call.outcome) {
        (None, None) => Ran::failed(why.to_owned()),
        (result, outcome) => Ran {
            outcome: outcome.unwrap_or(ToolOutcome::Completed),
            ..Ran::completed(shortened(result.clone().unwrap_or_default()))
        },
    }
}

fn in_words(outcome: ToolOutcome) -> &'static str {
    outcome.as_str()
}
