//! Many concurrent sessions of one repository.

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;

use crate::fixture::{Fixture, git, workspaces_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_sessions_of_two_access_points_start_concurrently() {
    let fixture = Fixture::new();
    // Two instances share no memory, like two processes: only the locks on disk synchronise them.
    let owners = [(); 2].map(|()| Arc::new(workspaces_of(&fixture.home())));
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let (owner, request) = (Arc::clone(&owners[n % 2]), fixture.request());
            tokio::spawn(async move { owner.provision(&request).await })
        })
        .collect();
    let mut paths = HashSet::new();
    for task in tasks {
        let workspace = task.await.unwrap().unwrap();
        assert_eq!(git(&workspace.path, &["status", "--porcelain"]), "");
        paths.insert(workspace.path);
    }
    assert_eq!(paths.len(), 20);
    git(&fixture.mirror(), &["fsck", "--strict"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_provisioning_of_one_session_happens_once() {
    let fixture = Fixture::new();
    let owners = [(); 2].map(|()| Arc::new(workspaces_of(&fixture.home())));
    let request = fixture.request();
    let tasks = owners.map(|owner| {
        let request = request.clone();
        tokio::spawn(async move {
            let workspace = owner.provision(&request).await.unwrap();
            fs::write(workspace.path.join("edit"), "kept\n").unwrap();
            workspace
        })
    });
    let mut made = Vec::new();
    for task in tasks {
        made.push(task.await.unwrap());
    }
    assert_eq!(made[0], made[1]);
    assert!(made[0].path.join("edit").exists());
}
