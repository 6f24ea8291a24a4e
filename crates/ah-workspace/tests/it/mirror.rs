//! The mirror of a repository, which an agent can reach by its path.

use std::fs;
use std::path::Path;

use crate::fixture::{Fixture, commit, git};

type Damage = fn(&Path);

/// Returns the files of objects of a mirror, packs first.
fn objects(mirror: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![mirror.join("objects")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    found
}

#[tokio::test]
async fn a_damaged_mirror_is_made_again() {
    let damages: [(&str, Damage); 9] = [
        ("format", |mirror| {
            git(mirror, &["config", "core.repositoryFormatVersion", "99"]);
        }),
        ("config", |mirror| {
            fs::write(mirror.join("config"), "[[[").unwrap();
        }),
        ("no HEAD", |mirror| {
            fs::remove_file(mirror.join("HEAD")).unwrap();
        }),
        ("no refs", |mirror| {
            fs::remove_dir_all(mirror.join("refs")).unwrap();
            fs::remove_file(mirror.join("packed-refs")).ok();
        }),
        ("objects removed", |mirror| {
            objects(mirror)
                .iter()
                .for_each(|path| fs::remove_file(path).unwrap());
        }),
        ("objects emptied", |mirror| {
            for path in objects(mirror) {
                fs::remove_file(&path).unwrap();
                fs::write(path, "").unwrap();
            }
        }),
        ("ref to nothing", |mirror| {
            let id = "1111111111111111111111111111111111111111\n";
            fs::write(mirror.join("refs/ah-source/HEAD"), id).unwrap();
            fs::write(mirror.join("refs/remotes/origin/main"), id).unwrap();
        }),
        ("refs are a file", |mirror| {
            fs::remove_dir_all(mirror.join("refs")).unwrap();
            fs::write(mirror.join("refs"), "").unwrap();
        }),
        ("alternates", |mirror| {
            fs::write(mirror.join("objects/info/alternates"), "/nonexistent\n").unwrap();
        }),
    ];
    for (name, damage) in damages {
        let fixture = Fixture::new();
        let first = fixture.provision().await;
        damage(&fixture.mirror());
        let next = fixture.workspaces.provision(&fixture.request()).await;
        let next = next.unwrap_or_else(|error| panic!("{name}: {error}"));
        for workspace in [&next, &first] {
            git(&workspace.path, &["fsck", "--strict"]);
            fs::write(workspace.path.join("new"), "new\n").unwrap();
            let changes = fixture.workspaces.changes(workspace).await.unwrap();
            assert_eq!(changes.summary.files_changed, 1, "{name}");
        }
        for note in &next.notes {
            let words = ["copy of the repository was damaged", "made again from"];
            assert!(
                words.iter().all(|words| note.contains(words)),
                "{name}: {note}"
            );
        }
        // The message says so once.
        let third = fixture.provision().await;
        assert_eq!(third.notes, [""; 0], "{name}");
    }
}

#[tokio::test]
async fn damage_is_stated() {
    let fixture = Fixture::new();
    fixture.provision().await;
    fs::remove_dir_all(fixture.mirror().join("objects")).unwrap();
    let next = fixture.provision().await;
    let [note] = &next.notes[..] else {
        panic!("{:?}", next.notes);
    };
    let source = fs::canonicalize(fixture.repository()).unwrap();
    assert!(note.contains(&source.display().to_string()), "{note}");
}

#[tokio::test]
async fn the_start_of_a_session_outlives_its_removal_from_the_source() {
    let fixture = Fixture::new();
    let first = fixture.provision().await;
    let repository = fixture.repository();
    git(&repository, &["reset", "-q", "--hard", "HEAD~1"]);
    git(&repository, &["reflog", "expire", "--expire=now", "--all"]);
    git(&repository, &["gc", "-q", "--prune=now"]);
    fs::write(fixture.mirror().join("config"), "[[[").unwrap();
    fs::remove_file(fixture.mirror().join("HEAD")).unwrap();
    let next = fixture.provision().await;
    assert_ne!(next.base_commit, first.base_commit);
    let changes = fixture.workspaces.changes(&first).await.unwrap();
    assert_eq!(changes.files, []);
    git(&first.path, &["log", "-p"]);
}

#[tokio::test]
async fn a_fault_of_the_source_is_not_blamed_on_the_mirror() {
    let fixture = Fixture::new();
    fixture.provision().await;
    let before = fs::metadata(fixture.mirror()).unwrap();
    fs::rename(
        fixture.repository().join(".git/objects"),
        fixture.folder.path().join("o"),
    )
    .unwrap();
    let error = fixture
        .workspaces
        .provision(&fixture.request())
        .await
        .unwrap_err();
    assert_eq!(error.field(), Some("repo.url"), "{error}");
    use std::os::unix::fs::MetadataExt as _;
    assert_eq!(fs::metadata(fixture.mirror()).unwrap().ino(), before.ino());
}

#[tokio::test]
async fn what_an_agent_plants_in_a_mirror_has_no_effect() {
    let fixture = Fixture::new();
    fixture.provision().await;
    let mirror = fixture.mirror();
    let marker = fixture.folder.path().join("ran");
    let run = format!("touch {}", marker.display());
    for (name, value) in [
        ("core.fsmonitor", run.as_str()),
        ("core.alternateRefsCommand", &run),
        ("uploadpack.packObjectsHook", &run),
        ("core.sshCommand", &run),
        ("remote.ah-source.vcs", "evil"),
        ("filter.f.smudge", &run),
    ] {
        git(&mirror, &["config", name, value]);
    }
    let first = git(&mirror, &["rev-parse", "origin/main~1"])
        .trim()
        .to_owned();
    git(&mirror, &["replace", "origin/main", &first]);
    git(&mirror, &["tag", "planted", &first]);
    fs::create_dir_all(mirror.join("info")).unwrap();
    fs::write(mirror.join("info/attributes"), "* filter=f\n").unwrap();
    fs::write(mirror.join("info/grafts"), format!("{first}\n")).unwrap();
    fs::write(fixture.repository().join("third"), "third\n").unwrap();
    commit(&fixture.repository(), "third");
    let next = fixture.provision().await;
    assert!(!marker.exists());
    assert_eq!(
        git(&next.path, &["log", "--format=%s"]),
        "third\nsecond\nfirst\n"
    );
    assert_eq!(
        git(&next.path, &["tag"]),
        "",
        "tags are those of the source"
    );
    assert!(next.path.join("third").exists() && next.path.join("gone.txt").exists());
}
