//! Queries in URLs.

use std::borrow::Cow;

use ah_rest_api_contract::{
    AllEventsParams, AllEventsQuery, ContentParams, ContentQuery, DiffParams, DiffQuery,
    EventParams, EventQuery, FieldErrors, FileDiffParams, FileDiffQuery, FileNodeParams,
    FileNodeQuery, FileParams, FileQuery, LogParams, LogQuery, PageParams, PageRequest,
    RepositoryParams, RepositoryQuery, SessionParams, SessionQuery, StreamParams, StreamQuery,
    WorkspaceParams, WorkspaceQuery,
};
use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::field::invalid_field;
use crate::problem::ApiError;

/// The parsed query of a URL.
pub(crate) struct Query<Q>(pub(crate) Q);

/// A type of query.
pub(crate) trait FromParams: TryFrom<Self::Params, Error = FieldErrors> {
    /// The parameters, as in the URL.
    type Params: DeserializeOwned;
    /// The names of the parameters that are lists, which a URL may repeat.
    const LISTS: &[&str];
}

macro_rules! queries {
    ($($query:ty => $params:ty),+ $(,)?) => {
        $(impl FromParams for $query {
            type Params = $params;
            const LISTS: &[&str] = <$params>::LISTS;
        })+
    };
}

queries! {
    PageRequest => PageParams,
    SessionQuery => SessionParams,
    AllEventsQuery => AllEventsParams,
    EventQuery => EventParams,
    StreamQuery => StreamParams,
    LogQuery => LogParams,
    FileQuery => FileParams,
    RepositoryQuery => RepositoryParams,
    WorkspaceQuery => WorkspaceParams,
    DiffQuery => DiffParams,
    ContentQuery => ContentParams,
    FileNodeQuery => FileNodeParams,
    FileDiffQuery => FileDiffParams,
}

/// Reads and validates the query of a URL.
pub(crate) fn read<Q: FromParams>(uri: &Uri) -> Result<Q, ApiError> {
    Ok(read_params::<Q>(uri)?.try_into()?)
}

/// Reads the parameters of a URL as text, and validates only their names.
pub(crate) fn read_params<Q: FromParams>(uri: &Uri) -> Result<Q::Params, ApiError> {
    let query = joined(uri.query().unwrap_or_default(), Q::LISTS);
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let path = error.path().to_string();
        invalid_field(&path, &error.into_inner().to_string())
    })
}

/// Joins the values of each list that occurs more than once with commas. Another parameter that
/// occurs twice is rejected later.
fn joined<'q>(query: &'q str, lists: &[&str]) -> Cow<'q, str> {
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    // The place of each list among the pairs. A URL can have thousands of them.
    let mut places = vec![None; lists.len()];
    let mut is_joined = false;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if let Some(list) = lists.iter().position(|list| *list == name) {
            if let Some(place) = places[list] {
                let (_, values): &mut (_, Cow<'_, str>) = &mut pairs[place];
                let values = values.to_mut();
                values.push(',');
                values.push_str(&value);
                is_joined = true;
                continue;
            }
            places[list] = Some(pairs.len());
        }
        pairs.push((name, value));
    }
    if !is_joined {
        return Cow::Borrowed(query);
    }
    let mut joined = form_urlencoded::Serializer::new(String::new());
    joined.extend_pairs(pairs);
    Cow::Owned(joined.finish())
}

impl<Q: FromParams, S: Send + Sync> FromRequestParts<S> for Query<Q> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        read(&parts.uri).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_lists_are_joined() {
        let lists = ["status", "label"];
        for (query, expected) in [
            ("", ""),
            ("status=a%2Cb&page=1", "status=a%2Cb&page=1"),
            ("status=a&page=1&status=b", "status=a%2Cb&page=1"),
            ("label=a%3A1&label=b%3A%5C%2C", "label=a%3A1%2Cb%3A%5C%2C"),
            ("page=1&page=2", "page=1&page=2"),
            (
                "status=a&status=b&page=1&page=2",
                "status=a%2Cb&page=1&page=2",
            ),
        ] {
            assert_eq!(joined(query, &lists), expected);
        }
    }
}
