//! Records of requests, and workspaces that prompts name.

use fake_llm::{Dialect, FakeLlm, ResponseEnd};
use serde_json::json;

use crate::client::{DIALECTS, PATIENCE, ask, post};

#[tokio::test]
async fn record_contains_request_and_response() {
    let llm = FakeLlm::start().unwrap();
    for (number, dialect) in DIALECTS.into_iter().enumerate() {
        let prompt = "[[fake:fail]]";
        ask(&llm, dialect, prompt, true).await;
        let record = llm.wait_for(PATIENCE, |record| record.number == number);
        let record = record.unwrap();
        assert_eq!(record.dialect, Some(dialect));
        assert_eq!(record.model, "a-model");
        assert_eq!(record.tools, ["bash", "write"]);
        assert_eq!(record.prompt, prompt);
        assert_eq!((record.script.as_deref(), record.step), (Some("fail"), 0));
        assert_eq!(record.calls, ["bash"]);
        assert!(record.streamed);
        assert!(record.frames > 2);
        assert_eq!(record.problem, None);
        assert_eq!(record.ending, Some(ResponseEnd::Whole));
    }
}

#[tokio::test]
async fn unanswerable_request_is_reported_to_client_and_test() {
    let llm = FakeLlm::start().unwrap();
    for (prompt, says) in [
        ("[[fake:nothing]]", "no script `nothing`"),
        ("[[fake:edit]]", "[[cwd:"),
    ] {
        let reply = ask(&llm, Dialect::Chat, prompt, true).await;
        assert_eq!(reply.status, 400);
        assert!(reply.text.contains(says), "{}", reply.text);
        let problem = llm.records().pop().unwrap().problem.unwrap();
        assert!(problem.contains(says), "{problem}");
    }
    let reply = post(&llm, "/v2/elsewhere", &json!({})).await;
    assert_eq!(reply.status, 404);
    let record = llm.records().pop().unwrap();
    assert_eq!(record.ending, Some(ResponseEnd::Refused(404)));
}

#[tokio::test]
async fn workspace_can_be_set_later() {
    let llm = FakeLlm::start().unwrap();
    let prompt = "[[fake:edit]] [[workspace:late]]";
    let (reply, ()) = tokio::join!(ask(&llm, Dialect::Chat, prompt, false), async {
        let asked = |llm: &FakeLlm| llm.records().iter().any(|it| it.script.is_some());
        while !asked(&llm) {
            tokio::task::yield_now().await;
        }
        llm.place("late", "/made/since");
    });
    let call = &reply.json()["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"];
    assert!(call.as_str().unwrap().contains("/made/since/greeting.txt"));
}

#[test]
fn server_ends_with_its_owner() {
    let llm = FakeLlm::start().unwrap();
    let address = llm.url();
    let address = address.strip_prefix("http://").unwrap();
    std::net::TcpStream::connect(address).unwrap();
    drop(llm);
    let begun = std::time::Instant::now();
    while std::net::TcpStream::connect(address).is_ok() {
        assert!(begun.elapsed() < PATIENCE, "it still listens");
        std::thread::yield_now();
    }
}
