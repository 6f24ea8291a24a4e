//! Events as they stand in a stream: for each its own schema, told apart by `type`.

use std::borrow::Cow;

use utoipa::openapi::schema::Discriminator;
use utoipa::openapi::{Object, ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::{object_of, word};
use crate::fleet::{
    FenceResult, FenceStarted, FollowersCatalog, HostExited, HostLog, HostStarted, Note, Summary,
};
use crate::{
    DeliveryEvent, DiffEvent, EphemeralEvent, ErrorEvent, EventSeq, EventType, FileEdit, Gap, Log,
    Message, MessageDelta, Moment, PermissionRequested, PermissionResolved, Plan, Progress,
    SessionEvent, SessionId, StatusChange, StreamItem, Thought, ThoughtDelta, Timestamp,
    ToolProgress, ToolResult, ToolUse, Usage,
};

type Named = Vec<(String, RefOr<Schema>)>;

/// One form that an item of a stream takes.
struct Form {
    /// The word in `type`.
    word: &'static str,
    /// The name of its schema.
    name: Cow<'static, str>,
    schema: Schema,
    /// Adds the schemas that it refers to.
    parts: fn(&mut Named),
}

impl Form {
    fn new<T: ToSchema>(word: &'static str, name: Cow<'static, str>, common: Object) -> Self {
        let mut object = object_of::<T>();
        object.properties.extend(common.properties);
        object.required.extend(common.required);
        Self {
            word,
            name,
            schema: Schema::from(object),
            parts: T::schemas,
        }
    }

    /// An event of the log.
    fn event<T: ToSchema>(event_type: EventType) -> Self {
        let common = named(event_type.as_str())
            .property("seq", Ref::from_schema_name(EventSeq::name()))
            .required("seq")
            .property("ts", Ref::from_schema_name(Timestamp::name()))
            .required("ts")
            .property("sessionId", Ref::from_schema_name(SessionId::name()))
            .required("sessionId");
        let name = Cow::Owned(format!("{event_type:?}Event"));
        Self::new::<T>(event_type.as_str(), name, common.build())
    }

    /// What is shown besides the log.
    fn besides<T: ToSchema>(word: &'static str) -> Self {
        Self::new::<T>(word, T::name(), named(word).build())
    }
}

/// What every item says: its `type`.
fn named(event: &'static str) -> ObjectBuilder {
    ObjectBuilder::new()
        .property("type", word([event]))
        .required("type")
}

fn events() -> Vec<Form> {
    vec![
        Form::event::<StatusChange>(EventType::Status),
        Form::event::<Log>(EventType::Log),
        Form::event::<Message>(EventType::Message),
        Form::event::<Thought>(EventType::Thought),
        Form::event::<ToolUse>(EventType::ToolUse),
        Form::event::<ToolResult>(EventType::ToolResult),
        Form::event::<FileEdit>(EventType::FileEdit),
        Form::event::<DiffEvent>(EventType::Diff),
        Form::event::<PermissionRequested>(EventType::PermissionRequest),
        Form::event::<PermissionResolved>(EventType::PermissionResolved),
        Form::event::<Plan>(EventType::Plan),
        Form::event::<Usage>(EventType::Usage),
        Form::event::<Progress>(EventType::Progress),
        Form::event::<ErrorEvent>(EventType::Error),
        Form::event::<Moment>(EventType::Moment),
        Form::event::<DeliveryEvent>(EventType::Delivery),
        Form::event::<FenceStarted>(EventType::FenceStarted),
        Form::event::<FenceResult>(EventType::FenceResult),
        Form::event::<HostStarted>(EventType::HostStarted),
        Form::event::<HostLog>(EventType::HostLog),
        Form::event::<HostExited>(EventType::HostExited),
        Form::event::<Summary>(EventType::Summary),
        Form::event::<FollowersCatalog>(EventType::FollowersCatalog),
        Form::event::<Note>(EventType::Note),
    ]
}

fn ephemeral() -> Vec<Form> {
    let [message, thought, tool] = EphemeralEvent::NAMES;
    vec![
        Form::besides::<MessageDelta>(message),
        Form::besides::<ThoughtDelta>(thought),
        Form::besides::<ToolProgress>(tool),
    ]
}

/// What is one of these forms, told by its `type`.
fn one_of(description: &str, forms: &[Form]) -> RefOr<Schema> {
    let mapping = forms.iter().map(|form| {
        (
            form.word,
            Ref::from_schema_name(form.name.as_ref()).ref_location,
        )
    });
    let discriminator = Discriminator::with_mapping("type", mapping);
    let schema = forms.iter().fold(
        OneOfBuilder::new()
            .description(Some(description))
            .discriminator(Some(discriminator)),
        |schema, form| schema.item(Ref::from_schema_name(form.name.as_ref())),
    );
    RefOr::T(Schema::from(schema))
}

fn push(forms: Vec<Form>, schemas: &mut Named) {
    for form in forms {
        schemas.push((form.name.into_owned(), RefOr::T(form.schema)));
        (form.parts)(schemas);
    }
}

impl PartialSchema for SessionEvent {
    fn schema() -> RefOr<Schema> {
        one_of("One event of one session's log.", &events())
    }
}

impl ToSchema for SessionEvent {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("SessionEvent")
    }

    fn schemas(schemas: &mut Named) {
        schemas.push((EventSeq::name().into_owned(), EventSeq::schema()));
        schemas.push((Timestamp::name().into_owned(), Timestamp::schema()));
        schemas.push((SessionId::name().into_owned(), SessionId::schema()));
        push(events(), schemas);
    }
}

impl PartialSchema for StreamItem {
    fn schema() -> RefOr<Schema> {
        let mut forms = events();
        forms.extend(ephemeral());
        forms.push(Form::besides::<Gap>("gap"));
        one_of(
            "What one `data:` of a stream holds; `event:` is its `type`. Events of the log have an \
             `id:` to resume from. Pieces of what is in the making and gaps have none.",
            &forms,
        )
    }
}

impl ToSchema for StreamItem {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("StreamItem")
    }

    fn schemas(schemas: &mut Named) {
        SessionEvent::schemas(schemas);
        push(ephemeral(), schemas);
        push(vec![Form::besides::<Gap>("gap")], schemas);
    }
}
