//! The access point that commands go to, when there is one.

use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::{AccessPointFile, ApiKeyText, TaskManager};
use ah_rest_client::{RestClient, RestTaskManager};
use ah_rest_server::{read_published, running};
use rustix::process::{Pid, test_kill_process};

use crate::environment::{AH_REMOTE_SERVER, Remote, Settings};
use crate::exit_code::ExitCode;
use crate::failure::{Failure, in_words};

/// How long a server may take to say that it is there. A command waits for it before anything else,
/// and a host that is very busy is no reason to fail.
const HEALTH_PATIENCE: Duration = Duration::from_secs(5);

/// The task manager behind the access point to use; `None` when the engine is to be in this
/// process.
pub(crate) async fn manager(settings: &Settings) -> Result<Option<Arc<dyn TaskManager>>, Failure> {
    let client = match &settings.remote {
        Remote::None => return Ok(None),
        Remote::At(url) => {
            let client = client(url, settings.api_key.as_ref()).map_err(|failure| {
                failure.hint(format!(
                    "--remote-server and {} take a URL, or `none`",
                    AH_REMOTE_SERVER.name
                ))
            })?;
            greet(&client, url).await?;
            client
        }
        Remote::Running => match published(settings)? {
            None => return Ok(None),
            Some(server) => {
                let client = client(server.url.as_str(), server.api_key.as_ref())?;
                let url = server.url.as_str().trim_end_matches('/');
                greet(&client, &format!("{url} (process {})", server.pid))
                    .await
                    .map_err(|failure| failure.hint("`--remote-server none` goes without it"))?;
                client
            }
        },
    };
    Ok(Some(Arc::new(RestTaskManager::new(client))))
}

fn client(url: &str, key: Option<&ApiKeyText>) -> Result<RestClient, Failure> {
    let mut builder = RestClient::builder(url);
    if let Some(key) = key {
        builder = builder.api_key(key.expose());
    }
    builder
        .build()
        .map_err(|error| Failure::validation(in_words(&error)).caused_by(error))
}

/// The server that runs on the state folder. What one that was killed left behind is none.
fn published(settings: &Settings) -> Result<Option<AccessPointFile>, Failure> {
    let unreadable = |error| {
        Failure::configuration(in_words(&error))
            .hint("`--remote-server none` goes without the access point")
            .caused_by(error)
    };
    let Some(file) = read_published(&settings.home).map_err(unreadable)? else {
        return Ok(None);
    };
    if !is_alive(file.pid) {
        return Ok(None);
    }
    // Another process may have got the number of a server that is gone: then nobody holds its lock.
    running(&settings.home).map_err(unreadable)
}

fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // One of another user is alive as well.
    pid.is_some_and(|pid| !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH)))
}

/// Makes sure that the server at `place` does not hang, so that nobody waits long for it.
async fn greet(client: &RestClient, place: &str) -> Result<(), Failure> {
    match tokio::time::timeout(HEALTH_PATIENCE, client.health()).await {
        // Whatever came of it: the command's own request is repeated while a server starts, and
        // says better what is wrong.
        Ok(_) => Ok(()),
        Err(elapsed) => Err(Failure::new(
            ExitCode::Network,
            format!(
                "the access point at {place} does not answer within {} s",
                HEALTH_PATIENCE.as_secs()
            ),
        )
        .caused_by(elapsed)),
    }
}
