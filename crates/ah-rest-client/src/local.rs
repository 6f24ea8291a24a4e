//! Discovery of the access point of this user on this host.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use ah_rest_api_contract::AccessPointFile;

use crate::builder::{InvalidClient, RestClientBuilder};
use crate::client::RestClient;
use crate::connection::Connection;

/// The error of [`RestClient::local`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// The environment does not determine the state folder.
    #[error("cannot determine the state folder: set AH_HOME or HOME")]
    NoStateFolder,
    /// A variable is not valid UTF-8.
    #[error("{name} is not valid UTF-8")]
    Variable {
        /// The name of the variable.
        name: &'static str,
    },
    /// No access point runs on the state folder.
    #[error("no access point runs here: there is no {}", file.display())]
    NotRunning {
        /// The missing file.
        file: PathBuf,
    },
    /// The file cannot be read.
    #[error("failed to read {}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file has another format.
    #[error("failed to parse {}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// The URL or the key is invalid.
    #[error(transparent)]
    Invalid(#[from] InvalidClient),
}

impl RestClient {
    /// Creates a client of the access point that the command `ah` uses in this environment.
    ///
    /// `AH_REMOTE_SERVER` is its URL, and `AH_API_KEY` its key. Without the first, both are in the
    /// file [`AccessPointFile::NAME`] in the state folder: `AH_HOME`, or `agent-harbor` in
    /// `XDG_STATE_HOME`, which is `~/.local/state` by default. A server that was killed leaves its
    /// file, so that requests fail as unreachable.
    ///
    /// The client of a file follows its server: after a lost connection or a refused key it reads
    /// the file again. A server that restarts on another port, or with another key, is therefore
    /// found by further calls and by streams that reconnect.
    ///
    /// # Errors
    /// No server runs here, or its file or the environment is invalid.
    pub fn local() -> Result<Self, LocalError> {
        local(|name| env::var_os(name).filter(|value| !value.is_empty()))
    }

    /// Creates a client of the access point that keeps this file. It follows the server to new
    /// addresses, as [`RestClient::local`] does.
    ///
    /// # Errors
    /// The file is missing or invalid.
    pub fn from_file(file: &Path) -> Result<Self, LocalError> {
        let path = file.to_owned();
        let find_server = Box::new(move || match reconnect(&path) {
            Ok(connection) => Some(connection),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "the server's address cannot be read");
                None
            }
        });
        Ok(configure(file)?.build_following(Some(find_server))?)
    }
}

/// Creates a connection to the server that keeps this file.
fn reconnect(file: &Path) -> Result<Connection, LocalError> {
    Ok(configure(file)?.connect()?)
}

/// Returns the configuration of a client of the server that keeps this file. The file is small and
/// local, so that reading it blocks for no notable time.
fn configure(file: &Path) -> Result<RestClientBuilder, LocalError> {
    let text = fs::read(file).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => LocalError::NotRunning { file: file.into() },
        _ => LocalError::Unreadable {
            file: file.into(),
            source,
        },
    })?;
    let found: AccessPointFile =
        serde_json::from_slice(&text).map_err(|source| LocalError::Malformed {
            file: file.into(),
            source,
        })?;
    let key = found.api_key.as_ref().map(|key| key.expose());
    Ok(builder(found.url.as_str(), key))
}

fn local(variable: impl Fn(&str) -> Option<OsString>) -> Result<RestClient, LocalError> {
    let text = |name: &'static str| {
        let value = variable(name).map(OsString::into_string).transpose();
        value.map_err(|_| LocalError::Variable { name })
    };
    if let Some(url) = text("AH_REMOTE_SERVER")?.filter(|url| url != "none") {
        return Ok(builder(&url, text("AH_API_KEY")?.as_deref()).build()?);
    }
    let folder = state_folder(variable).ok_or(LocalError::NoStateFolder)?;
    RestClient::from_file(&folder.join(AccessPointFile::NAME))
}

fn state_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if let Some(home) = variable("AH_HOME") {
        return Some(home.into());
    }
    // The XDG specification requires a relative XDG_STATE_HOME to be ignored.
    let state = variable("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(Path::new(&variable("HOME")?).join(".local/state")));
    Some(state?.join("agent-harbor"))
}

fn builder(url: &str, key: Option<&str>) -> RestClientBuilder {
    let builder = RestClient::builder(url);
    match key {
        Some(key) => builder.api_key(key),
        None => builder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<RestClient, LocalError> {
        local(|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn variables_override_the_file() {
        let url = ("AH_REMOTE_SERVER", "http://127.0.0.1:3001");
        let client = with(&[url, ("AH_API_KEY", "key"), ("AH_HOME", "/missing")]).unwrap();
        assert_eq!(client.base_url().as_str(), "http://127.0.0.1:3001/");
    }

    #[test]
    fn file_is_found_in_the_state_folder() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        let missing = with(&[("AH_HOME", home)]).unwrap_err();
        assert!(
            matches!(missing, LocalError::NotRunning { .. }),
            "{missing}"
        );

        let file = folder.path().join(AccessPointFile::NAME);
        fs::write(&file, "{").unwrap();
        let malformed = with(&[("AH_HOME", home)]).unwrap_err();
        assert!(
            matches!(malformed, LocalError::Malformed { .. }),
            "{malformed}"
        );

        let json = r#"{"url": "http://127.0.0.1:4001", "pid": 1, "version": "0.1.0"}"#;
        fs::write(&file, json).unwrap();
        for variables in [
            vec![("AH_HOME", home)],
            vec![("AH_HOME", home), ("AH_REMOTE_SERVER", "none")],
        ] {
            let client = with(&variables).unwrap();
            assert_eq!(client.base_url().port(), Some(4001));
        }
    }

    #[test]
    fn state_folder_follows_the_xdg_specification() {
        let at = |variables: &[(&str, &str)]| {
            state_folder(|name| {
                let found = variables.iter().find(|(variable, _)| *variable == name);
                found.map(|(_, value)| OsString::from(value))
            })
        };
        let home = ("HOME", "/h");
        let default = Some(PathBuf::from("/h/.local/state/agent-harbor"));
        assert_eq!(at(&[home]), default);
        assert_eq!(at(&[("XDG_STATE_HOME", "relative"), home]), default);
        let moved = Some(PathBuf::from("/x/agent-harbor"));
        assert_eq!(at(&[("XDG_STATE_HOME", "/x"), home]), moved);
        assert_eq!(at(&[("AH_HOME", "/a"), home]), Some(PathBuf::from("/a")));
        assert_eq!(at(&[]), None);
    }
}
