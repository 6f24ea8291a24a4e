//! The documentation of error kinds, each at its own type URI.

use ah_rest_api_contract::ErrorKind;
use axum::extract::Path;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::docs::page;
use crate::problem::{ApiError, ApiResult};

/// The schema of a kind's name in a path.
pub(crate) enum ProblemKind {}

impl PartialSchema for ProblemKind {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(ErrorKind::ALL.map(ErrorKind::slug)))
            .into()
    }
}

impl ToSchema for ProblemKind {}

pub(crate) async fn explain_error(Path(slug): Path<String>) -> ApiResult {
    let kind = ErrorKind::ALL
        .into_iter()
        .find(|kind| kind.slug() == slug)
        .ok_or_else(|| {
            let slugs = ErrorKind::ALL.map(ErrorKind::slug).join("`, `");
            let detail = format!("unknown error kind; the kinds are `{slugs}`");
            ApiError::new(ErrorKind::NotFound, detail)
        })?;
    let paragraphs: String = kind
        .doc()
        .split("\n\n")
        .map(|paragraph| format!("<p>{}</p>", marked_up(paragraph)))
        .collect();
    let others: String = ErrorKind::ALL
        .into_iter()
        .filter(|other| *other != kind)
        .map(|other| {
            format!(
                "<li><a href=\"{}\">{}</a></li>",
                other.type_uri(),
                other.title()
            )
        })
        .collect();
    let body = format!(
        "<main><h1>{}</h1><p><code>{}</code></p>{paragraphs}<h2>Other kinds</h2><ul>{others}</ul>\
         <p><a href=\"/api/docs\">The API</a></p></main>",
        escaped(kind.title()),
        kind.type_uri()
    );
    page(kind.title(), &body)
}

/// Renders a paragraph of the document as HTML. Code spans are its only markup.
fn marked_up(paragraph: &str) -> String {
    let mut html = String::new();
    for (index, piece) in paragraph.split('`').enumerate() {
        let piece = escaped(piece);
        if index % 2 == 0 {
            html.push_str(&piece);
        } else {
            html.push_str(&format!("<code>{piece}</code>"));
        }
    }
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_marked_up_and_other_text_is_escaped() {
        assert_eq!(
            marked_up("write `a <b>` & `c`"),
            "write <code>a &lt;b&gt;</code> &amp; <code>c</code>"
        );
    }

    #[test]
    fn explanations_contain_only_code_markup() {
        for kind in ErrorKind::ALL {
            let text = kind.doc();
            assert_eq!(text.matches('`').count() % 2, 0, "{kind:?}");
            for mark in ["](", "**", "\n* ", "\n- ", "```"] {
                assert!(!text.contains(mark), "{kind:?} has {mark}: {text}");
            }
        }
    }
}
