//! Requests that change something: their principal, idempotency key and body.

use std::sync::Arc;

use ah_rest_api_contract::{
    AccessPoint, Caller, CreateTask, DraftContent, ErrorKind, FieldErrors, IdempotencyKey,
    PermissionAnswer, PromptRequest, ResumeRequest, Role, StopRequest,
};
use axum::extract::{FromRef, FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::field::invalid_field;
use crate::auth::Principal;
use crate::problem::ApiError;
use crate::request::traceparent;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The access point, acting for the principal of the request.
pub(crate) struct Access(pub(crate) Arc<dyn AccessPoint>);

impl<S: Send + Sync> FromRequestParts<S> for Access
where
    Arc<dyn AccessPoint>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let caller = Caller::named(&*principal(parts)?.name);
        let access = Arc::<dyn AccessPoint>::from_ref(state);
        Ok(Self(access.acting_as(caller)))
    }
}

/// A principal with a role that can make changes.
pub(crate) struct Operator(Principal);

/// The principal of a request. Every route that needs one is behind the gate.
fn principal(parts: &Parts) -> Result<&Principal, ApiError> {
    parts
        .extensions
        .get::<Principal>()
        .ok_or_else(|| ApiError::new(ErrorKind::Unauthenticated, "the request has no credential"))
}

impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let principal = principal(parts)?;
        if !principal.role.includes(Role::Operator) {
            return Err(ApiError::new(
                ErrorKind::Unauthorized,
                format!(
                    "a key with the role `{}` can read, but change nothing",
                    principal.role
                ),
            ));
        }
        Ok(Self(principal.clone()))
    }
}

/// The identity of a request that is carried out at most once.
pub(crate) struct IdempotentRequest {
    /// Principal, method, path and idempotency key, one per line.
    pub(crate) key: String,
    /// A digest of the body.
    pub(crate) fingerprint: String,
}

/// A request that creates something or starts an action.
pub(crate) struct CommandRequest<T> {
    /// The principal.
    pub(crate) principal: Principal,
    /// Present if the request has an idempotency key.
    pub(crate) request: Option<IdempotentRequest>,
    /// The trace that the request belongs to.
    pub(crate) traceparent: Option<String>,
    /// The body.
    pub(crate) body: T,
}

/// An empty body: an object without fields.
#[derive(Default, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub(crate) struct EmptyBody;

impl TryFrom<Map<String, Value>> for EmptyBody {
    type Error = String;

    fn try_from(fields: Map<String, Value>) -> Result<Self, String> {
        match fields.keys().next() {
            None => Ok(Self),
            Some(name) => Err(format!("unknown field `{name}`, there are no fields")),
        }
    }
}

/// A type of body.
pub(crate) trait Body: DeserializeOwned {
    /// The meaning of an absent or `null` body; `None` if a body is required.
    fn absent() -> Option<Self>;
}

macro_rules! bodies {
    (required: $($required:ty),+; optional: $($optional:ty),+;) => {
        $(impl Body for $required {
            fn absent() -> Option<Self> {
                None
            }
        })+
        $(impl Body for $optional {
            fn absent() -> Option<Self> {
                Some(Self::default())
            }
        })+
    };
}

bodies! {
    required: CreateTask, PromptRequest, PermissionAnswer, DraftContent;
    optional: StopRequest, ResumeRequest, EmptyBody;
}

impl<T: Body, S: Send + Sync> FromRequest<S> for CommandRequest<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let Operator(principal) = Operator::from_request_parts(&mut parts, state).await?;
        // PUT and DELETE can be repeated as they are; only POST needs a key.
        let key = match parts.method {
            Method::POST => idempotency_key(&parts.headers)?,
            _ => None,
        };
        let traceparent = traceparent(&parts.headers).map(str::to_owned);
        let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
        let is_json = is_json(&parts.headers);
        let bytes = Bytes::from_request(Request::from_parts(parts, body), state)
            .await
            .map_err(|rejection| unreadable(rejection.status()))?;
        if !bytes.is_empty() && !is_json {
            return Err(ApiError::with_status(
                ErrorKind::BadRequest,
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body must be JSON: send `Content-Type: application/json`",
            ));
        }
        let request = key.map(|key| IdempotentRequest {
            key: format!("{principal}\n{method}\n{path}\n{key}"),
            fingerprint: fingerprint(&bytes),
        });
        Ok(Self {
            principal,
            request,
            traceparent,
            body: parse(&bytes)?,
        })
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = given.next() else {
        return Ok(None);
    };
    let key = value.to_str().ok().and_then(|text| text.parse().ok());
    match (key, given.next()) {
        (Some(key), None) => Ok(Some(key)),
        _ => Err(FieldErrors::of(
            "Idempotency-Key",
            "must be one key of 26 upper-case letters and digits, as a ULID has",
        )
        .into()),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(media_type)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else {
        return false;
    };
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn unreadable(status: StatusCode) -> ApiError {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::new(
            ErrorKind::PayloadTooLarge,
            "the body exceeds the server's limit (`server.body-limit`)",
        );
    }
    ApiError::new(
        ErrorKind::BadRequest,
        "the body could not be read completely",
    )
}

fn fingerprint(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse<T: Body>(bytes: &[u8]) -> Result<T, ApiError> {
    let says_nothing = bytes.is_empty() || bytes.trim_ascii() == b"null";
    if says_nothing && let Some(absent) = T::absent() {
        return Ok(absent);
    }
    if bytes.is_empty() {
        return Err(ApiError::new(
            ErrorKind::BadRequest,
            "the request has no body",
        ));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let body = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if error.is_syntax() || error.is_eof() {
            return not_json(&error);
        }
        invalid_field(&path, &error.to_string())
    })?;
    json.end().map_err(|error| not_json(&error))?;
    Ok(body)
}

fn not_json(error: &serde_json::Error) -> ApiError {
    ApiError::new(
        ErrorKind::BadRequest,
        format!("the body is not JSON: {error}"),
    )
}
