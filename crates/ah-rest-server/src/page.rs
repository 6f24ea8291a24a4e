//! Pages of lists as responses, with `Link` headers (RFC 8288).

use ah_rest_api_contract::{EncodedJson, EncodedPage, FileQuery, Page, PageRequest};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::Uri;
use axum::http::header::{CONTENT_TYPE, HeaderValue, LINK};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

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

/// Returns a page of the list at `uri` as a response, with links to other pages.
pub(crate) fn paged<T: Serialize>(uri: &Uri, asked: PageRequest, page: Page<T>) -> Response {
    let total = page.total;
    linked(uri, asked, total, Json(page).into_response())
}

/// Returns a page that is encoded already as a response, with links to other pages.
pub(crate) fn encoded_page(uri: &Uri, asked: PageRequest, page: EncodedPage) -> Response {
    linked(uri, asked, page.total, encoded(page.json))
}

/// Returns JSON that is encoded already as a response.
pub(crate) fn encoded(json: EncodedJson) -> Response {
    let media_type = HeaderValue::from_static("application/json");
    let mut response = Body::from(Bytes::from_owner(json)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
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
    use super::*;

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
