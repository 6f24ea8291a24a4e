//! The schema of a frame of a stream. Server-sent events have fields, and the field `data` contains
//! JSON. The schema has the form of OpenAPI 3.2, expressed in 3.1.

use std::borrow::Cow;

use ah_rest_api_contract::{LogCursor, SessionEvent, StreamItem};
use utoipa::openapi::{Object, ObjectBuilder, Ref, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

type NamedSchemas = Vec<(String, RefOr<Schema>)>;

/// A frame of a session's stream.
pub(crate) enum SessionFrame {}

/// A frame of the stream of many sessions.
pub(crate) enum LogFrame {}

fn text(description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
}

/// A frame with an `id` and a payload `P`.
fn frame<P: ToSchema>(description: &str, id: RefOr<Schema>) -> ObjectBuilder {
    let data = text("The event, as JSON.")
        .content_media_type("application/json")
        .content_schema(Some(Ref::from_schema_name(P::name())));
    let retry = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some(
            "The time to wait before reconnecting, in milliseconds.",
        ));
    ObjectBuilder::new()
        .description(Some(description))
        .property("id", id)
        .property("event", text("The event's `type`."))
        .required("event")
        .property("data", data)
        .required("data")
        .property("retry", retry)
}

impl PartialSchema for SessionFrame {
    fn schema() -> RefOr<Schema> {
        let id: Object = text(
            "The event's `seq`, to resume from with `Last-Event-ID`. Ephemeral events and gaps \
             have none.",
        )
        .pattern(Some("^[1-9][0-9]*$"))
        .build();
        frame::<StreamItem>("A frame of a session's stream.", RefOr::T(id.into())).into()
    }
}

impl ToSchema for SessionFrame {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("SessionFrame")
    }

    fn schemas(schemas: &mut NamedSchemas) {
        schemas.push((StreamItem::name().into_owned(), StreamItem::schema()));
        StreamItem::schemas(schemas);
    }
}

impl PartialSchema for LogFrame {
    fn schema() -> RefOr<Schema> {
        let id = Ref::from_schema_name(LogCursor::name());
        frame::<SessionEvent>("A frame of the stream of many sessions.", RefOr::Ref(id))
            .required("id")
            .into()
    }
}

impl ToSchema for LogFrame {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("LogFrame")
    }

    fn schemas(schemas: &mut NamedSchemas) {
        schemas.push((LogCursor::name().into_owned(), LogCursor::schema()));
        schemas.push((SessionEvent::name().into_owned(), SessionEvent::schema()));
        SessionEvent::schemas(schemas);
    }
}
