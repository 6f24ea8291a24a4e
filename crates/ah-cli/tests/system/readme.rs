//! The commands and the transcripts in the README and in the guide, executed as written.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use crate::server::Port;
use crate::setting::{PATIENCE, Setting, output_text, processes_with};

/// A typed command and the lines of its output.
#[derive(Debug, Default)]
struct Step {
    typed: String,
    answered: Vec<String>,
}

/// Returns the steps of all transcripts in a page.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let fences = page.split("```console\n").skip(1);
    for line in fences.flat_map(|text| text.split("```").next().unwrap().lines()) {
        if let Some(typed) = line.strip_prefix("$ ") {
            steps.push(Step::default());
            steps.last_mut().unwrap().typed = format!("{typed}\n");
        } else if let Some(more) = line.strip_prefix("> ") {
            steps.last_mut().unwrap().typed += &format!("{more}\n");
        } else {
            steps.last_mut().unwrap().answered.push(line.to_owned());
        }
    }
    steps
}

/// Returns the fixed parts of a line. `…` and ids stand for anything.
fn certain(line: &str) -> Vec<String> {
    let is_ulid = |word: &&str| word.len() == 26 && word.starts_with("01");
    let mut parts = line.to_owned();
    let words = line.split(|letter: char| !letter.is_ascii_alphanumeric());
    for id in words.filter(is_ulid) {
        parts = parts.replace(id, "…");
    }
    parts.split('…').map(str::to_owned).collect()
}

/// Returns true if a line of the text contains the parts in order. The output of a command and that
/// of a stream may share a line in either order.
fn shows(text: &str, parts: &[String]) -> bool {
    text.lines().any(|line| {
        let mut rest = Some(line);
        for part in parts {
            rest = rest.and_then(|rest| rest.split_once(part.as_str()).map(|(_, rest)| rest));
        }
        rest.is_some()
    })
}

/// A shell with a minimal environment, of a user with an identity for commits. Everything that it started ends with it.
struct Shell {
    home: PathBuf,
    shell: Child,
    input: ChildStdin,
    output: Receiver<Vec<u8>>,
}

impl Shell {
    fn open(setting: &Setting, port: &Port) -> Self {
        let home = setting.folder.path().join("you");
        std::fs::create_dir_all(&home).unwrap();
        std::fs::copy(setting.git_config(), home.join(".gitconfig")).unwrap();
        let ah = Path::new(env!("CARGO_BIN_EXE_ah")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut shell = Command::new("bash")
            .env_clear()
            .env("HOME", &home)
            .env("PATH", format!("{}:{path}", ah.display()))
            // A folder with mounts cannot be removed at the end of a test.
            .env("AH_WORKSPACE_PROVIDERS", "worktree")
            .env("AH_SERVER_PORT", port.number.to_string())
            .current_dir(setting.repository())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = shell.stdin.take().unwrap();
        input.write_all(b"exec 2>&1\n").unwrap();
        let mut stdout = shell.stdout.take().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut bytes)
                && sender.send(bytes[..count].to_vec()).is_ok()
            {}
        });
        Self {
            home,
            shell,
            input,
            output,
        }
    }

    /// Types a command and waits for all lines of its output.
    fn take(&mut self, step: &Step, port: u16) {
        self.input.write_all(step.typed.as_bytes()).unwrap();
        let home = self.home.display().to_string();
        let actual = |line: &String| {
            line.replace("3001", &port.to_string())
                .replace("/home/you", &home)
        };
        let begun = Instant::now();
        let mut output = Vec::new();
        for line in step.answered.iter().map(actual) {
            let parts = certain(&line);
            while !shows(&String::from_utf8_lossy(&output), &parts) {
                let rest = PATIENCE.saturating_sub(begun.elapsed());
                match self.output.recv_timeout(rest) {
                    Ok(bytes) => output.extend(bytes),
                    Err(error) => panic!(
                        "{error}: {line}\nwas not answered to: {}but: {}",
                        step.typed,
                        String::from_utf8_lossy(&output)
                    ),
                }
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        for process in processes_with(&format!("HOME={}", self.home.display())) {
            process.kill();
        }
        // Reaps the killed shell.
        self.shell.wait().ok();
    }
}

#[test]
fn readme_examples_work() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let steps = steps(&std::fs::read_to_string(readme).unwrap());
    assert!(steps.len() > 15, "{steps:?}");
    let setting = Setting::new();
    let port = Port::reserve();
    let mut shell = Shell::open(&setting, &port);
    for step in &steps {
        shell.take(step, port.number);
    }
}

/// The commands of the quick start, in order, with the remark behind each.
fn tour(readme: &str) -> Vec<(String, String)> {
    let (_, tour) = readme.split_once("## Quick start\n").unwrap();
    let (tour, _) = tour.split_once("\n## ").unwrap();
    let blocks = tour.split("```sh\n").skip(1);
    let lines = blocks.flat_map(|text| text.split("```").next().unwrap().lines());
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (command, remark) = line.split_once(" # ").unwrap_or((line, ""));
            (command.trim().to_owned(), remark.to_owned())
        })
        .collect()
}

/// Types the quick start in the order given, as someone new: with an empty home, and no agent but
/// the demo. Every command succeeds; the one that is left with Ctrl-C ends as detached.
#[test]
fn readme_tour_works_in_the_order_given() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let tour = tour(&std::fs::read_to_string(readme).unwrap());
    assert!(tour.len() > 15, "{tour:?}");
    let setting = Setting::new();
    let home = setting.folder.path().join("you");
    std::fs::create_dir(&home).unwrap();
    let folder = Path::new(env!("CARGO_BIN_EXE_ah")).parent().unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.display());
    for (command, remark) in &tour {
        // The tests have built the program already.
        if command.starts_with("cargo install ") {
            continue;
        }
        let mut shell = Command::new("bash");
        shell
            .args(["-o", "pipefail", "-c"])
            .env_clear()
            .env("HOME", &home)
            .env("PATH", &path)
            // A folder with mounts cannot be removed at the end of a test.
            .env("AH_WORKSPACE_PROVIDERS", "worktree")
            .current_dir(setting.repository())
            .stdin(Stdio::null());
        let expected = if remark.contains("Ctrl-C") {
            // Otherwise the signal comes twice: to the command, and to its group.
            shell.arg(format!(
                "timeout --foreground --preserve-status -s INT 2 {command}"
            ));
            13
        } else {
            shell.arg(command);
            0
        };
        let output = shell.output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(expected),
            "{command}: {}",
            output_text(&output)
        );
    }
    let branches = setting.git(&["branch", "--list", "ah/*"]);
    assert_eq!(branches.lines().count(), 1, "{branches}");
    assert!(setting.repository().join("NOTES-FROM-AH.md").exists());
    for process in processes_with(&format!("HOME={}", home.display())) {
        process.kill();
    }
}

/// The pages of the guide, in the order of its summary.
fn guide() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/src");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let summary = read("SUMMARY.md");
    let names = summary.lines().filter_map(|line| {
        let (_, name) = line.split_once("](")?;
        name.strip_suffix(')')
    });
    names.map(|name| (name.to_owned(), read(name))).collect()
}

/// Types every command of the guide, each page in a new repository with an empty home. A block of
/// `sh` is a script whose commands all succeed, and a transcript shows its output.
#[test]
fn guide_works_page_by_page() {
    let pages = guide();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/src");
    let files = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(pages.len() + 1, files, "the summary has every page");
    let mut typed = 0;
    for (name, page) in &pages {
        let setting = Setting::new();
        let home = setting.folder.path().join("you");
        std::fs::create_dir(&home).unwrap();
        std::fs::copy(setting.git_config(), home.join(".gitconfig")).unwrap();
        let folder = Path::new(env!("CARGO_BIN_EXE_ah")).parent().unwrap();
        for fence in page.split("\n```").skip(1).step_by(2) {
            let Some(script) = fence.strip_prefix("sh\n") else {
                assert!(fence.starts_with("console\n"), "{name}: {fence}");
                continue;
            };
            typed += 1;
            let output = Command::new("timeout")
                .args([
                    &PATIENCE.as_secs().to_string(),
                    "bash",
                    "-e",
                    "-o",
                    "pipefail",
                    "-c",
                ])
                .arg(script)
                .env_clear()
                .env("HOME", &home)
                .env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
                .env("AH_WORKSPACE_PROVIDERS", "worktree")
                .current_dir(setting.repository())
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let text = output_text(&output);
            assert!(output.status.success(), "{name}: {script}{text}");
        }
        for process in processes_with(&format!("HOME={}", home.display())) {
            process.kill();
        }
        let steps = steps(page);
        if !steps.is_empty() {
            let port = Port::reserve();
            let mut shell = Shell::open(&setting, &port);
            for step in &steps {
                typed += 1;
                shell.take(step, port.number);
            }
        }
    }
    assert!(typed > 30, "{typed}");
}
