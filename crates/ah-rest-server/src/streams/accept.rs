//! The negotiation of a stream or a page, and the cursor to resume from (contract §5.1).

use std::str::FromStr;

use ah_rest_api_contract::{EventQuery, FieldErrors};
use axum::http::header::{ACCEPT, HeaderName};
use axum::http::{HeaderMap, Uri};

use crate::extract::read_params;
use crate::problem::ApiError;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The representation of a session's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Representation {
    /// A stream of events.
    Stream,
    /// A page of history.
    Page,
}

/// Returns a stream if the client names its media type and does not prefer JSON, unless the URL has
/// a parameter of pages. A client that accepts anything gets a page: it may wait for the end of the
/// response.
pub(crate) fn representation(headers: &HeaderMap, uri: &Uri) -> Representation {
    let is_of_page =
        || read_params::<EventQuery>(uri).is_ok_and(|params| params.asks_for_history());
    if prefers_stream(headers) && !is_of_page() {
        Representation::Stream
    } else {
        Representation::Page
    }
}

fn prefers_stream(headers: &HeaderMap) -> bool {
    let accepted: Vec<(String, f32)> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(weighted)
        .collect();
    let json = quality(&accepted, "application", "json");
    let stream = quality(&accepted, "text", "event-stream");
    // A range such as `*/*` does not name the type. At equal quality, the type with the more
    // specific range is preferred.
    stream.1 == 2 && stream.0 > 0.0 && stream >= json
}

/// Parses a media range and its quality.
fn weighted(range: &str) -> (String, f32) {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_lowercase();
    let quality = parts
        .find_map(|part| part.strip_prefix("q=")?.parse().ok())
        .unwrap_or(1.0);
    (name, quality)
}

/// Returns the quality of a media type and the specificity of its range. The most specific range
/// counts.
fn quality(accepted: &[(String, f32)], kind: &str, name: &str) -> (f32, u8) {
    let find = |range: &str| {
        let found = accepted.iter().find(|(accepted, _)| accepted == range);
        found.map(|(_, quality)| *quality)
    };
    find(&format!("{kind}/{name}"))
        .map(|quality| (quality, 2))
        .or_else(|| find(&format!("{kind}/*")).map(|quality| (quality, 1)))
        .or_else(|| find("*/*").map(|quality| (quality, 0)))
        .unwrap_or((0.0, 0))
}

/// Returns the cursor of a reader that reconnects. It takes precedence over `after`, which a
/// browser repeats unchanged.
pub(crate) fn last_event_id<T: FromStr>(headers: &HeaderMap) -> Result<Option<T>, ApiError> {
    let Some(value) = headers.get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    if text.is_empty() && value.is_empty() {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|_| FieldErrors::of("Last-Event-ID", "is not an `id:` of this stream").into())
}

#[cfg(test)]
mod tests {
    use ah_rest_api_contract::EventSeq;

    use super::*;

    fn with_accept(accept: &str) -> Representation {
        let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]);
        representation(&headers, &Uri::from_static("/events"))
    }

    #[test]
    fn only_a_client_that_names_the_media_type_gets_a_stream() {
        for accept in [
            "*/*",
            "",
            "text/html",
            "text/*",
            "text/event-stream;q=0",
            "application/json",
            "application/json, text/plain, */*",
            "text/event-stream;q=0.5, application/json",
            "application/*",
        ] {
            assert_eq!(with_accept(accept), Representation::Page, "{accept}");
        }
        for accept in [
            "text/event-stream",
            "text/event-stream, */*",
            "text/event-stream, application/json",
            "application/json;q=0.9, text/event-stream",
            "application/json;q=x, */*;q=y, text/event-stream",
        ] {
            assert_eq!(with_accept(accept), Representation::Stream, "{accept}");
        }
        let none = representation(&HeaderMap::new(), &Uri::from_static("/events"));
        assert_eq!(none, Representation::Page);
    }

    #[test]
    fn page_parameters_select_a_page() {
        let headers = HeaderMap::from_iter([(ACCEPT, "text/event-stream".parse().unwrap())]);
        let representation = |uri| representation(&headers, &Uri::from_static(uri));
        assert_eq!(representation("/events?page=2"), Representation::Page);
        assert_eq!(representation("/events?after=2"), Representation::Stream);
        // The stream then refuses the second one.
        let both = "/events?deltas=true&page=2";
        assert_eq!(representation(both), Representation::Stream);
    }

    #[test]
    fn cursor_is_parsed_or_rejected() {
        let at = |text: &str| {
            let headers = HeaderMap::from_iter([(LAST_EVENT_ID, text.parse().unwrap())]);
            last_event_id::<EventSeq>(&headers).map_err(|error| error.problem().status)
        };
        assert_eq!(at("7").unwrap().map(EventSeq::get), Some(7));
        assert_eq!(at(""), Ok(None));
        assert_eq!(at("seven"), Err(400));
        assert!(
            last_event_id::<EventSeq>(&HeaderMap::new())
                .unwrap()
                .is_none()
        );
    }
}
