//! The variables that describe the program that started the access point, not the user.
//!
//! No agent inherits them. A server may be started from a hook of git, a terminal, a build, a
//! script of npm, an editor or systemd. Each of them leaves variables for its own children, which
//! would lead an agent's programs to another repository, screen, socket or toolchain.

use super::profile::{Profile, WITHHELD};
use crate::Inheritance;

/// The patterns of such variables, by their origin.
const CONTEXT: [&str; 69] = [
    // Git: the repository, index and identity of a hook. `git rev-parse --local-env-vars` prints a
    // part of them.
    "GIT_*",
    "HG_*",
    "HUSKY*",
    "LEFTHOOK*",
    "PRE_COMMIT*",
    // The settings and keys of this program, of every version.
    "AH_*",
    // A shell: its folder, its depth, its user before sudo, and the project of direnv.
    "DIRENV_*",
    "OLDPWD",
    "PWD",
    "SHLVL",
    "SUDO_*",
    "_",
    // A terminal and its multiplexer.
    "ALACRITTY_*",
    "COLUMNS",
    "GHOSTTY_*",
    "GPG_TTY",
    "ITERM_*",
    "KITTY_*",
    "KONSOLE_*",
    "LINES",
    "SSH_CLIENT",
    "SSH_CONNECTION",
    "SSH_TTY",
    "STY",
    "TERM_PROGRAM*",
    "TERM_SESSION_ID",
    "TMUX*",
    "VTE_VERSION",
    "WEZTERM_*",
    "WINDOW",
    "WINDOWID",
    "ZELLIJ*",
    // An editor.
    "INSIDE_EMACS",
    "NVIM",
    "TERMINAL_EMULATOR",
    "VIM",
    "VIMRUNTIME",
    "VSCODE_*",
    // A build: make's job server, and the package and toolchain of cargo.
    "CARGO",
    "CARGO_BIN_*",
    "CARGO_CRATE_NAME",
    "CARGO_MAKEFLAGS",
    "CARGO_MANIFEST_*",
    "CARGO_PKG_*",
    "CARGO_PRIMARY_PACKAGE",
    "MAKEFLAGS",
    "MAKELEVEL",
    "MFLAGS",
    "OUT_DIR",
    "RUSTUP_TOOLCHAIN",
    "RUST_RECURSION_COUNT",
    // A program of Ruby's bundler, a code generator of Go, and a test of Python or Rust.
    "BUNDLE_BIN_PATH",
    "BUNDLE_GEMFILE",
    "BUNDLER_*",
    "GOFILE",
    "NEXTEST*",
    "PYTEST_*",
    // A script of npm, and a child process of Node.js.
    "INIT_CWD",
    "NODE_CHANNEL_*",
    "NODE_UNIQUE_ID",
    "npm_*",
    // systemd: the sockets, secrets and watchdog of a service.
    "CREDENTIALS_DIRECTORY",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LISTEN_*",
    "MAINPID",
    "NOTIFY_SOCKET",
    "SYSTEMD_EXEC_PID",
    "WATCHDOG_*",
];

/// The variables of git that hold settings of the user: the location of the configuration, and
/// access to remotes.
const GIT_SETTINGS: [&str; 9] = [
    "GIT_ASKPASS",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "GIT_EXEC_PATH",
    "GIT_LFS_*",
    "GIT_PROXY_*",
    "GIT_SSH*",
    "GIT_SSL_*",
];

/// The variable that names the state folder, for commands of this program that an agent runs.
const HOME: &str = "AH_HOME";

/// Returns the variables that an agent with this profile inherits; `None` for the built-in agent,
/// which uses no model.
pub(super) fn inheritance(profile: Option<&Profile>) -> Inheritance {
    let owned = |patterns: &[&str]| {
        patterns
            .iter()
            .map(|it| (*it).to_owned())
            .collect::<Vec<_>>()
    };
    let mut passed = owned(&GIT_SETTINGS);
    passed.push(HOME.to_owned());
    passed.extend(profile.iter().flat_map(|profile| profile.passed.clone()));
    Inheritance {
        withheld: [owned(&WITHHELD), owned(&CONTEXT)].concat(),
        passed,
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::process::Command;

    use super::*;

    #[test]
    fn variables_that_select_a_repository_are_withheld() {
        let listed = Command::new("git")
            .args(["rev-parse", "--local-env-vars"])
            .output()
            .expect("git is installed");
        let listed = String::from_utf8(listed.stdout).expect("is text");
        let inherits = inheritance(None);
        let further = [
            "GIT_AUTHOR_DATE",
            "GIT_EDITOR",
            "GIT_CONFIG_KEY_0",
            "GIT_QUARANTINE_PATH",
        ];
        let names: Vec<&str> = listed.lines().chain(further).collect();
        assert!(names.len() > 10, "{names:?}");
        for name in names {
            assert!(!inherits.admits(OsStr::new(name)), "{name}");
        }
        for name in ["GIT_CONFIG_GLOBAL", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO"] {
            assert!(inherits.admits(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn variables_of_the_launcher_are_withheld_and_those_of_the_user_are_not() {
        let inherits = inheritance(None);
        for name in [
            "AH_API_KEY",
            "OPENAI_API_KEY",
            "NOTIFY_SOCKET",
            "LISTEN_FDS",
            "MAKEFLAGS",
            "TMUX_PANE",
            "npm_lifecycle_event",
            "VSCODE_GIT_IPC_HANDLE",
            "CARGO_MANIFEST_DIR",
            "PWD",
            "HUSKY",
            "DIRENV_DIFF",
            "AH_SERVER_PORT",
            "AH_AUTH_INSECURE_NO_AUTH",
            "AH_WORKSPACE_PUSH",
            "AH_REMOTE_SERVER",
            "AH_OF_A_LATER_VERSION",
            "BUNDLE_GEMFILE",
            "SUDO_USER",
        ] {
            assert!(!inherits.admits(OsStr::new(name)), "{name}");
        }
        for name in [
            "PATH",
            "HOME",
            "LANG",
            "SSH_AUTH_SOCK",
            "CARGO_HOME",
            "AH_HOME",
            "EDITOR",
        ] {
            assert!(inherits.admits(OsStr::new(name)), "{name}");
        }
    }
}
