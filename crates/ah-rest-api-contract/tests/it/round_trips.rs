//! Tests of round trips: deserialization is the inverse of serialization.

use std::fmt::Debug;

use ah_rest_api_contract::*;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::strategies::*;

fn comes_back<T>(value: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let json = serde_json::to_string(value).expect("every wire type has a JSON form");
    let back: T = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
    assert_eq!(&back, value, "{json}");
}

fn words<T: Clone + Debug + 'static>(words: &[T]) -> impl Strategy<Value = T> + use<T> {
    prop::sample::select(words.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn events_round_trip(event in session_event()) {
        comes_back(&event);
    }

    #[test]
    fn sessions_round_trip(session in session()) {
        comes_back(&session);
    }

    #[test]
    fn tasks_round_trip(request in create_task(), id in ulid(), sessions in vec(ulid(), 1..4), created_at in timestamp()) {
        comes_back(&request);
        let session_ids: Vec<_> = sessions.into_iter().map(SessionId::from_ulid).collect();
        comes_back(&LaunchedTask::new(TaskId::from_ulid(id), session_ids[0], &session_ids[1..]));
        comes_back(&Task::new(TaskId::from_ulid(id), request, session_ids, created_at));
    }

    #[test]
    fn drafts_round_trip(draft in draft()) {
        comes_back(&draft);
        comes_back(&draft.content);
    }

    #[test]
    fn permissions_round_trip(permission in permission(), policy in policy(), option in text()) {
        comes_back(&permission);
        comes_back(&policy);
        comes_back(&PermissionAnswer::Select(option));
        comes_back(&PermissionAnswer::Cancel);
    }

    #[test]
    fn changes_round_trip(diff in session_diff(), file in file_entry()) {
        comes_back(&diff);
        comes_back(&file);
    }

    #[test]
    fn prompts_round_trip(
        id in ulid(), content in prompt_content(), author in text(), ts in timestamp(),
        mode in words(&[DeliveryMode::Queue, DeliveryMode::Steer]),
        state in words(&[PromptState::Queued, PromptState::Delivered, PromptState::Withdrawn, PromptState::Undelivered]),
        delivery in words(&[PromptDelivery::Initial, PromptDelivery::Queued, PromptDelivery::Steered]),
    ) {
        let id = PromptId::from_ulid(id);
        comes_back(&PromptRequest { prompt: content.clone(), delivery: mode });
        let prompt = Prompt::new(id, content, author, ts).with_delivery(mode).with_state(state);
        comes_back(&prompt);
        let mut receipt = PromptReceipt::of(SessionId::from_ulid(id.ulid()), &prompt);
        receipt.delivery = delivery;
        comes_back(&receipt);
    }

    #[test]
    fn problems_round_trip_with_their_kind(problem in problem()) {
        comes_back(&problem);
        prop_assert_eq!(TaskManagerError::from(problem.clone()).kind(), problem.kind());
    }

    #[test]
    fn repositories_round_trip(id in ulid(), names in (text(), text(), of(text())), at in of(timestamp()), branches in vec((text(), any::<bool>(), text()), 0..3)) {
        let id = RepositoryId::from_ulid(id);
        let mut repository = Repository::git(id, names.0, names.1);
        repository.default_branch = names.2;
        repository.last_used_at = at;
        comes_back(&repository);
        let branches: Vec<_> = branches
            .into_iter()
            .map(|(name, is_default, last_commit)| Branch::new(name, is_default, last_commit))
            .collect();
        comes_back(&BranchList::new(id, branches));
    }

    #[test]
    fn agents_and_pages_round_trip(items in vec(agent(), 0..3), total: u64, next_page: Option<u32>) {
        comes_back(&Page { items, total, next_page });
    }

    #[test]
    fn clients_ignore_unknown_fields(session in session(), event in session_event()) {
        let mut json = serde_json::to_value(&session).expect("JSON");
        json["newInALaterVersion"] = true.into();
        prop_assert_eq!(serde_json::from_value::<Session>(json).expect("read"), session);
        let mut json = serde_json::to_value(&event).expect("JSON");
        json["new_in_a_later_version"] = true.into();
        prop_assert_eq!(serde_json::from_value::<SessionEvent>(json).expect("read"), event);
    }
}
