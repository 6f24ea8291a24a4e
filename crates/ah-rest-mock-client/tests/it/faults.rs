//! Faults, latency, and streams that break off.

use std::time::Duration;

use ah_rest_api_contract::{
    AllEventsQuery, ErrorKind, EventFilter, EventSeq, PageRequest, SessionQuery, StreamItem,
    TaskLaunchParams, TaskManager,
};
use ah_rest_mock_client::{Fault, MockMethod, MockTaskManager};
use futures::StreamExt;
use tokio::time::Instant;

use crate::world::{a_task, launch, whole_log};

async fn kinds(mock: &MockTaskManager, calls: usize) -> Vec<Option<ErrorKind>> {
    let mut kinds = Vec::new();
    for _ in 0..calls {
        let listed = mock.list_sessions(SessionQuery::default()).await;
        kinds.push(listed.err().map(|error| error.kind()));
    }
    kinds
}

#[tokio::test(start_paused = true)]
async fn configured_fault_fails_the_method() {
    let fault = Fault::new(ErrorKind::Unavailable).after(2).times(1);
    let mock = MockTaskManager::builder()
        .fault(MockMethod::ListSessions, fault)
        .build();
    let unavailable = Some(ErrorKind::Unavailable);
    assert_eq!(kinds(&mock, 4).await, [None, None, unavailable, None]);
    mock.fail(MockMethod::ListSessions, Fault::new(ErrorKind::Internal));
    assert_eq!(kinds(&mock, 1).await, [Some(ErrorKind::Internal)]);
    assert!(
        mock.list_agents(PageRequest::largest()).await.is_ok(),
        "others are not touched"
    );
    mock.heal();
    assert_eq!(kinds(&mock, 1).await, [None]);
}

#[tokio::test(start_paused = true)]
async fn probability_follows_the_seed() {
    let mut outcomes = Vec::new();
    for seed in [1, 1, 2] {
        let fault = Fault::new(ErrorKind::RateLimited).with_probability(0.3);
        let mock = MockTaskManager::builder()
            .seed(seed)
            .fault(MockMethod::ListSessions, fault)
            .build();
        outcomes.push(kinds(&mock, 100).await);
    }
    assert_eq!(outcomes[0], outcomes[1]);
    assert_ne!(outcomes[0], outcomes[2]);
    let failed = outcomes[0].iter().flatten().count();
    assert!((15..45).contains(&failed), "{failed} of 100 at 0.3");
}

#[tokio::test(start_paused = true)]
async fn call_takes_the_configured_time_and_can_be_dropped() {
    let mock = MockTaskManager::builder()
        .latency(MockMethod::LaunchTask, Duration::from_secs(5))
        .build();
    let params = TaskLaunchParams::try_from(a_task()).unwrap();
    let began = Instant::now();
    let dropped = tokio::time::timeout(Duration::from_secs(1), mock.launch_task(params.clone()));
    assert!(dropped.await.is_err());
    let sessions = mock.list_sessions(SessionQuery::default()).await.unwrap();
    assert_eq!(sessions.total, 0, "what was dropped was not done");
    mock.launch_task(params).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn cut_stream_is_resumed_without_loss() {
    let mock = MockTaskManager::builder()
        .cut_streams_at(EventSeq::new(10))
        .build();
    let id = launch(&mock, a_task()).await;
    let mut cursor = EventSeq::START;
    let mut seen = Vec::new();
    let mut cuts = 0;
    loop {
        let filter = EventFilter::default();
        let mut events = mock.task_events_stream(id, cursor, filter).await.unwrap();
        let broke = loop {
            match events.next().await {
                Some(Ok(StreamItem::Event(event))) => {
                    cursor = event.seq;
                    seen.push(event);
                }
                Some(Ok(other)) => panic!("only events were asked for: {other:?}"),
                Some(Err(error)) => break Some(error),
                None => break None,
            }
        };
        let Some(error) = broke else { break };
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert!(events.next().await.is_none(), "nothing follows the error");
        cuts += 1;
    }
    assert_eq!(cuts, 1);
    let uncut = MockTaskManager::new();
    let id = launch(&uncut, a_task()).await;
    assert_eq!(seen, whole_log(&uncut, id).await);
}

#[tokio::test(start_paused = true)]
async fn slow_stream_yields_every_event() {
    let mock = MockTaskManager::builder()
        .slow_streams(Duration::from_secs(60))
        .build();
    let id = launch(&mock, a_task()).await;
    let began = Instant::now();
    let log = whole_log(&mock, id).await;
    assert!(began.elapsed() >= Duration::from_secs(60) * u32::try_from(log.len()).unwrap());
}

#[tokio::test(start_paused = true)]
async fn outage_fails_calls_and_open_streams_until_the_reconnect() {
    let mock = MockTaskManager::new();
    let id = launch(&mock, a_task()).await;
    let open = |after| mock.task_events_stream(id, after, EventFilter::default());
    let mut events = open(EventSeq::START).await.unwrap();
    let first = events.next().await.unwrap().unwrap();
    let all = mock.all_events(AllEventsQuery::default()).await;
    let mut all = all.unwrap();

    mock.disconnect();
    let unreachable = Some(ErrorKind::Unreachable);
    assert_eq!(kinds(&mock, 1).await, [unreachable]);
    let error = events.next().await.unwrap().unwrap_err();
    assert_eq!(Some(error.kind()), unreachable);
    assert!(events.next().await.is_none());
    let error = all.next().await.unwrap().unwrap_err();
    assert_eq!(Some(error.kind()), unreachable);
    assert!(open(EventSeq::START).await.is_err());

    mock.reconnect();
    assert_eq!(kinds(&mock, 1).await, [None]);
    let StreamItem::Event(first) = first else {
        panic!("the log starts with an event")
    };
    let rest: Vec<_> = open(first.seq).await.unwrap().collect().await;
    let log = whole_log(&mock, id).await;
    assert_eq!(rest.len(), log.len() - 1);
}

#[tokio::test(start_paused = true)]
async fn fault_after_the_effect_loses_only_the_response() {
    let mock = MockTaskManager::new();
    let fault = Fault::new(ErrorKind::Unreachable).times(1);
    mock.fail(MockMethod::LaunchTask, fault.after_effect());
    let task = || TaskLaunchParams::try_from(a_task()).unwrap();
    assert!(mock.launch_task(task()).await.is_err());
    let listed = mock.list_sessions(SessionQuery::default()).await.unwrap();
    assert_eq!(listed.total, 1);
    mock.launch_task(task()).await.unwrap();

    mock.fail_all(&Fault::new(ErrorKind::Unavailable));
    assert_eq!(kinds(&mock, 1).await, [Some(ErrorKind::Unavailable)]);
    assert!(mock.launch_task(task()).await.is_err());
    mock.heal();
    let listed = mock.list_sessions(SessionQuery::default()).await.unwrap();
    assert_eq!(listed.total, 2);
}
