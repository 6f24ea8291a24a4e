//! The client of a running access point.

use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::{AccessPointFile, ApiKeyText, TaskManager, error_chain};
use ah_rest_client::RestClient;
use ah_rest_server::{read_published, running};
use rustix::process::{Pid, test_kill_process};

use crate::environment::{self, CommandSettings, Remote};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::variables::AH_REMOTE_SERVER;

/// The time limit for a server's first response. A command waits for it before anything else, so it
/// leaves room for a busy host.
const HEALTH_PATIENCE: Duration = Duration::from_secs(5);

/// Returns the task manager of the access point to use; `None` for an engine in this process.
pub(crate) async fn manager(
    settings: &CommandSettings,
) -> Result<Option<Arc<dyn TaskManager>>, Failure> {
    let client = match &settings.remote {
        Remote::None => return Ok(None),
        Remote::At(url) => {
            let client = client(url, settings.api_key.as_ref()).map_err(|failure| {
                failure.hint(format!(
                    "--remote-server and {} take a URL, or `none`",
                    AH_REMOTE_SERVER.name
                ))
            })?;
            check_health(&client, url).await?;
            client
        }
        Remote::Running => match published(settings)? {
            None => return Ok(None),
            Some(server) => {
                let client = client(server.url.as_str(), server.api_key.as_ref())?;
                let url = server.url.as_str().trim_end_matches('/');
                check_health(&client, &format!("{url} (process {})", server.pid))
                    .await
                    .map_err(|failure| failure.hint("`--remote-server none` runs without it"))?;
                client
            }
        },
    };
    Ok(Some(Arc::new(client)))
}

fn client(url: &str, key: Option<&ApiKeyText>) -> Result<RestClient, Failure> {
    let mut builder = RestClient::builder(url);
    if let Some(key) = key {
        builder = builder.api_key(key.expose());
    }
    builder
        .build()
        .map_err(|error| Failure::validation(error_chain(&error)).caused_by(error))
}

/// Returns the server that runs on the state folder. The file of a killed server is ignored.
fn published(settings: &CommandSettings) -> Result<Option<AccessPointFile>, Failure> {
    let unreadable = |error| {
        Failure::configuration(error_chain(&error))
            .hint("`--remote-server none` runs without the access point")
            .caused_by(error)
    };
    environment::check(&settings.home)?;
    let Some(file) = read_published(&settings.home).map_err(unreadable)? else {
        return Ok(None);
    };
    if !is_alive(file.pid) {
        return Ok(None);
    }
    // The process id may have been reused. Then the lock of the server is free.
    running(&settings.home).map_err(unreadable)
}

fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // EPERM means that the process exists and belongs to another user.
    pid.is_some_and(|pid| !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH)))
}

/// Checks that the server at `place` responds, so that a command does not hang for long.
async fn check_health(client: &RestClient, place: &str) -> Result<(), Failure> {
    match tokio::time::timeout(HEALTH_PATIENCE, client.health()).await {
        // Any response will do. The command's own request is retried while a server starts, and
        // reports errors in more detail.
        Ok(_) => Ok(()),
        Err(elapsed) => Err(Failure::new(
            ExitCode::Network,
            format!(
                "the access point at {place} did not respond within {} s",
                HEALTH_PATIENCE.as_secs()
            ),
        )
        .caused_by(elapsed)),
    }
}
