//! Many concurrent sessions and callers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ah_rest_api_contract::{
    AgentSelection, EventFilter, EventSeq, PageRequest, PromptRequest, SessionQuery, SessionStatus,
    TaskLaunchParams, TaskManager,
};
use ah_rest_mock_client::{MockTaskManager, ScriptBuilder};
use futures::StreamExt;

use crate::world::{a_task, launch, statuses, until_status, whole_log};

/// Counts the polls of a future.
struct Polled<F> {
    future: Pin<Box<F>>,
    polls: usize,
}

impl<F: Future> Future for Polled<F> {
    type Output = (F::Output, usize);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.polls += 1;
        let output = self.future.as_mut().poll(context);
        output.map(|output| (output, self.polls))
    }
}

/// Runs a thousand sessions of fifty events, each with a reader that is woken once per event.
#[tokio::test(start_paused = true)]
async fn a_thousand_sessions_complete() {
    let mut script = ScriptBuilder::new("fifty");
    for n in 0..45 {
        script = script
            .after(std::time::Duration::from_secs(1))
            .think(n.to_string());
    }
    let mock = MockTaskManager::builder()
        .script(script.build())
        .slots(1000)
        .build();
    let mut ids = Vec::new();
    for _ in 0..10 {
        let mut task = a_task();
        task.agents[0] = AgentSelection {
            count: 100,
            ..AgentSelection::new("scenario")
        };
        let params = TaskLaunchParams::try_from(task).unwrap();
        ids.extend(mock.launch_task(params).await.unwrap().session_ids);
    }
    let mut readers = Vec::new();
    for id in ids {
        let mock = mock.clone();
        readers.push(tokio::spawn(Polled {
            future: Box::pin(async move { whole_log(&mock, id).await.len() }),
            polls: 0,
        }));
    }
    for reader in readers {
        let (events, polls) = reader.await.unwrap();
        // Besides the thoughts: 4 statuses, 1 message, 2 of the turn and 2 of the session's fields.
        assert_eq!(events, 45 + 9);
        assert!(polls <= events, "{polls} polls for {events} events");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_callers_read_complete_logs() {
    let script = ScriptBuilder::new("hangs").think("hm").hang().build();
    let mock: Arc<dyn TaskManager> =
        Arc::new(MockTaskManager::builder().script(script).slots(8).build());
    let mut callers = Vec::new();
    for n in 0..64 {
        let mock = mock.clone();
        callers.push(tokio::spawn(async move {
            let id = launch(mock.as_ref(), a_task()).await;
            until_status(mock.as_ref(), id, SessionStatus::Running).await;
            mock.prompt_session(id, PromptRequest::queued("more"))
                .await
                .unwrap();
            if n % 2 == 0 {
                mock.stop_session(id, None).await.unwrap();
            } else {
                mock.cancel_session(id).await.unwrap();
            }
            statuses(&whole_log(mock.as_ref(), id).await)
        }));
    }
    for (n, caller) in callers.into_iter().enumerate() {
        let expected = if n % 2 == 0 {
            SessionStatus::Stopped
        } else {
            SessionStatus::Cancelled
        };
        assert_eq!(caller.await.unwrap().last(), Some(&expected));
    }
    let query = SessionQuery {
        include_archived: true,
        page: PageRequest::largest(),
        ..SessionQuery::default()
    };
    assert_eq!(mock.list_sessions(query).await.unwrap().total, 64);
}

#[tokio::test(start_paused = true)]
async fn the_sessions_of_a_dropped_mock_end() {
    let script = ScriptBuilder::new("hangs").hang().build();
    let mock = MockTaskManager::builder().script(script).build();
    let id = launch(&mock, a_task()).await;
    until_status(&mock, id, SessionStatus::Running).await;
    let filter = EventFilter::default();
    let mut stream = mock
        .task_events_stream(id, EventSeq::START, filter)
        .await
        .unwrap();
    drop(mock);
    assert!(stream.next().await.is_some(), "a stream keeps its mock");
    drop(stream);
    let metrics = tokio::runtime::Handle::current().metrics();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(metrics.num_alive_tasks(), 0);
}
