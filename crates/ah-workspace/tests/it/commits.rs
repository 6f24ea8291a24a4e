//! Commits in workspaces, by git in the environment of an agent.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use ah_executor::WorkspaceRequest;
use ah_workspace::{Workspace, Workspaces};

use crate::fixture::{Fixture, git};

/// A repository, and a user with a home of his own.
struct User {
    fixture: Fixture,
    workspaces: Workspaces,
}

impl User {
    /// Creates a user with this configuration, which may be empty.
    fn with(config: &str) -> Self {
        let fixture = Fixture::new();
        let home = fixture.folder.path().join("user");
        fs::create_dir(&home).unwrap();
        fs::write(home.join(".gitconfig"), config).unwrap();
        let environment = environment(&home);
        let workspaces = Workspaces::with_environment(fixture.home(), environment);
        Self {
            fixture,
            workspaces,
        }
    }

    /// Sets a value of the repository's own configuration.
    fn set(&self, name: &str, value: &str) {
        git(
            &self.fixture.repository(),
            &["config", "--local", name, value],
        );
    }

    async fn provision(&self) -> Workspace {
        self.workspaces
            .provision(&self.fixture.request())
            .await
            .unwrap()
    }

    /// Runs git in a folder as an agent does.
    fn git(&self, folder: &Path, args: &[&str]) -> Output {
        let mut command = Command::new("git");
        let home = self.fixture.folder.path().join("user");
        command.env_clear().envs(environment(&home));
        command.current_dir(folder).args(args).output().unwrap()
    }

    fn text(&self, folder: &Path, args: &[&str]) -> String {
        let output = self.git(folder, args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {said}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Commits in a workspace, and returns the author of the commit.
    fn commit(&self, workspace: &Workspace) -> String {
        let path = &workspace.path;
        self.text(path, &["commit", "-q", "--allow-empty", "-m", "work"]);
        self.text(path, &["log", "-1", "--format=%an <%ae>"])
    }
}

fn environment(home: &Path) -> Vec<(OsString, OsString)> {
    let path = std::env::var_os("PATH").unwrap();
    vec![
        ("PATH".into(), path),
        ("HOME".into(), home.into()),
        ("GIT_CONFIG_NOSYSTEM".into(), "1".into()),
        // No identity is made up from the names of the user and of the host.
        ("EMAIL".into(), "".into()),
    ]
}

#[tokio::test]
async fn the_local_identity_signs_the_commits_of_a_session() {
    let user = User::with("[user]\nname = Everywhere\nemail = e@example.com\n");
    let elsewhere = user.provision().await;
    user.set("user.name", "Here");
    user.set("user.email", "h@example.com");
    let workspace = user.provision().await;
    assert_eq!(user.commit(&workspace), "Here <h@example.com>");
    assert_eq!(workspace.notes, [""; 0]);
    // A session that started before keeps its settings, and both keep working.
    assert_eq!(user.commit(&elsewhere), "Everywhere <e@example.com>");
    let again = user.provision().await;
    assert_eq!(user.commit(&again), "Here <h@example.com>");
    // Every command works in the mirror and in its worktrees.
    let mirror = user.fixture.mirror();
    assert_eq!(
        user.text(&mirror, &["rev-parse", "--is-bare-repository"]),
        "true"
    );
    let inside = ["rev-parse", "--is-bare-repository", "--is-inside-work-tree"];
    for path in [&workspace.path, &elsewhere.path, &again.path] {
        assert_eq!(user.text(path, &inside), "false\ntrue");
    }
    for session in [workspace.session, again.session, elsewhere.session] {
        user.workspaces.remove(session).await.unwrap();
    }
}

#[tokio::test]
async fn an_identity_that_the_user_includes_for_the_repository_applies() {
    let user = User::with("[user]\nname = Private\nemail = p@example.com\n");
    let home = user.fixture.folder.path().join("user");
    let top = fs::canonicalize(user.fixture.repository()).unwrap();
    let config = format!(
        "[user]\nname = Private\nemail = p@example.com\n[includeIf \"gitdir:{}/\"]\npath = work\n",
        top.display()
    );
    fs::write(home.join(".gitconfig"), config).unwrap();
    fs::write(home.join("work"), "[user]\nemail = w@example.com\n").unwrap();
    let workspace = user.provision().await;
    assert_eq!(user.commit(&workspace), "Private <w@example.com>");
}

#[tokio::test]
async fn commits_of_a_user_without_an_identity_have_the_stated_one() {
    let user = User::with("");
    let empty = WorkspaceRequest {
        source: None,
        ..user.fixture.request()
    };
    for request in [user.fixture.request(), empty] {
        let workspace = user.workspaces.provision(&request).await.unwrap();
        let [note] = &workspace.notes[..] else {
            panic!("{:?}", workspace.notes);
        };
        let stated = "`user.name` is `Agent Harbor` and `user.email` is `agent-harbor@localhost`";
        assert!(note.contains(stated), "{note}");
        assert_eq!(
            user.commit(&workspace),
            "Agent Harbor <agent-harbor@localhost>"
        );
        let committer = user.text(&workspace.path, &["log", "-1", "--format=%cn <%ce>"]);
        assert_eq!(committer, "Agent Harbor <agent-harbor@localhost>");
    }
    // Later sessions have the identity that the user configures.
    user.set("user.name", "Here");
    user.set("user.email", "h@example.com");
    let workspace = user.provision().await;
    assert_eq!(workspace.notes, [""; 0]);
    assert_eq!(user.commit(&workspace), "Here <h@example.com>");
}

#[tokio::test]
async fn no_identity_is_made_up_if_the_user_forbids_it() {
    let user = User::with("[user]\nuseConfigOnly = true\n");
    let workspace = user.provision().await;
    let [note] = &workspace.notes[..] else {
        panic!("{:?}", workspace.notes);
    };
    assert!(note.contains("`user.useConfigOnly`"), "{note}");
    let output = user.git(&workspace.path, &["commit", "--allow-empty", "-m", "x"]);
    assert_eq!(output.status.code(), Some(128));
}

#[tokio::test]
async fn files_that_the_repository_ignores_are_ignored() {
    let user = User::with("[user]\nname = A\nemail = a@example.com\n");
    let repository = user.fixture.repository();
    fs::write(repository.join("mine.ignore"), "*.mine\n").unwrap();
    user.set("core.excludesFile", "mine.ignore");
    let info = repository.join(".git/info");
    fs::create_dir_all(&info).unwrap();
    fs::write(info.join("exclude"), "# a comment\n*.tmp\n").unwrap();
    let workspace = user.provision().await;
    for name in ["a.mine", "a.tmp", "a.new"] {
        fs::write(workspace.path.join(name), "x\n").unwrap();
    }
    let seen = ["status", "--short"];
    assert_eq!(user.text(&workspace.path, &seen), "?? a.new");
    let changes = user.workspaces.changes(&workspace).await.unwrap();
    let changed: Vec<&str> = changes.files.iter().map(|file| &*file.path).collect();
    assert_eq!(changed, ["a.new"]);
    // Patterns that the user removes do not stay in the mirror.
    fs::write(info.join("exclude"), "# a comment\n").unwrap();
    let workspace = user.provision().await;
    fs::write(workspace.path.join("a.tmp"), "x\n").unwrap();
    assert_eq!(user.text(&workspace.path, &seen), "?? a.tmp");
}

#[tokio::test]
async fn properties_of_the_disk_are_those_of_the_workspace() {
    let user = User::with("[user]\nname = A\nemail = a@example.com\n");
    user.set("core.fileMode", "false");
    user.set("core.autocrlf", "input");
    let workspace = user.provision().await;
    let of = |name| user.text(&workspace.path, &["config", "--get", name]);
    assert_eq!(of("core.fileMode"), "true");
    assert_eq!(of("core.autocrlf"), "input");
    fs::write(workspace.path.join("crlf.txt"), "one\r\n").unwrap();
    user.text(&workspace.path, &["add", "crlf.txt"]);
    let stored = user.text(&workspace.path, &["ls-files", "--eol", "crlf.txt"]);
    assert!(stored.starts_with("i/lf"), "{stored}");
}

#[tokio::test]
async fn settings_that_apply_everywhere_are_not_copied() {
    let user =
        User::with("[user]\nname = Everywhere\nemail = e@example.com\n[commit]\ncleanup = strip\n");
    let workspace = user.provision().await;
    let mirror = user.fixture.mirror();
    assert!(!mirror.join("config.worktree").exists());
    let own = user.git(&mirror, &["config", "--get", "extensions.worktreeConfig"]);
    assert_eq!(own.status.code(), Some(1));
    assert_eq!(user.commit(&workspace), "Everywhere <e@example.com>");
}

/// A program that signs everything with the same line.
const SIGNER: &str = "#!/bin/sh
cat >/dev/null
echo '[GNUPG:] SIG_CREATED ' >&2
echo '-----BEGIN PGP SIGNATURE-----'
echo
echo 'signed by a test'
echo '-----END PGP SIGNATURE-----'
";

#[tokio::test]
async fn commits_are_signed_as_the_repository_demands() {
    let user = User::with("[user]\nname = A\nemail = a@example.com\n");
    let signer = user.fixture.folder.path().join("signer");
    fs::write(&signer, SIGNER).unwrap();
    fs::set_permissions(&signer, Permissions::from_mode(0o755)).unwrap();
    user.set("commit.gpgSign", "true");
    user.set("gpg.program", signer.to_str().unwrap());
    user.set("user.signingKey", "0xA");
    let workspace = user.provision().await;
    let [note] = &workspace.notes[..] else {
        panic!("{:?}", workspace.notes);
    };
    assert!(note.contains("are signed (`commit.gpgSign`)"), "{note}");
    user.commit(&workspace);
    let commit = user.text(&workspace.path, &["cat-file", "commit", "HEAD"]);
    assert!(commit.contains("signed by a test"), "{commit}");
    // A signature that cannot be made fails the commit, as in the repository.
    fs::write(&signer, "#!/bin/sh\nexit 2\n").unwrap();
    let output = user.git(&workspace.path, &["commit", "--allow-empty", "-m", "x"]);
    assert_eq!(output.status.code(), Some(128));
    // The snapshots of the workspace are not signed.
    user.workspaces.snapshot(&workspace, "end").await.unwrap();
}

#[tokio::test]
async fn a_template_and_a_comment_character_apply() {
    let user = User::with("[user]\nname = A\nemail = a@example.com\n");
    let template = user.fixture.repository().join(".message");
    fs::write(&template, "Reviewed-by: B\n").unwrap();
    user.set("commit.template", ".message");
    user.set("core.commentChar", ";");
    let workspace = user.provision().await;
    let editor = "GIT_EDITOR=sh -c 'echo subject >>\"$1\"' editor";
    let (name, value) = editor.split_once('=').unwrap();
    let mut command = Command::new("git");
    let home = user.fixture.folder.path().join("user");
    let output = command
        .env_clear()
        .envs(environment(&home))
        .env(name, value)
        .current_dir(&workspace.path)
        .args(["commit", "-q", "--allow-empty"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let message = user.text(&workspace.path, &["log", "-1", "--format=%B"]);
    assert!(message.starts_with("Reviewed-by: B"), "{message}");
    assert!(message.ends_with("subject"), "{message}");
}

#[tokio::test]
async fn hooks_and_filters_of_the_repository_do_not_run_and_are_named() {
    let user = User::with("[user]\nname = A\nemail = a@example.com\n");
    let hooks = user.fixture.repository().join(".git/hooks");
    fs::create_dir_all(&hooks).unwrap();
    for name in ["pre-commit", "commit-msg.sample"] {
        fs::write(hooks.join(name), "#!/bin/sh\nexit 1\n").unwrap();
        fs::set_permissions(hooks.join(name), Permissions::from_mode(0o755)).unwrap();
    }
    let workspace = user.provision().await;
    let [note] = &workspace.notes[..] else {
        panic!("{:?}", workspace.notes);
    };
    assert!(
        note.contains("do not run") && note.contains("(`pre-commit`)"),
        "{note}"
    );
    user.commit(&workspace);

    user.set("core.hooksPath", ".husky/_");
    user.set("filter.secret.clean", "false");
    user.set("filter.secret.required", "true");
    let workspace = user.provision().await;
    let [hooks, filters] = &workspace.notes[..] else {
        panic!("{:?}", workspace.notes);
    };
    assert!(hooks.contains("`core.hooksPath` is `.husky/_`"), "{hooks}");
    assert!(filters.contains("(`secret`)"), "{filters}");
    user.commit(&workspace);
}

#[tokio::test]
async fn credentials_of_the_repository_are_not_copied() {
    let user = User::with("[user]\nname = A\nemail = a@example.com\n");
    user.set("user.name", "Here");
    user.set("http.extraHeader", "Authorization: secret-0123");
    user.set("credential.helper", "store --file=secret-0123");
    let workspace = user.provision().await;
    assert_eq!(user.commit(&workspace), "Here <a@example.com>");
    let listed = user.text(&workspace.path, &["config", "--list"]);
    assert!(!listed.contains("secret-0123"), "{listed}");
}

#[tokio::test]
async fn programs_of_a_foreign_repository_are_not_used() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can give files away");
        return;
    }
    let user = User::with("[user]\nname = A\nemail = a@example.com\n");
    user.set("user.name", "Foreign");
    user.set("commit.gpgSign", "true");
    user.set("gpg.program", "/nonexistent");
    let config = user.fixture.repository().join(".git/config");
    std::os::unix::fs::chown(config, Some(12_345), None).unwrap();
    let workspace = user.provision().await;
    let [note] = &workspace.notes[..] else {
        panic!("{:?}", workspace.notes);
    };
    assert!(note.contains("belongs to another user"), "{note}");
    assert_eq!(user.commit(&workspace), "Foreign <a@example.com>");
}
