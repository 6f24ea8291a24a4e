//! The loss of the state folder, and the bounds of the metrics.

use std::time::Duration;

use ah_rest_server::ServeError;

use crate::world::{Backend, PATIENCE, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_ends_when_its_folder_is_removed() {
    let world = World::new(Backend::Engine);
    let server = world.server().await;
    let home = world.home.path();
    std::fs::remove_dir_all(home).unwrap();
    let unready = async {
        loop {
            let answer = server.client.with_key(None).get("/ready").await;
            if answer.status == 503 {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let answer = tokio::time::timeout(PATIENCE, unready).await.unwrap();
    let detail = answer.problem()["detail"].to_string();
    assert!(detail.contains("the state folder was removed"), "{detail}");
    let error = server.ended().await.unwrap_err();
    assert!(matches!(error, ServeError::Lost { .. }), "{error}");
    assert!(error.to_string().contains("removed"), "{error}");
    assert!(!home.exists(), "nothing is made anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_add_no_series_to_the_metrics() {
    let world = World::new(Backend::Engine);
    let server = world.server().await;
    let stranger = server.client.with_key(None);
    let mut counts = Vec::new();
    for number in 0..20 {
        let method = format!("M{number}");
        stranger.ask(&method, "/health").send().await;
        stranger.ask(&method, &format!("/{number}")).send().await;
        stranger.ask("PATCH", &format!("/{method}")).send().await;
        let path = format!("/api/v1/sessions/{method}/events");
        stranger.ask("GET", &path).send().await;
        counts.push(stranger.get("/metrics").await.text().lines().count());
    }
    // The first requests make the series that all others share.
    let counts = &counts[2..];
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    server.end().await.unwrap();
}
