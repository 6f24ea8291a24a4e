//! The driver of the built-in scenario agent, whose lines are the contract's own types.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use ah_rest_api_contract::{PromptContent, PromptId};

use ah_lifecycle::turns::{AgentInput, AgentOutput, OtherClaims, ToolRequest};

use super::protocol::Driver;
use crate::scenario_agent::wire::{FromAgent, ToAgent};
use crate::{AgentProgram, DriverKind, SessionFolder};

#[derive(Debug)]
pub(super) struct ScenarioDriver;

impl Driver for ScenarioDriver {
    fn command(&self, agent: &AgentProgram, folder: &SessionFolder) -> io::Result<Vec<String>> {
        let path = folder.settings();
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(&serde_json::to_vec(&agent.settings)?)?;
        let path = path.into_os_string().into_string().map_err(|path| {
            io::Error::other(format!("the path {} is not UTF-8", path.display()))
        })?;
        let mut command = agent.argv.clone();
        command.extend(["--settings".to_owned(), path]);
        Ok(command)
    }

    fn files(&self, folder: &SessionFolder) -> Vec<PathBuf> {
        vec![folder.settings()]
    }

    fn ends_with_input(&self) -> bool {
        true
    }

    fn line(&mut self, line: &[u8], output: &mut Vec<AgentOutput>, _to_agent: &mut Vec<u8>) {
        output.push(match serde_json::from_slice(line) {
            Ok(FromAgent::Ready { version }) => AgentOutput::Ready {
                version: Some(version),
                agent_session_id: None,
            },
            Ok(FromAgent::Event(event)) => AgentOutput::Event(event),
            Ok(FromAgent::Ephemeral(event)) => AgentOutput::Ephemeral(event),
            Ok(FromAgent::AskPermission(asked)) => AgentOutput::PermissionRequest(ToolRequest {
                key: asked.key,
                tool_name: asked.tool_name,
                tool_args: asked.tool_args,
                options: asked.options,
                other: OtherClaims::default(),
                is_tool: true,
            }),
            Ok(FromAgent::TurnEnded(outcome)) => AgentOutput::TurnEnded(outcome),
            Err(error) => AgentOutput::Malformed(error.to_string()),
        });
    }
}

impl AgentInput for ScenarioDriver {
    fn can_steer(&self) -> bool {
        DriverKind::Scenario.can_steer()
    }

    fn begin(&mut self, _to_agent: &mut Vec<u8>) {
        // The agent begins by itself.
    }

    fn prompt(
        &mut self,
        prompt_id: PromptId,
        content: &PromptContent,
        to_agent: &mut Vec<u8>,
    ) -> Result<(), String> {
        let content = content.clone();
        say(&ToAgent::Prompt { prompt_id, content }, to_agent);
        Ok(())
    }

    fn reacts_later(&self) -> bool {
        true
    }

    fn interrupt(&mut self, to_agent: &mut Vec<u8>) {
        say(&ToAgent::Interrupt, to_agent);
    }

    fn answer(&mut self, key: &str, option: Option<&str>, to_agent: &mut Vec<u8>) {
        let answer = ToAgent::Answer {
            key: key.to_owned(),
            option_id: option.map(str::to_owned),
        };
        say(&answer, to_agent);
    }
}

fn say(message: &ToAgent, to_agent: &mut Vec<u8>) {
    let start = to_agent.len();
    match serde_json::to_writer(&mut *to_agent, message) {
        Ok(()) => to_agent.push(b'\n'),
        Err(error) => {
            // Text, maps with text keys and options of them always serialize. A partial line would
            // corrupt the next one.
            to_agent.truncate(start);
            tracing::error!(%error, "a message to the agent could not be written as JSON");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ah_lifecycle::TurnOutcome;

    fn read(line: &str) -> Vec<AgentOutput> {
        let mut output = Vec::new();
        let mut to_agent = Vec::new();
        ScenarioDriver.line(line.as_bytes(), &mut output, &mut to_agent);
        assert_eq!(to_agent, b"", "this driver never answers by itself");
        output
    }

    #[test]
    fn lines_are_parsed() {
        assert_eq!(
            read(r#"{"ready":{"version":"1.2"}}"#),
            [AgentOutput::Ready {
                version: Some("1.2".into()),
                agent_session_id: None,
            }]
        );
        assert_eq!(
            read(r#"{"turn_ended":{"turn":"interrupted"}}"#),
            [AgentOutput::TurnEnded(TurnOutcome::Interrupted)]
        );
        assert!(matches!(&read("not json")[..], [AgentOutput::Malformed(_)]));
    }

    #[test]
    fn each_message_is_one_line() {
        let mut out = Vec::new();
        ScenarioDriver
            .prompt(
                "prompt-01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
                &PromptContent::from("two\nlines"),
                &mut out,
            )
            .unwrap();
        ScenarioDriver.interrupt(&mut out);
        ScenarioDriver.answer("k", None, &mut out);
        let lines: Vec<ToAgent> = out
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        assert!(matches!(lines[0], ToAgent::Prompt { .. }));
        assert_eq!(lines[1], ToAgent::Interrupt);
        assert_eq!(
            lines[2],
            ToAgent::Answer {
                key: "k".into(),
                option_id: None
            }
        );
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn settings_are_written_to_the_file_in_the_command() {
        let dir = tempfile::tempdir().unwrap();
        let folder = SessionFolder::at(dir.path());
        let agent = AgentProgram {
            agent_type: "scenario".to_owned(),
            driver: DriverKind::Scenario,
            argv: vec!["ah".into(), "play".into()],
            env: std::collections::BTreeMap::new(),
            inherits: crate::Inheritance::default(),
            home: None,
            model: None,
            version: None,
            settings: serde_json::from_str(r#"{"scenario":"demo"}"#).unwrap(),
        };
        let command = ScenarioDriver.command(&agent, &folder).unwrap();
        assert_eq!(command[..3], ["ah", "play", "--settings"]);
        assert_eq!(
            std::fs::read_to_string(&command[3]).unwrap(),
            r#"{"scenario":"demo"}"#
        );
    }
}
