//! Resolves references to sessions.

use ah_rest_api_contract::{
    PER_PAGE_MAX, PageRequest, Session, SessionId, SessionQuery, SessionView, TaskManager,
};

use crate::failure::Failure;

/// The minimum length of the beginning or end of an id.
const PART_LENGTH_MIN: usize = 4;
/// The length of a shortened id. Its characters are random, so two sessions of a store hardly ever
/// share them.
const SHORT_LENGTH: usize = 8;
/// The maximum number of pages that are searched for a part of an id.
const PAGES_MAX: u32 = 100;
const BRANCH_PREFIX: &str = "ah/";

/// Returns the end of an id, which also names the session.
pub(crate) fn short(id: SessionId) -> String {
    let id = id.to_string();
    id[id.len().saturating_sub(SHORT_LENGTH)..].to_owned()
}

/// A reference to a session: a whole id, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reference {
    Whole(SessionId),
    Part(String),
}

impl Reference {
    fn parse(text: &str) -> Option<Self> {
        let id = text.strip_prefix(BRANCH_PREFIX).unwrap_or(text);
        let id = id.to_ascii_uppercase();
        if let Ok(id) = id.parse() {
            return Some(Self::Whole(id));
        }
        let is_part = id.len() >= PART_LENGTH_MIN
            && id.len() < 26
            && id.chars().all(|c| c.is_ascii_alphanumeric());
        is_part.then_some(Self::Part(id))
    }
}

/// Returns true if `text` has the form of a reference, of any length.
pub(crate) fn is_like_reference(text: &str) -> bool {
    let id = text.strip_prefix(BRANCH_PREFIX).unwrap_or(text);
    id.len() >= PART_LENGTH_MIN && id.chars().all(|c| c.is_ascii_alphanumeric())
}

/// Returns the session that `text` names, or the latest one for `None`.
pub(crate) async fn resolve(
    manager: &dyn TaskManager,
    text: Option<&str>,
) -> Result<Session, Failure> {
    let Some(text) = text else {
        return latest(manager).await;
    };
    match find(manager, text).await? {
        Some(session) => Ok(session),
        None if Reference::parse(text).is_some() => {
            Err(Failure::general(format!("no session matches `{text}`"))
                .hint("`ah session list` lists the sessions"))
        }
        None => Err(
            Failure::validation(format!("`{text}` is not a session ID")).hint(format!(
                "use an ID, at least {PART_LENGTH_MIN} characters of its beginning or end, or \
             {BRANCH_PREFIX}ID"
            )),
        ),
    }
}

/// Returns the session that `text` names, if any.
pub(crate) async fn find(
    manager: &dyn TaskManager,
    text: &str,
) -> Result<Option<Session>, Failure> {
    let part = match Reference::parse(text) {
        Some(Reference::Whole(id)) => return Ok(Some(manager.get_session(id).await?)),
        Some(Reference::Part(part)) => part,
        None => return Ok(None),
    };
    let mut found = Vec::new();
    for page in 1..=PAGES_MAX {
        let sessions = manager
            .list_sessions(SessionQuery {
                include_archived: true,
                view: SessionView::Summary,
                page: PageRequest::new(page, PER_PAGE_MAX)?,
                ..SessionQuery::default()
            })
            .await?;
        found.extend(sessions.items.into_iter().filter(|session| {
            let id = session.id.to_string();
            id.starts_with(&part) || id.ends_with(&part)
        }));
        if sessions.next_page.is_none() {
            break;
        }
    }
    if found.len() > 1 {
        let mut failure = Failure::validation(format!(
            "`{text}` matches {} sessions; use more characters of the ID",
            found.len()
        ));
        for session in found.iter().take(5) {
            failure = failure.hint(format!("one match is {}", session.id));
        }
        return Err(failure);
    }
    match found.pop() {
        Some(summary) => Ok(Some(manager.get_session(summary.id).await?)),
        None => Ok(None),
    }
}

async fn latest(manager: &dyn TaskManager) -> Result<Session, Failure> {
    let sessions = manager
        .list_sessions(SessionQuery {
            page: PageRequest::new(1, 1)?,
            ..SessionQuery::default()
        })
        .await?;
    match sessions.items.into_iter().next() {
        Some(session) => Ok(session),
        None => Err(none_to_take(manager).await?),
    }
}

/// Returns the failure for a missing latest session: none was launched, or all are hidden.
async fn none_to_take(manager: &dyn TaskManager) -> Result<Failure, Failure> {
    let hidden = manager
        .list_sessions(SessionQuery {
            include_archived: true,
            page: PageRequest::new(1, 1)?,
            ..SessionQuery::default()
        })
        .await?;
    Ok(if hidden.items.is_empty() {
        Failure::general("there are no sessions yet")
            .hint("start one with `ah task --follow \"…\"`")
    } else {
        Failure::general("there is no latest session: all sessions were cancelled")
            .hint("`ah session list --all` shows them; select one by its ID")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{manager_of, session};
    use ah_rest_mock_client::MockTaskManager;

    const FIRST: &str = "01JZAAAAAAAAAAAAAAAAAAAAA1";
    const SECOND: &str = "01JZBBBBBBBBBBBBBBBBBBBB22";

    fn manager() -> MockTaskManager {
        manager_of([session(SECOND), session(FIRST)])
    }

    async fn resolved(text: Option<&str>) -> Result<String, String> {
        resolve(&manager(), text)
            .await
            .map(|session| session.id.to_string())
            .map_err(|failure| failure.to_string())
    }

    #[tokio::test]
    async fn session_is_referenced_by_id_prefix_suffix_and_branch() {
        let first = Ok(FIRST.to_owned());
        assert_eq!(resolved(Some(FIRST)).await, first);
        assert_eq!(resolved(Some("01JZA")).await, first);
        assert_eq!(resolved(Some("aaa1")).await, first);
        assert_eq!(resolved(Some(&format!("ah/{FIRST}"))).await, first);
        assert_eq!(resolved(Some("ah/AAA1")).await, first);
        assert_eq!(resolved(None).await, Ok(SECOND.to_owned()));
    }

    #[tokio::test]
    async fn ambiguous_reference_is_rejected() {
        assert_eq!(
            resolved(Some("01JZ")).await,
            Err("`01JZ` matches 2 sessions; use more characters of the ID".to_owned())
        );
    }

    #[tokio::test]
    async fn unknown_reference_differs_from_a_malformed_one() {
        assert_eq!(
            resolved(Some("ZZZZ")).await,
            Err("no session matches `ZZZZ`".to_owned())
        );
        for text in ["abc", "src/main.rs", ""] {
            assert_eq!(
                resolved(Some(text)).await,
                Err(format!("`{text}` is not a session ID"))
            );
        }
    }

    #[tokio::test]
    async fn missing_latest_session_has_a_reason() {
        let none = manager_of([]);
        let mut hidden = session(FIRST);
        hidden.status = ah_rest_api_contract::SessionStatus::Cancelled;
        let hidden = manager_of([hidden]);
        for (manager, words) in [
            (none, "there are no sessions yet"),
            (hidden, "there is no latest session"),
        ] {
            let failure = resolve(&manager, None).await.expect_err("there is none");
            assert!(failure.to_string().starts_with(words), "{failure}");
        }
    }

    #[test]
    fn short_form_is_the_end_of_the_id() {
        let id = FIRST.parse().expect("is an id");
        assert_eq!(short(id), "AAAAAAA1");
    }
}
