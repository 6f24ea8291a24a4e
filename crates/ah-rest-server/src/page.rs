//! Pages of lists as responses, with `Link` headers (RFC 8288).

use ah_rest_api_contract::{
    EncodedJson, EncodedPage, FileQuery, HistoryPage, HistoryParts, Page, PageRequest,
    RepositoryQuery, SessionEvent, WorkspaceQuery,
};
use axum::body::{Body, Bytes};
use axum::http::Uri;
use axum::http::header::{CONTENT_TYPE, HeaderValue, LINK};
use axum::response::{IntoResponse as _, Response};
use axum::{BoxError, Json};
use futures::{Stream, StreamExt as _, stream};
use serde::Serialize;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PAGE: &str = "page";

/// A query for a list.
pub(crate) trait ListQuery {
    /// Returns the requested page.
    fn page_request(&self) -> PageRequest;
}

impl ListQuery for PageRequest {
    fn page_request(&self) -> PageRequest {
        *self
    }
}

impl ListQuery for FileQuery {
    fn page_request(&self) -> PageRequest {
        self.page
    }
}

impl ListQuery for RepositoryQuery {
    fn page_request(&self) -> PageRequest {
        self.page
    }
}

impl ListQuery for WorkspaceQuery {
    fn page_request(&self) -> PageRequest {
        self.page
    }
}

/// Returns a page of the list at `uri` as a response, with links to other pages.
pub(crate) fn paged<T: Serialize>(uri: &Uri, asked: PageRequest, page: Page<T>) -> Response {
    let total = page.total;
    linked(uri, asked, total, Json(page).into_response())
}

/// Returns a page that is encoded already as a response, with links to other pages.
pub(crate) fn encoded_page(uri: &Uri, asked: PageRequest, page: EncodedPage) -> Response {
    linked(uri, asked, page.total, encoded(page.json))
}

/// Returns a page of the history at `uri` as a response, with links to other pages. A page in parts
/// is read as fast as its reader takes it.
pub(crate) fn history_page(uri: &Uri, asked: PageRequest, page: HistoryPage) -> Response {
    let HistoryPage {
        total,
        next_page,
        first: items,
        rest,
    } = page;
    let Some(rest) = rest else {
        let page = Page {
            items,
            total,
            next_page,
        };
        return paged(uri, asked, page);
    };
    let next = next_page.map(|page| format!(r#","nextPage":{page}"#));
    let end = format!(r#"],"total":{total}{}}}"#, next.unwrap_or_default());
    let body = Body::from_stream(json_in_parts(items, rest, end));
    let response = ([(CONTENT_TYPE, JSON)], body).into_response();
    linked(uri, asked, total, response)
}

/// Returns the JSON of a page with the items `first` and `rest`, and with this end. An error ends the
/// JSON before its end, which readers notice.
fn json_in_parts(
    first: Vec<SessionEvent>,
    rest: HistoryParts,
    end: String,
) -> impl Stream<Item = Result<Bytes, BoxError>> {
    let mut separator: &[u8] = br#"{"items":["#;
    let parts = stream::iter([Ok(first)]).chain(rest);
    let parts = parts.map(move |part| {
        let part = part.inspect_err(|error| {
            let error = error as &dyn std::error::Error;
            tracing::error!(error, "a page of history ends early");
        })?;
        let mut json = Vec::new();
        for event in part {
            json.extend_from_slice(separator);
            serde_json::to_writer(&mut json, &event)?;
            separator = b",";
        }
        Ok(Bytes::from(json))
    });
    parts.chain(stream::iter([Ok(Bytes::from(end))]))
}

/// Returns JSON that is encoded already as a response.
pub(crate) fn encoded(json: EncodedJson) -> Response {
    let body = Body::from(Bytes::from_owner(json));
    ([(CONTENT_TYPE, JSON)], body).into_response()
}

fn linked(uri: &Uri, asked: PageRequest, total: u64, mut response: Response) -> Response {
    let links = links(uri, asked, total);
    // The query is encoded again, so it contains only characters that a header can have.
    if let Ok(links) = HeaderValue::try_from(links) {
        response.headers_mut().insert(LINK, links);
    }
    response
}

fn links(uri: &Uri, asked: PageRequest, total: u64) -> String {
    let last = total.div_ceil(u64::from(asked.per_page())).max(1);
    let here = u64::from(asked.page());
    let mut links = vec![(1, "first")];
    if here > 1 {
        links.push(((here - 1).min(last), "prev"));
    }
    if here < last {
        links.push((here + 1, "next"));
    }
    links.push((last, "last"));
    let link = |(number, relation)| format!("<{}>; rel=\"{relation}\"", at_page(uri, number));
    links.into_iter().map(link).collect::<Vec<_>>().join(", ")
}

/// Returns the URI of another page of the same list.
fn at_page(uri: &Uri, number: u64) -> String {
    let query = uri.query().unwrap_or_default();
    let others = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != PAGE);
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .append_pair(PAGE, &number.to_string())
        .finish();
    format!("{}?{query}", uri.path())
}

#[cfg(test)]
mod tests {
    use ah_rest_api_contract::{ErrorKind, EventPayload, EventSeq, TaskManagerError, Thought};
    use futures::TryStreamExt as _;

    use super::*;

    fn event(number: u64) -> SessionEvent {
        SessionEvent::new(
            EventSeq::new(number),
            "2026-01-01T00:00:00Z".parse().unwrap(),
            "01K6MEHQ414EWWTRK7MC0M606M".parse().unwrap(),
            EventPayload::Thought(Thought::new("x")),
        )
    }

    #[tokio::test]
    async fn a_page_in_parts_is_the_same_json() {
        for (total, next_page) in [(9, Some(2)), (5, None)] {
            let parts: HistoryParts = Box::pin(stream::iter([
                Ok(vec![event(3)]),
                Ok(vec![event(4), event(5)]),
            ]));
            let page = HistoryPage {
                total,
                next_page,
                first: vec![event(1), event(2)],
                rest: Some(parts),
            };
            let asked = PageRequest::new(1, 5).unwrap();
            let response = history_page(&Uri::from_static("/events"), asked, page);
            assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
            let parts: Vec<Bytes> = response
                .into_body()
                .into_data_stream()
                .try_collect()
                .await
                .unwrap();
            let whole = Page {
                items: (1..=5).map(event).collect(),
                total,
                next_page,
            };
            assert_eq!(parts.concat(), serde_json::to_vec(&whole).unwrap());
            assert_eq!(parts.len(), 4);
        }
    }

    #[tokio::test]
    async fn a_part_that_cannot_be_read_ends_the_body_with_an_error() {
        let error = TaskManagerError::new(ErrorKind::Internal, "the part is lost");
        let rest: HistoryParts = Box::pin(stream::iter([Err(error)]));
        let body = json_in_parts(vec![event(1)], rest, "]}".to_owned());
        let sent: Result<Vec<Bytes>, _> = body.try_collect().await;
        assert!(sent.unwrap_err().to_string().contains("the part is lost"));
    }

    fn of(page: u32, total: u64) -> String {
        let uri = Uri::from_static("/api/v1/sessions?status=running%2Cqueued&page=2&perPage=10");
        links(&uri, PageRequest::new(page, 10).unwrap(), total)
    }

    #[test]
    fn pages_link_to_their_neighbours() {
        let rest = "/api/v1/sessions?status=running%2Cqueued&perPage=10&page=";
        let link = |number: u32, relation: &str| format!("<{rest}{number}>; rel=\"{relation}\"");
        let all = |links: &[(u32, &str)]| {
            let texts: Vec<_> = links
                .iter()
                .map(|(number, rel)| link(*number, rel))
                .collect();
            texts.join(", ")
        };
        assert_eq!(of(1, 0), all(&[(1, "first"), (1, "last")]));
        assert_eq!(of(1, 11), all(&[(1, "first"), (2, "next"), (2, "last")]));
        assert_eq!(
            of(2, 30),
            all(&[(1, "first"), (1, "prev"), (3, "next"), (3, "last")])
        );
        assert_eq!(of(9, 30), all(&[(1, "first"), (3, "prev"), (3, "last")]));
    }
}
