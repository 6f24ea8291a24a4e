//! A hostile agent: a program that tries to leave its sandbox, at decoys that its test has made.
//!
//! Each attempt prints a line of its name and `done`, or `refused` with the error. On a host without
//! a sandbox the attempts succeed, so they are aimed and bounded: nothing but the decoys is touched.
//!
//! The program is this test binary itself, which the agent of `sandbox` runs with variables.

#![expect(unsafe_code, reason = "it makes the system calls of an attacker")]

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::{Path, PathBuf};

/// The targets of the attempts.
struct Decoys {
    /// A folder with `file`, `secret` and the socket `socket`.
    outside: PathBuf,
    /// The state folder, with the session of another agent.
    state: PathBuf,
    /// The id of that session.
    victim: String,
    /// The id of the own session.
    own: String,
    /// A process outside of the sandbox.
    process: i32,
}

/// Runs all attempts. Without the variables of its test it does nothing.
#[test]
#[ignore = "the hostile agent of the test in `sandbox`, which runs it"]
fn agent() {
    let variable = |name: &str| std::env::var(name).expect("its test sets it");
    let decoys = Decoys {
        outside: variable("HOSTILE_OUTSIDE").into(),
        state: variable("AH_HOME").into(),
        victim: variable("HOSTILE_VICTIM"),
        own: variable("AH_SESSION_ID"),
        process: variable("HOSTILE_PROCESS").parse().expect("is a number"),
    };
    // The name of the test is on the line.
    println!();
    writes(&decoys);
    reads(&decoys);
    own_recorder(&decoys);
    processes(&decoys);
    host(&decoys);
    // Last, since it takes the decoys away.
    tried(
        "remove_home",
        remove_all(Path::new(&std::env::var("HOME").expect("is set"))),
    );
}

fn tried<T>(attempt: &str, result: io::Result<T>) {
    match result {
        Ok(_) => println!("attempt {attempt} done"),
        Err(error) => println!("attempt {attempt} refused: {error}"),
    }
}

fn writes(decoys: &Decoys) {
    let file = decoys.outside.join("file");
    tried("write_file", fs::write(&file, "evil"));
    tried("append_to_file", append(&file));
    tried("create_file", fs::write(decoys.outside.join("new"), "evil"));
    symlink(&decoys.outside, "link").expect("the workspace is writable");
    tried("write_through_link", fs::write("link/file", "evil"));
    let up = "../".repeat(32);
    let around = format!(
        "{up}{}",
        file.strip_prefix("/").expect("is absolute").display()
    );
    tried("write_through_parents", fs::write(around, "evil"));
    tried(
        "hard_link",
        fs::hard_link(&file, "hard").and_then(|()| fs::write("hard", "evil")),
    );
    tried("rename_file", fs::rename(&file, "taken"));
    tried("remove_file", fs::remove_file(&file));
    tried(
        "change_mode",
        fs::set_permissions(&file, Permissions::from_mode(0o000)),
    );
    let elsewhere = decoys.state.join("worktrees").join(&decoys.victim);
    tried(
        "write_other_workspace",
        fs::write(elsewhere.join("README.md"), "evil"),
    );
    let hooks = decoys.state.join("repos");
    tried("write_mirrors", fs::write(hooks.join("evil"), "evil"));
}

fn append(path: &Path) -> io::Result<()> {
    OpenOptions::new()
        .append(true)
        .open(path)?
        .write_all(b"evil")
}

fn reads(decoys: &Decoys) {
    let home = PathBuf::from(std::env::var_os("HOME").expect("is set"));
    let sessions = decoys.state.join("sessions");
    for (attempt, path) in [
        ("read_secret", decoys.outside.join("secret")),
        ("read_ssh_key", home.join(".ssh/id_ed25519")),
        ("read_store", decoys.state.join("state.db")),
        ("read_key", decoys.state.join("access-point.key")),
        (
            "read_other_journal",
            sessions.join(&decoys.victim).join("journal.jsonl"),
        ),
        (
            "read_other_workspace",
            decoys
                .state
                .join("worktrees")
                .join(&decoys.victim)
                .join("README.md"),
        ),
        (
            "read_through_process",
            format!("/proc/{}/root/etc/hostname", decoys.process).into(),
        ),
        (
            "read_environment",
            format!("/proc/{}/environ", decoys.process).into(),
        ),
    ] {
        tried(attempt, fs::read(path));
    }
}

fn own_recorder(decoys: &Decoys) {
    let folder = decoys.state.join("sessions").join(&decoys.own);
    tried("append_to_journal", append(&folder.join("journal.jsonl")));
    // A fence that is higher than that of every owner would take the recorder over.
    let command = || {
        let mut socket = UnixStream::connect(folder.join("control.sock"))?;
        writeln!(
            socket,
            r#"{{"protocol":1,"fence":18446744073709551615,"from":0}}"#
        )?;
        let mut answer = String::new();
        io::BufRead::read_line(&mut io::BufReader::new(socket), &mut answer)?;
        match answer.contains("session_id") {
            true => Ok(()),
            false => Err(io::Error::other(answer)),
        }
    };
    tried("command_recorder", command());
}

fn processes(decoys: &Decoys) {
    let parent = std::os::unix::process::parent_id();
    tried(
        "see_process",
        fs::metadata(format!("/proc/{}", decoys.process)),
    );
    tried("probe_process", kill(decoys.process, 0));
    tried("trace_process", trace(decoys.process));
    tried("kill_process", kill(decoys.process, libc::SIGTERM));
    // The parent is the agent, which is in the sandbox: this is no escape, but shows the difference.
    tried("probe_parent", kill(parent.cast_signed(), 0));
    tried(
        "reach_socket",
        UnixStream::connect(decoys.outside.join("socket")),
    );
    let name = format!("ah-decoy-{}", decoys.process);
    let address = SocketAddr::from_abstract_name(name).expect("is short");
    tried("reach_abstract_socket", UnixStream::connect_addr(&address));
}

fn host(decoys: &Decoys) {
    tried("mount", mount(&decoys.outside));
    tried(
        "make_namespace",
        call(|| {
            // SAFETY: the process has one thread.
            unsafe { libc::unshare(libc::CLONE_NEWUSER) }
        }),
    );
    tried(
        "make_device",
        call(|| {
            // SAFETY: the path is a string that ends with zero. The device has no driver.
            unsafe {
                libc::mknod(
                    c"device".as_ptr(),
                    libc::S_IFBLK | 0o600,
                    libc::makedev(240, 99),
                )
            }
        }),
    );
    tried(
        "load_program",
        call(|| {
            // SAFETY: without a program the call fails or reports so; the kernel checks the pointer.
            let result = unsafe { libc::syscall(libc::SYS_bpf, 0, std::ptr::null::<u8>(), 0) };
            // A kernel without a filter complains about the missing program.
            let is_filtered = io::Error::last_os_error().raw_os_error() == Some(libc::EPERM);
            if is_filtered {
                i32::try_from(result).unwrap_or(-1)
            } else {
                0
            }
        }),
    );
    tried("leave_control_group", leave_control_group());
}

fn leave_control_group() -> io::Result<()> {
    let groups = [
        "/sys/fs/cgroup/unified/cgroup.procs",
        "/sys/fs/cgroup/cgroup.procs",
    ];
    let path = groups.iter().find(|path| Path::new(path).exists());
    let path = path.ok_or(io::ErrorKind::NotFound)?;
    OpenOptions::new().write(true).open(path)?.write_all(b"0")
}

fn call(it: impl FnOnce() -> i32) -> io::Result<()> {
    match it() {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn kill(process: i32, signal: i32) -> io::Result<()> {
    // SAFETY: the call has no memory of this process as an argument.
    call(|| unsafe { libc::kill(process, signal) })
}

fn trace(process: i32) -> io::Result<()> {
    let none = std::ptr::null_mut::<u8>();
    // SAFETY: attaching reads and writes no memory of this process. It ends with this process.
    call(|| unsafe {
        i32::try_from(libc::ptrace(libc::PTRACE_SEIZE, process, none, none)).unwrap_or(0)
    })
}

fn mount(folder: &Path) -> io::Result<()> {
    let target = std::ffi::CString::new(folder.to_str().expect("is text")).expect("has no zero");
    let kind = c"tmpfs".as_ptr();
    // SAFETY: the strings end with zero and outlive the call.
    call(|| unsafe { libc::mount(kind, target.as_ptr(), kind, 0, std::ptr::null()) })
}

/// Removes everything in a folder that can be removed; an error if nothing could.
fn remove_all(folder: &Path) -> io::Result<()> {
    let mut removed = Err(io::Error::other("there was nothing to remove"));
    for entry in fs::read_dir(folder)?.take(64) {
        let path = entry?.path();
        let result = match path.is_dir() {
            true => fs::remove_dir_all(&path),
            false => fs::remove_file(&path),
        };
        removed = removed.or(result);
    }
    removed
}
