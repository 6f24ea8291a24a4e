//! What kinds of problems mean: each at its own type URI, from the document that explains them.

use ah_rest_api_contract::ErrorKind;
use axum::extract::Path;

use super::Answered;
use super::docs::page;
use crate::problem::ApiError;

/// The document. Each kind has a section under its slug.
const DOCUMENT: &str = include_str!("../../../../docs/errors.md");

#[utoipa::path(
    get,
    path = "/errors/{slug}",
    params(("slug" = String, Path, description = "The last segment of a problem's `type`.")),
    responses((
        status = 200,
        description = "What the kind of problem means, and what to do.",
        content((String = "text/html"))
    ))
)]
pub(crate) async fn explain_error(Path(slug): Path<String>) -> Answered {
    let kind = ErrorKind::ALL.into_iter().find(|kind| kind.slug() == slug);
    let found = kind.and_then(|kind| Some((kind, section(kind.slug())?)));
    let (kind, text) = found
        .ok_or_else(|| ApiError::new(ErrorKind::NotFound, "there is no such kind of problem"))?;
    let paragraphs: String = text
        .split("\n\n")
        .map(|paragraph| format!("<p>{}</p>", escaped(paragraph)))
        .collect();
    page(
        kind.title(),
        &format!("<h1>{}</h1>{paragraphs}", escaped(kind.title())),
    )
}

/// What the document says under the heading of a kind.
fn section(slug: &str) -> Option<&'static str> {
    let heading = format!("\n## {slug}\n");
    let (_, rest) = DOCUMENT.split_once(&heading)?;
    let section = rest
        .split_once("\n## ")
        .map_or(rest, |(section, _)| section);
    Some(section.trim())
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
    fn every_kind_is_explained() {
        for kind in ErrorKind::ALL {
            let section =
                section(kind.slug()).unwrap_or_else(|| panic!("{kind:?} is not explained"));
            assert!(section.len() > 80, "{kind:?}: {section}");
            assert!(
                section.contains(&kind.status().to_string()),
                "{kind:?}: {section}"
            );
        }
    }
}
