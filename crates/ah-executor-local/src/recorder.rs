//! The recorders of this host.

use std::io;
use std::time::Duration;

use ah_agents::{AgentProgram, LaunchSpec, SessionFolder};
use ah_executor::{AgentLaunch, Attachment, RecorderMessage};
use ah_lifecycle::{Fence, JournalPosition, Request};
use ah_recorder::protocol::RecorderFrame;
use ah_recorder::{ConnectionError, RecorderConnection, RequestSender};
use futures::{StreamExt, sink};

/// Returns the launch spec of the recorder that runs `agent`.
pub(crate) fn launch_spec(launch: &AgentLaunch, agent: AgentProgram) -> LaunchSpec {
    LaunchSpec {
        session_id: launch.session,
        agent,
        sandbox: None,
        workspace: launch.workspace.clone(),
        prompt: launch.prompt.clone(),
        prompt_id: launch.prompt_id,
        author: launch.author.clone(),
        permissions: launch.permissions.clone(),
        interactive: launch.interactive,
        orphan_idle_ms: millis(launch.orphan_idle),
        timeout_ms: launch.timeout.map(millis),
        idle_ms: Some(millis(launch.idle)),
        fence: Some(launch.fence.0),
        stop_grace_ms: millis(launch.stop_grace),
        ready_ms: millis(launch.ready),
    }
}

/// Attaches to the recorder of `folder`.
pub(crate) async fn attach(
    folder: &SessionFolder,
    fence: Fence,
    from: JournalPosition,
) -> io::Result<Attachment> {
    let connection = RecorderConnection::attach(folder, fence.0, from.0)
        .await
        .map_err(io::Error::other)?;
    let requests = sink::unfold(
        connection.requests(),
        |sender: RequestSender, request: Request| async move {
            sender.send(request).await.map_err(io::Error::other)?;
            Ok(sender)
        },
    );
    let messages = connection
        .into_frames()
        .map(|frame| frame.map(message).map_err(connection_error));
    Ok(Attachment {
        messages: Box::pin(messages),
        requests: Box::pin(requests),
    })
}

fn message(frame: RecorderFrame) -> RecorderMessage {
    match frame {
        RecorderFrame::Record { next, record } => RecorderMessage::Record {
            record,
            next: JournalPosition(next),
        },
        RecorderFrame::CaughtUp => RecorderMessage::CaughtUp,
        RecorderFrame::Ephemeral { event } => RecorderMessage::Ephemeral(event),
    }
}

/// Converts an error of a connection. Malformed frames become [`io::ErrorKind::InvalidData`].
fn connection_error(error: ConnectionError) -> io::Error {
    match error {
        ConnectionError::Malformed(error) => io::Error::new(io::ErrorKind::InvalidData, error),
        ConnectionError::Connection(error) => io::Error::other(error),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
