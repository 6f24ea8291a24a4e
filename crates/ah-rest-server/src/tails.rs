//! The paths of files at the end of a request's path.
//!
//! The table has them as one parameter, `/files/{path}/content`, and generated clients encode the
//! slashes of its value. People and other clients write the path of a file as it is,
//! `/files/src/main.rs/content`.

use ah_rest_api_contract::operations::ALL;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// The type of the parameter in the table.
const FILE_PATH: &str = "FilePath";
/// A slash within a segment.
const SLASH: &str = "%2F";

/// Joins the segments of a file's path into one, in the paths of operations that have one. The last
/// segment is that of the operation if it has its name: the file `a/content` is `a%2Fcontent`.
pub(crate) fn join(uri: &mut Uri) {
    let Some(path) = joined(uri.path()) else {
        return;
    };
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = uri.clone().into_parts();
    // Segments of a valid path are joined with valid characters.
    if let Ok(target) = target.parse::<PathAndQuery>() {
        parts.path_and_query = Some(target);
        if let Ok(joined) = Uri::from_parts(parts) {
            *uri = joined;
        }
    }
}

/// Returns the path with its segments joined, or `None` if it is as the table has it.
fn joined(path: &str) -> Option<String> {
    let segments: Vec<&str> = path.split('/').collect();
    let templates = ALL.iter().filter_map(|operation| {
        let has_file = operation.parameters.contains(&FILE_PATH);
        has_file.then(|| operation.path.split_once("{path}"))?
    });
    let fitting = templates.filter_map(|(before, after)| {
        let before: Vec<&str> = before.trim_end_matches('/').split('/').collect();
        let after: Vec<&str> = after.split('/').skip(1).collect();
        let end = segments.len().checked_sub(after.len())?;
        let file = segments.get(before.len()..end)?;
        let fits = before
            .iter()
            .zip(&segments)
            .all(|(name, given)| name == given || name.starts_with('{') && !given.is_empty());
        let fits = fits && !file.is_empty() && segments[end..] == after[..];
        fits.then_some((after.len(), before.len(), end))
    });
    let (_, begin, end) = fitting.max()?;
    (end - begin > 1).then(|| {
        let file = segments[begin..end].join(SLASH);
        let whole = [&segments[..begin], &[file.as_str()], &segments[end..]];
        whole.concat().join("/")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> String {
        let mut uri: Uri = path.parse().unwrap();
        join(&mut uri);
        uri.to_string()
    }

    #[test]
    fn the_segments_of_a_file_are_joined() {
        for (given, path) in [
            ("/files/a/b.rs", "/files/a%2Fb.rs"),
            (
                "/files/a/b.rs/content?offset=1",
                "/files/a%2Fb.rs/content?offset=1",
            ),
            ("/files/a%2Fb.rs/content", "/files/a%2Fb.rs/content"),
            ("/files/content", "/files/content"),
            ("/files/content/content", "/files/content/content"),
            ("/files/a/content/content", "/files/a%2Fcontent/content"),
            ("/files/a%2Fcontent", "/files/a%2Fcontent"),
            ("/files//etc/passwd", "/files/%2Fetc%2Fpasswd"),
            ("/diff/a/content", "/diff/a%2Fcontent"),
            ("/files?path=a/b", "/files?path=a/b"),
            ("/files/", "/files/"),
            ("/workspace/files", "/workspace/files"),
            ("/prompts/a/b", "/prompts/a/b"),
        ] {
            let base = "/api/v1/sessions/x";
            assert_eq!(of(&format!("{base}{given}")), format!("{base}{path}"));
        }
        assert_eq!(
            of("/api/v1/sessions//files/a/b"),
            "/api/v1/sessions//files/a/b"
        );
    }
}
