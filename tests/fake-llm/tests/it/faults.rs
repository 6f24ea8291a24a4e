//! Every fault in every dialect.

use fake_llm::{Dialect, FakeLlm, ResponseEnd};

use crate::client::{DIALECTS, PATIENCE, UserTurn, ask, path, request, send};

#[tokio::test]
async fn refusals_use_the_format_of_the_dialect() {
    let llm = FakeLlm::start().unwrap();
    for dialect in DIALECTS {
        for (script, status) in [
            ("unauthorized", 401),
            ("ratelimit", 429),
            ("overload", 529),
            ("badrequest", 400),
        ] {
            let status = match (status, dialect) {
                (529, Dialect::Messages) => 529,
                (529, _) => 503,
                (status, _) => status,
            };
            let reply = ask(&llm, dialect, &format!("[[fake:{script}]]"), true).await;
            assert_eq!(reply.status, status, "{dialect:?} {script}");
            let body = reply.json();
            let error = &body["error"];
            assert!(error["message"].as_str().unwrap().contains("(fake)"));
            match dialect {
                Dialect::Messages => assert_eq!(body["type"], "error"),
                Dialect::Gemini => assert_eq!(error["code"], status),
                Dialect::Responses | Dialect::Chat => assert!(error["code"].is_string()),
            }
            let record = llm.records().pop().unwrap();
            assert_eq!(record.ending, Some(ResponseEnd::Refused(status)));
        }
    }
}

#[tokio::test]
async fn cut_breaks_the_connection_and_truncation_ends_it_early() {
    let llm = FakeLlm::start().unwrap();
    for dialect in DIALECTS {
        for streamed in [true, false] {
            let cut = ask(&llm, dialect, "[[fake:cut]]", streamed).await;
            assert!(!cut.in_order, "{dialect:?} {streamed}");
            let truncated = ask(&llm, dialect, "[[fake:truncated]]", streamed).await;
            assert!(truncated.in_order);
            for reply in [cut, truncated] {
                assert_eq!(reply.status, 200);
                if streamed {
                    assert!(reply.text.contains("the mid"), "{}", reply.text);
                    let end = reply.events().pop().unwrap();
                    assert_ne!(end["type"], "response.completed");
                    assert_ne!(end["type"], "message_stop");
                    assert_ne!(end, "[DONE]");
                    assert!(end["candidates"][0].get("finishReason").is_none());
                }
            }
            let record = llm.records().pop().unwrap();
            assert_eq!(record.ending, Some(ResponseEnd::Broken));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stall_sends_nothing_and_detects_disconnects() {
    let llm = FakeLlm::start().unwrap();
    for dialect in DIALECTS {
        let body = request(dialect, &[UserTurn::User("[[fake:stall]]")], true);
        let enough = |text: &str| text.matches("\n\n").count() == 3;
        let before = llm.records().len();
        let reply = send(&llm, "POST", path(dialect, true), &body, enough).await;
        assert_eq!(reply.events().len(), 3);
        let left = llm.wait_for(PATIENCE, |record| {
            record.number == before && record.ending == Some(ResponseEnd::Disconnected)
        });
        assert!(left.is_some(), "{dialect:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_response_is_sent_word_by_word() {
    let llm = FakeLlm::start().unwrap();
    for dialect in DIALECTS {
        let body = request(dialect, &[UserTurn::User("[[fake:drip]]")], true);
        let enough = |text: &str| text.contains("word3");
        let reply = send(&llm, "POST", path(dialect, true), &body, enough).await;
        assert!(!reply.text.contains("word4"), "{}", reply.text);
        let left = llm.wait_for(PATIENCE, |record| {
            record.prompt == "[[fake:drip]]"
                && record.dialect == Some(dialect)
                && record.ending == Some(ResponseEnd::Disconnected)
        });
        assert!(left.is_some(), "{dialect:?}");
    }
}
