//! The description of one operation: its row of the operations table, with the schemas of the row's
//! types.

use ah_rest_api_contract::operations::{Action, Method, Operation};
use ah_rest_api_contract::{EventSeq, IdempotencyKey, LogCursor, Problem, StreamItem};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{
    HttpMethod, Operation as Description, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    Content, KnownFormat, ObjectBuilder, OneOfBuilder, OpenApi as Document, Ref, RefOr, Required,
    Response, ResponseBuilder, Schema, SchemaFormat, Type,
};
use utoipa::{IntoParams, PartialSchema as _, ToSchema};

use crate::api::ProblemKind;
use crate::problem::MEDIA_TYPE;

/// The names of the two security schemes of keys. A third one, `Authorization: ApiKey <key>`, has no
/// representation that generators support.
pub(super) const SCHEMES: [&str; 2] = ["bearer", "apiKey"];

const JSON: &str = "application/json";

/// The errors of every operation.
const OF_ALL: [u16; 5] = [400, 421, 429, 500, 503];
/// The errors of operations that need a key.
const OF_KEYED: [u16; 2] = [401, 403];
/// The errors of operations with a resource in their path.
const OF_RESOURCE: [u16; 1] = [404];
/// The errors of operations with a body.
const OF_BODY: [u16; 3] = [413, 415, 501];
/// The errors of operations that are done once per idempotency key.
const OF_KEY: [u16; 1] = [422];

/// The description of an error.
const fn error_text(status: u16) -> &'static str {
    match status {
        400 => "The request could not be understood, or has invalid fields.",
        401 => "A valid key is required.",
        403 => "The key's role or the server's policy does not allow this.",
        404 => "The resource does not exist.",
        409 => "The state of the resource does not allow this.",
        410 => "The session has ended.",
        413 => "The body is too large.",
        415 => "The media type of the body is not JSON.",
        421 => "The host in `Host` is not in `server.allowed-hosts`.",
        422 => "The idempotency key belongs to another request.",
        429 => "Too many requests were sent.",
        501 => "The server does not support this.",
        503 => "The server is starting, shutting down or overloaded.",
        _ => "The server encountered an internal error.",
    }
}

/// Returns the statuses of errors that an operation can answer with.
fn errors(operation: &Operation) -> Vec<u16> {
    let mut errors = OF_ALL.to_vec();
    if operation.needs_key() {
        errors.extend(OF_KEYED);
    } else if operation.id == "metrics" {
        errors.push(401);
    }
    if !operation.parameters.is_empty() {
        errors.extend(OF_RESOURCE);
    }
    if operation.method.has_body() {
        errors.extend(OF_BODY);
    }
    if operation.method == Method::Post {
        errors.extend(OF_KEY);
    }
    errors.extend(operation.errors);
    errors
}

/// A description under construction.
pub(super) struct Describe<'a> {
    document: &'a mut Document,
    operation: &'static Operation,
    description: Description,
}

impl<'a> Describe<'a> {
    pub(super) fn new(document: &'a mut Document, operation: &'static Operation) -> Self {
        let mut description = Description::new();
        description.operation_id = Some(operation.id.to_owned());
        description.summary = Some(operation.summary.to_owned());
        description.tags = Some(vec![operation.tag().to_owned()]);
        description.description = Some(requirement(operation));
        let of_scheme = |scheme| SecurityRequirement::new(scheme, Vec::<String>::new());
        description.security = Some(match operation.needs_key() {
            true => SCHEMES.map(of_scheme).to_vec(),
            false => Vec::new(),
        });
        Self {
            document,
            operation,
            description,
        }
    }

    /// Adds the schema of a type to the document and returns a reference to it. Types without a name
    /// of their own are inlined.
    fn schema<T: ToSchema>(&mut self, rust_type: &str) -> RefOr<Schema> {
        let name = match rust_type.strip_prefix("Page") {
            _ if rust_type == "Value" => return RefOr::T(free_form()),
            _ if rust_type == "String" => return T::schema(),
            Some(item) if item.trim_start().starts_with('<') => {
                let item = item.replace(['<', '>', ' '], "");
                format!("Page_{item}")
            }
            _ => T::name().into_owned(),
        };
        let mut schemas = vec![(name.clone(), T::schema())];
        T::schemas(&mut schemas);
        let components = self.document.components.get_or_insert_default();
        components.schemas.extend(schemas);
        RefOr::Ref(Ref::from_schema_name(name))
    }

    fn add_parameter(&mut self, parameter: Parameter) {
        let parameters = self.description.parameters.get_or_insert_default();
        parameters.push(RefOr::T(parameter));
    }

    /// Adds the next parameter of the path.
    pub(super) fn path_parameter<T: ToSchema>(mut self, rust_type: &str) -> Self {
        let place = self.description.parameters.as_ref().map_or(0, Vec::len);
        let segments = self.operation.path.split('/');
        let mut names = segments.filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
        let name = names.nth(place).unwrap_or_default();
        let schema = match name {
            "slug" => RefOr::Ref(Ref::from_schema_name(ProblemKind::name())),
            _ => self.schema::<T>(rust_type),
        };
        let description = match (rust_type, name) {
            (_, "slug") => "The last segment of a problem's `type`.".to_owned(),
            (_, "file") => "The agent's type and `.json`.".to_owned(),
            ("PermissionId", _) => "The permission request.".to_owned(),
            ("AttachmentHash", _) => "The hash of the attachment.".to_owned(),
            (id, _) => format!("The {}.", id.trim_end_matches("Id").to_lowercase()),
        };
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(description))
            .schema(Some(schema));
        self.add_parameter(parameter.build());
        self
    }

    /// Adds the parameters of the query.
    pub(super) fn query<T: IntoParams>(mut self) -> Self {
        for parameter in T::into_params(|| Some(ParameterIn::Query)) {
            self.add_parameter(parameter);
        }
        self
    }

    /// Sets the body of requests.
    pub(super) fn body<T: ToSchema>(mut self, rust_type: &str) -> Self {
        let schema = self.schema::<T>(rust_type);
        let body = RequestBodyBuilder::new()
            .content(JSON, Content::new(Some(schema)))
            .required(Some(Required::True));
        self.description.request_body = Some(RefOr::T(body.build()));
        self
    }

    /// Sets a body that a request may lack.
    pub(super) fn optional_body<T: ToSchema>(mut self, rust_type: &str) -> Self {
        let schema = self.schema::<T>(rust_type);
        let schema = OneOfBuilder::new()
            .item(schema)
            .item(ObjectBuilder::new().schema_type(Type::Null));
        let body = RequestBodyBuilder::new()
            .description(Some("May be absent, or `null`."))
            .content(JSON, Content::new(Some(Schema::from(schema))));
        self.description.request_body = Some(RefOr::T(body.build()));
        self
    }

    /// Sets the responses, and adds the description to the document.
    pub(super) fn answer<T: ToSchema>(mut self, rust_type: &str) {
        if self.operation.method == Method::Post {
            self.add_parameter(idempotency_key());
        }
        match stream_of(self.operation) {
            Some(StreamKind::OneSession) => self.add_last_event_id::<EventSeq>(),
            Some(StreamKind::ManySessions) => self.add_last_event_id::<LogCursor>(),
            None => {}
        }
        let mut success = Response::new(self.operation.result);
        for (media_type, schema) in self.contents::<T>(rust_type) {
            let content = RefOr::T(Content::new(Some(schema)));
            success.content.insert(media_type.to_owned(), content);
        }
        if self.operation.status == 201 {
            let location = HeaderBuilder::new()
                .schema(Some(String::schema()))
                .description(Some("The address of what was created."));
            let location = RefOr::T(location.build());
            success.headers.insert("Location".to_owned(), location);
        }
        self.add_response(self.operation.status, success);
        if self.operation.id == "get_session_attachment" {
            let unchanged = "The `If-None-Match` of the request has the `ETag` of the attachment.";
            self.add_response(304, Response::new(unchanged));
        }
        if let Some(exhausted) = exhausted(self.operation) {
            self.add_response(204, Response::new(exhausted));
        }
        let problem = Content::new(Some(Ref::from_schema_name(Problem::name())));
        for status in errors(self.operation) {
            let response = ResponseBuilder::new()
                .description(error_text(status))
                .content(MEDIA_TYPE, problem.clone());
            self.add_response(status, response.build());
        }
        let method = match self.operation.method {
            Method::Get => HttpMethod::Get,
            Method::Post => HttpMethod::Post,
            Method::Put => HttpMethod::Put,
            Method::Delete => HttpMethod::Delete,
        };
        let paths = &mut self.document.paths;
        paths.add_path_operation(self.operation.path, vec![method], self.description);
    }

    /// Adds the header with which a reader that reconnects continues.
    fn add_last_event_id<T: ToSchema>(&mut self) {
        let schema = self.schema::<T>("");
        let parameter = ParameterBuilder::new()
            .name("Last-Event-ID")
            .parameter_in(ParameterIn::Header)
            .description(Some(
                "The last `id:` that the reader has received. It takes precedence over `after`.",
            ))
            .schema(Some(schema));
        self.add_parameter(parameter.build());
    }

    fn add_response(&mut self, status: u16, response: Response) {
        let responses = &mut self.description.responses.responses;
        responses.insert(status.to_string(), RefOr::T(response));
    }

    /// Returns the media types of the answer with their schemas.
    fn contents<T: ToSchema>(&mut self, rust_type: &str) -> Vec<(&'static str, RefOr<Schema>)> {
        const EVENTS: &str = "text/event-stream";
        let text = String::schema;
        // The schema is that of the `data:` of a frame, as generators take it.
        match stream_of(self.operation) {
            Some(StreamKind::OneSession) => {
                return vec![(EVENTS, self.schema::<StreamItem>("StreamItem"))];
            }
            Some(StreamKind::ManySessions) => return vec![(EVENTS, self.schema::<T>(rust_type))],
            None => {}
        }
        match self.operation.id {
            "health" => vec![(JSON, self.schema::<T>(rust_type)), ("text/plain", text())],
            "metrics" => vec![("text/plain", text())],
            "docs" | "explain_error" => vec![("text/html", text())],
            "get_session_attachment" => vec![("*/*", binary())],
            "openapi" => vec![(JSON, RefOr::T(free_form()))],
            _ if self.operation.status == 204 => Vec::new(),
            _ => vec![(JSON, self.schema::<T>(rust_type))],
        }
    }
}

/// Returns the schema of any object.
fn free_form() -> Schema {
    let object = ObjectBuilder::new();
    Schema::from(object.additional_properties(Some(AdditionalProperties::FreeForm(true))))
}

/// Returns the schema of bytes.
fn binary() -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
        .into()
}

/// Describes who may use an operation.
fn requirement(operation: &Operation) -> String {
    match operation.action {
        Action::Public if operation.id == "metrics" => {
            "Needs no key on the server's host, or if `auth.public-metrics` is set.".to_owned()
        }
        Action::Public => "Needs no key.".to_owned(),
        action => format!("Needs a key with the permission `{action:?}`."),
    }
}

/// Returns the description of the empty response of a stream that has no further event.
fn exhausted(operation: &Operation) -> Option<&'static str> {
    stream_of(operation).map(|kind| match kind {
        StreamKind::OneSession => "The session has ended, and no event follows the cursor.",
        StreamKind::ManySessions => {
            "All sessions of the stream have ended, and no event of them follows the cursor."
        }
    })
}

/// The kind of a stream of events.
#[derive(Clone, Copy)]
enum StreamKind {
    OneSession,
    ManySessions,
}

/// Returns the kind of the stream that an operation answers with. The answer of a stream is an event.
fn stream_of(operation: &Operation) -> Option<StreamKind> {
    if operation.answer != "SessionEvent" {
        return None;
    }
    Some(if operation.path.contains("/sessions/") {
        StreamKind::OneSession
    } else {
        StreamKind::ManySessions
    })
}

fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .description(Some(
            "Carries the request out once, although it is repeated with this key within 24 hours.",
        ))
        .schema(Some(Ref::from_schema_name(IdempotencyKey::name())))
        .build()
}
