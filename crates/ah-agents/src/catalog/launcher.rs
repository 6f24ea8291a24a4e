//! Detects commands whose program only starts the agent, such as an interpreter. The version of such
//! a program is not that of the agent.

use std::path::Path;

/// The programs that run another program or a script: interpreters, package runners, wrappers and
/// container tools. A suffix of digits, as in `python3.11`, does not matter.
const LAUNCHERS: &[&str] = &[
    // Shells and interpreters.
    "bash",
    "busybox",
    "bun",
    "dash",
    "deno",
    "dotnet",
    "elixir",
    "fish",
    "java",
    "julia",
    "ksh",
    "lua",
    "node",
    "nodejs",
    "perl",
    "php",
    "pwsh",
    "pypy",
    "python",
    "ruby",
    "sh",
    "ts-node",
    "tsx",
    "zsh",
    // Package runners.
    "bunx",
    "cargo",
    "conda",
    "go",
    "hatch",
    "mise",
    "nix",
    "nix-shell",
    "npm",
    "npx",
    "pdm",
    "pipx",
    "pixi",
    "pnpm",
    "pnpx",
    "poetry",
    "rye",
    "uv",
    "uvx",
    "yarn",
    // Wrappers.
    "chroot",
    "chrt",
    "dbus-run-session",
    "direnv",
    "doas",
    "env",
    "firejail",
    "ionice",
    "nice",
    "nohup",
    "prlimit",
    "script",
    "setpriv",
    "setsid",
    "ssh",
    "stdbuf",
    "strace",
    "sudo",
    "systemd-run",
    "taskset",
    "time",
    "timeout",
    "unshare",
    "xargs",
    "xvfb-run",
    "bwrap",
    // Containers.
    "docker",
    "flatpak",
    "kubectl",
    "nerdctl",
    "podman",
    "snap",
];

/// The extensions of scripts.
const SCRIPT_EXTENSIONS: &[&str] = &[
    "bash", "cjs", "fish", "jar", "js", "lua", "mjs", "mts", "php", "pl", "py", "pyz", "rb", "sh",
    "ts", "zsh",
];

/// Returns true if `program`, which is the first word of `command`, starts another program.
///
/// It is one of the known launchers, by its own name or by that of the file that it is a link to,
/// or its first argument is a script.
pub(super) fn starts_another(program: &Path, command: &[String]) -> bool {
    let target = std::fs::canonicalize(program);
    let names = [Some(program), target.as_deref().ok()];
    let is_launcher = names.into_iter().flatten().any(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
        // A version in the name leaves its stem, as in `python3.11`.
        LAUNCHERS.contains(&stem) && command.len() > 1
    });
    let script = command.get(1).map(Path::new);
    let is_script = script.and_then(Path::extension).is_some_and(|extension| {
        let extension = extension.to_string_lossy().to_ascii_lowercase();
        SCRIPT_EXTENSIONS.contains(&&*extension)
    });
    is_launcher || is_script
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(command: &[&str]) -> bool {
        let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
        starts_another(Path::new(&command[0]), &command)
    }

    #[test]
    fn interpreters_and_wrappers_start_another_program() {
        for command in [
            &["/usr/bin/python3", "agent.py"][..],
            &["/opt/python3.11", "-m", "agent"],
            &["node", "dist/agent.js"],
            &["npx", "--yes", "@some/agent"],
            &["uvx", "agent"],
            &["/usr/bin/env", "A=1", "agent"],
            &["timeout", "60", "agent"],
            &["docker", "run", "-i", "agent"],
            &["./my-runtime", "agent.mjs"],
        ] {
            assert!(judged(command), "{command:?}");
        }
    }

    #[test]
    fn agent_with_arguments_is_the_agent() {
        for command in [
            &["opencode", "acp"][..],
            &["gemini", "--acp"],
            &["/opt/node-agent", "--config", "/etc/agent.toml"],
            &["sh"],
        ] {
            assert!(!judged(command), "{command:?}");
        }
    }

    #[test]
    fn link_to_an_interpreter_starts_another_program() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("my-agent");
        std::os::unix::fs::symlink("/bin/sh", &link).unwrap();
        let command = [link.display().to_string(), "agent".to_owned()];
        assert!(starts_another(&link, &command));
    }
}
