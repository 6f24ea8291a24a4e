//! The access point in a setting.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::net::TcpSocket;

use crate::http::Http;
use crate::setting::{Setting, wait_for};

/// A reserved port, so that a restarted server can use the same one: it is bound, but never
/// listened on.
pub(crate) struct Port {
    _bound: TcpSocket,
    pub(crate) number: u16,
}

impl Port {
    pub(crate) fn reserve() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        Self {
            number: socket.local_addr().unwrap().port(),
            _bound: socket,
        }
    }

    /// Returns true if a server listens on it.
    pub(crate) fn is_listened_on(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.number)).is_ok()
    }
}

/// A server that accepts requests. It ends with its setting.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) port: Port,
}

impl Server {
    pub(crate) fn start(setting: &Setting) -> Self {
        Self::start_at(setting, Port::reserve())
    }

    /// Starts a server whose command `change` wraps in another one.
    pub(crate) fn start_with(setting: &Setting, change: impl FnOnce(&Command) -> Command) -> Self {
        let port = Port::reserve();
        let child = spawned(change(&command(setting, &port)), Stdio::piped());
        Self::listening(child, port)
    }

    pub(crate) fn start_at(setting: &Setting, port: Port) -> Self {
        let child = spawn(setting, &port, Stdio::piped());
        Self::listening(child, port)
    }

    /// Waits until the server accepts requests.
    fn listening(mut child: Child, port: Port) -> Self {
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ready["pid"], child.id());
        let url = format!("http://127.0.0.1:{}", port.number);
        assert_eq!(ready["url"], url);
        Self { child, port }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number)
    }

    /// Returns an HTTP client with the key of the setting.
    pub(crate) fn http(&self, setting: &Setting) -> Http {
        let key = setting.published()["apiKey"].as_str().unwrap().to_owned();
        Http {
            address: format!("127.0.0.1:{}", self.port.number),
            key: Some(key),
        }
    }

    /// Kills it with -9.
    pub(crate) fn kill(mut self) -> Port {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.port
    }

    /// Kills it with -9, and starts a new one.
    pub(crate) fn replace(self, setting: &Setting) -> Self {
        let port = self.kill();
        Self::start_at(setting, port)
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Shuts it down gracefully.
    pub(crate) fn end(mut self) {
        self.signal(Signal::TERM);
        assert!(self.child.wait().unwrap().success());
    }
}

/// Starts a server that may not accept requests yet.
pub(crate) fn spawn(setting: &Setting, port: &Port, stdout: Stdio) -> Child {
    spawned(command(setting, port), stdout)
}

fn command(setting: &Setting, port: &Port) -> Command {
    let port = port.number.to_string();
    setting.ah(&["agent", "access-point", "--json", "--port", &port])
}

fn spawned(mut command: Command, stdout: Stdio) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Setting {
    /// Returns the server's file in the state folder.
    pub(crate) fn published(&self) -> Value {
        let path = self.home().join("access-point.json");
        wait_for("the server to be found", || path.exists());
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }
}
