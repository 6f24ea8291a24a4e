//! Tests of the state machine.

use std::collections::BTreeSet;
use std::fmt::Write;

use ah_rest_api_contract::{Admission, SessionAction, SessionStatus};

#[test]
fn actions_admitted_by_each_status() {
    let mut table = format!("{:<13}", "");
    for action in SessionAction::ALL {
        write!(table, " {:<11}", action.verb()).expect("a string takes all");
    }
    for status in SessionStatus::ALL {
        write!(table, "\n{status:<13}").expect("a string takes all");
        for action in SessionAction::ALL {
            let word = format!("{:?}", status.admits(action)).to_lowercase();
            write!(table, " {word:<11}").expect("a string takes all");
        }
    }
    let table: Vec<&str> = table.lines().map(str::trim_end).collect();
    insta::assert_snapshot!(table.join("\n"));
}

#[test]
fn transitions_from_each_status() {
    let mut table = String::new();
    for status in SessionStatus::ALL {
        let next: Vec<&str> = SessionStatus::ALL
            .into_iter()
            .filter(|next| status.may_become(*next))
            .map(SessionStatus::as_str)
            .collect();
        let next = if next.is_empty() {
            "nothing".to_owned()
        } else {
            next.join(", ")
        };
        writeln!(table, "{status:<13} -> {next}").expect("a string takes all");
    }
    insta::assert_snapshot!(table);
}

fn reachable(from: SessionStatus) -> BTreeSet<SessionStatus> {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(status) = open.pop() {
        for next in SessionStatus::ALL {
            if status.may_become(next) && seen.insert(next) {
                open.push(next);
            }
        }
    }
    seen
}

#[test]
fn every_status_is_reachable_and_can_reach_an_end() {
    let mut all = reachable(SessionStatus::Queued);
    all.insert(SessionStatus::Queued);
    assert_eq!(all, BTreeSet::from(SessionStatus::ALL));
    for status in SessionStatus::ALL {
        let ends: BTreeSet<_> = reachable(status)
            .into_iter()
            .filter(|status| status.is_terminal())
            .collect();
        assert_eq!(ends.is_empty(), status.is_terminal(), "{status}");
        assert!(!status.may_become(status), "{status} to itself");
        assert!(
            status == SessionStatus::Queued || !reachable(status).contains(&SessionStatus::Queued),
            "{status} goes back into the queue"
        );
    }
}

#[test]
fn every_stoppable_status_is_cancellable() {
    for status in SessionStatus::ALL {
        let ends = reachable(status);
        let is_live = !status.is_terminal();
        assert_eq!(ends.contains(&SessionStatus::Stopped), is_live, "{status}");
        assert_eq!(
            ends.contains(&SessionStatus::Cancelled),
            is_live,
            "{status}"
        );
        assert_ne!(
            status.admits(SessionAction::Cancel),
            Admission::Conflict,
            "{status}"
        );
    }
}

#[test]
fn ended_session_admits_only_repeats_and_hiding() {
    for status in SessionStatus::ALL.into_iter().filter(|s| s.is_terminal()) {
        for action in SessionAction::ALL {
            let expected = match (status, action) {
                (SessionStatus::Stopped, SessionAction::Stop)
                | (SessionStatus::Cancelled, SessionAction::Cancel) => Admission::Repeat,
                (_, SessionAction::Cancel) => Admission::Perform,
                _ => Admission::Ended,
            };
            assert_eq!(status.admits(action), expected, "{action:?} when {status}");
        }
    }
    for status in SessionStatus::ALL.into_iter().filter(|s| !s.is_terminal()) {
        for action in SessionAction::ALL {
            assert_ne!(
                status.admits(action),
                Admission::Ended,
                "{action:?} when {status}"
            );
        }
    }
}

#[test]
fn slot_is_held_from_provisioning_to_the_end() {
    for status in SessionStatus::ALL {
        let holds = status != SessionStatus::Queued && !status.is_terminal();
        assert_eq!(status.holds_slot(), holds, "{status}");
        assert_eq!(SessionStatus::from_word(status.as_str()), Some(status));
        let json = serde_json::to_value(status).expect("a word");
        assert_eq!(json, status.as_str());
    }
}
