//! nginx with nchan, a baseline for many readers, if it is installed (`libnginx-mod-nchan`).
//!
//! It has one worker: a message to readers of another worker takes a detour.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::connection::Endpoint;
use crate::server;

/// The paths at which messages are posted and read.
pub(crate) const PUBLISH: &str = "/publish";
pub(crate) const SUBSCRIBE: &str = "/subscribe";
/// The places of the module in the packages of distributions.
const MODULES: [&str; 2] = [
    "/usr/lib/nginx/modules/ngx_nchan_module.so",
    "/usr/lib64/nginx/modules/ngx_nchan_module.so",
];
/// The number of messages that are kept for readers, above that of any measurement.
const KEPT: u32 = 1_000;
/// The pause between two tries to connect.
const PAUSE: Duration = Duration::from_millis(5);

/// The installed program.
pub(crate) struct Program {
    nginx: PathBuf,
    module: &'static str,
}

/// A running nginx. Dropping it kills it.
pub(crate) struct Nginx {
    pub(crate) endpoint: Endpoint,
    process: Child,
}

/// Returns the program, if it is installed.
pub(crate) fn find() -> Option<Program> {
    let module = MODULES.into_iter().find(|file| Path::new(file).is_file())?;
    // The folder of programs of the system is not in the path of every user.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let nginx = std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join("nginx"))
        .find(|file| file.is_file())?;
    Some(Program { nginx, module })
}

impl Program {
    /// Starts the program with its files in `home`, and waits until it accepts connections.
    pub(crate) async fn start(&self, home: &Path) -> anyhow::Result<Nginx> {
        let port = free_port()?;
        let home_text = home.display();
        let module = self.module;
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {home_text}/{name};"))
            .concat();
        let settings = format!(
            "load_module {module};
daemon off;
worker_processes 1;
worker_rlimit_nofile 8192;
pid {home_text}/nginx.pid;
error_log {home_text}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    {temporary}
    tcp_nodelay on;
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = {PUBLISH} {{
            nchan_publisher; nchan_channel_id lines;
            nchan_message_buffer_length {KEPT};
        }}
        # The head of a response is sent before its reader is known to all workers.
        location = {SUBSCRIBE} {{
            nchan_subscriber eventsource; nchan_channel_id lines;
            nchan_subscriber_first_message oldest;
        }}
    }}
}}
"
        );
        let file = home.join("nginx.conf");
        fs::write(&file, settings)?;
        let process = Command::new(&self.nginx)
            .arg("-p")
            .arg(home)
            .arg("-e")
            .arg(home.join("error.log"))
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("failed to start nginx")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let began = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            let log = fs::read_to_string(home.join("error.log")).unwrap_or_default();
            ensure!(began.elapsed() < server::MAX, "nginx did not start: {log}");
            tokio::time::sleep(PAUSE).await;
        }
        let endpoint = Endpoint { address, key: None };
        Ok(Nginx { endpoint, process })
    }
}

impl Nginx {
    /// Ends it with its workers.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        let id = self.process.id().context("nginx ended by itself")?;
        let pid = Pid::from_raw(i32::try_from(id)?).context("nginx has no process id")?;
        kill_process(pid, Signal::TERM).context("failed to end nginx")?;
        tokio::time::timeout(server::MAX, self.process.wait())
            .await
            .context("nginx did not end in time")??;
        Ok(())
    }
}

/// Returns a port that was free a moment ago. nginx cannot choose one itself.
fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
