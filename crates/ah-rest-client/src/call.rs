//! One call of the API, ready to be sent as often as it takes.

use ah_rest_api_contract::routes::{self, Method, Route};
use ah_rest_api_contract::{ErrorKind, IdempotencyKey, TaskManagerError};
use reqwest::header::{ACCEPT, HeaderName, HeaderValue};
use serde::Serialize;
use ulid::Ulid;

use crate::chance;
use crate::retry::Repeat;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The route of an operation, looked up when the client is compiled: an operation that the contract
/// does not have is an error of the compiler.
macro_rules! route {
    ($operation_id:literal) => {
        const { $crate::call::route_of($operation_id) }
    };
}
pub(crate) use route;

/// The route of an operation.
///
/// # Panics
/// When there is none, which [`route`] makes an error of the compiler.
pub(crate) const fn route_of(operation_id: &str) -> &'static Route {
    let mut index = 0;
    while index < routes::ALL.len() {
        if is_same(routes::ALL[index].operation_id, operation_id) {
            return &routes::ALL[index];
        }
        index += 1;
    }
    panic!("no route has this operation id");
}

/// Whether two texts are the same; `==` is not for constants yet.
const fn is_same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut index = 0;
    while index < left.len() && index < right.len() && left[index] == right[index] {
        index += 1;
    }
    index == left.len() && index == right.len()
}

/// How long the answer to a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// As long as any answer.
    Usual,
    /// Until the deadline: it comes only once the work is done.
    Long,
}

/// One call of the API.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    route: &'static Route,
    path: String,
    query: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<Vec<u8>>,
    repeat: Repeat,
    patience: Patience,
}

impl Call {
    /// Reads what is at `path`.
    pub(crate) fn get(route: &'static Route, path: impl Into<String>) -> Self {
        Self {
            route,
            path: path.into(),
            query: None,
            headers: Vec::new(),
            body: None,
            repeat: Repeat::Safe,
            patience: Patience::Usual,
        }
    }

    /// Asks how something is now, which no later answer tells.
    pub(crate) fn probe(route: &'static Route, path: impl Into<String>) -> Self {
        Self {
            repeat: Repeat::Never,
            ..Self::get(route, path)
        }
    }

    /// Has something done once, however often it is sent: its key is drawn here and stays.
    pub(crate) fn post(
        route: &'static Route,
        path: impl Into<String>,
        body: &impl Serialize,
    ) -> Result<Self, TaskManagerError> {
        Ok(Self {
            body: Some(json(body)?),
            ..Self::post_empty(route, path)?
        })
    }

    /// The same without a body, where the path says everything.
    pub(crate) fn post_empty(
        route: &'static Route,
        path: impl Into<String>,
    ) -> Result<Self, TaskManagerError> {
        // A ULID without a moment in it: the server asks for the form, and for nothing but that
        // no two are the same.
        let ulid = Ulid::from_parts(chance::draw()?, u128::from(chance::draw()?));
        let key = IdempotencyKey::from_ulid(ulid);
        Self::get(route, path).with_header(IDEMPOTENCY_KEY, key.as_str())
    }

    /// Replaces what is at `path`.
    pub(crate) fn put(
        route: &'static Route,
        path: impl Into<String>,
        body: &impl Serialize,
    ) -> Result<Self, TaskManagerError> {
        Ok(Self {
            body: Some(json(body)?),
            ..Self::get(route, path)
        })
    }

    /// Removes what is at `path`; `repeat` says whether it may be gone already.
    pub(crate) fn delete(route: &'static Route, path: impl Into<String>, repeat: Repeat) -> Self {
        Self {
            repeat,
            ..Self::get(route, path)
        }
    }

    /// With a query.
    pub(crate) fn with_query(mut self, query: &impl Serialize) -> Result<Self, TaskManagerError> {
        let query = serde_urlencoded::to_string(query).map_err(unwritable)?;
        self.query = (!query.is_empty()).then_some(query);
        Ok(self)
    }

    /// With what the answer should be, where it is not JSON.
    pub(crate) fn accepting(self, media_type: &str) -> Result<Self, TaskManagerError> {
        self.with_header(ACCEPT, media_type)
    }

    /// With an event stream for an answer, from after `last_event_id` on.
    pub(crate) fn streaming(self, last_event_id: Option<&str>) -> Result<Self, TaskManagerError> {
        let call = self.accepting("text/event-stream, application/problem+json")?;
        match last_event_id {
            Some(id) => call.with_header(LAST_EVENT_ID, id),
            None => Ok(call),
        }
    }

    fn with_header(mut self, name: HeaderName, value: &str) -> Result<Self, TaskManagerError> {
        let value = HeaderValue::try_from(value).map_err(unwritable)?;
        self.headers.push((name, value));
        Ok(self)
    }

    /// With an answer that may take long.
    pub(crate) fn patiently(mut self) -> Self {
        self.patience = Patience::Long;
        self
    }

    pub(crate) const fn route(&self) -> &'static Route {
        self.route
    }

    pub(crate) const fn method(&self) -> Method {
        self.route.method
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    pub(crate) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    pub(crate) fn body(&self) -> Option<&[u8]> {
        self.body.as_deref()
    }

    pub(crate) const fn repeat(&self) -> Repeat {
        self.repeat
    }

    pub(crate) const fn patience(&self) -> Patience {
        self.patience
    }
}

fn json(body: &impl Serialize) -> Result<Vec<u8>, TaskManagerError> {
    serde_json::to_vec(body).map_err(unwritable)
}

fn unwritable(error: impl std::error::Error + Send + Sync + 'static) -> TaskManagerError {
    TaskManagerError::new(
        ErrorKind::Internal,
        "the request could not be written; nothing was sent",
    )
    .caused_by(error)
}
