use ah_agents::Catalog;
use ah_recorder::protocol::{JournalEntry, ShutdownManner};
use ah_rest_api_contract::{AgentSelection, EventPayload};
use serde_json::json;

use crate::fixture::{PROBE, Session};

#[tokio::test]
async fn builtin_agent_plays_the_resolved_scenario() {
    let mut session = Session::new("do it");
    let mut selection = AgentSelection::new("scenario");
    let settings = json!({"speed": 0.01, "scenario": {"name": "mine", "timeline": [
        {"llmResponse": [{"assistant": [[10, "as you wish"]]}]},
    ]}});
    selection.settings = settings.as_object().unwrap().clone();
    let catalog = Catalog::scripted(vec![PROBE.to_owned(), "scenario".to_owned()]);
    session.spec.agent = catalog.resolve(&selection).unwrap();
    let mut attended = session.begin().await;
    attended.until_turn_end().await;
    attended.shutdown(ShutdownManner::Finish).await;
    attended.until_closed().await;
    assert_eq!(session.assert_over().await.exit_code, Some(0));
    let is_reply = |event: &EventPayload| format!("{event:?}").contains("as you wish");
    assert!(
        attended
            .seen
            .iter()
            .any(|record| matches!(&record.entry, JournalEntry::Event(event) if is_reply(event))),
        "{:#?}",
        attended.seen
    );
}
