//! Schemas of ids, cursors, timestamps and other formatted texts.

use std::borrow::Cow;

use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{
    ArrayBuilder, KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type,
};
use utoipa::{PartialSchema, ToSchema};

use super::{integer, text, word};
use crate::{
    AttachmentHash, DraftId, EventSeq, EventType, FieldErrors, FilePath, IdempotencyKey, LogCursor,
    MessageId, PermissionId, PromptId, RepositoryId, SessionId, TaskId, Timestamp,
};

/// The pattern of a canonical ULID: 128 bits, so the first of 26 characters is at most 7.
const ULID: &str = "[0-7][0-9A-HJKMNP-TV-Z]{25}";
const ULID_EXAMPLE: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

macro_rules! schemas {
    ($($type:ident => $schema:expr;)+) => {
        $(
            impl PartialSchema for $type {
                fn schema() -> RefOr<Schema> {
                    RefOr::T(Schema::from($schema))
                }
            }

            impl ToSchema for $type {
                fn name() -> Cow<'static, str> {
                    Cow::Borrowed(stringify!($type))
                }
            }
        )+
    };
}

fn id(description: &str, prefix: &str) -> utoipa::openapi::Object {
    text(
        description,
        &format!("^{prefix}{ULID}$"),
        &format!("{prefix}{ULID_EXAMPLE}"),
    )
}

schemas! {
    SessionId => id("The id of a session. Ids sort by creation time.", SessionId::PREFIX);
    TaskId => id("The id of a task.", TaskId::PREFIX);
    DraftId => id("The id of a draft.", DraftId::PREFIX);
    PromptId => id("The id of a prompt in a session's queue.", PromptId::PREFIX);
    MessageId => id("The id of a message in a session's conversation.", MessageId::PREFIX);
    PermissionId => id("The id of a permission request of a session.", PermissionId::PREFIX);
    RepositoryId => id("The id of a repository.", RepositoryId::PREFIX);
    AttachmentHash => text(
        "The hash of an attachment's content: SHA-256 in hexadecimal digits.",
        "^[0-9a-f]{64}$",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
    FilePath => text(
        "The path of a file, relative to its workspace. In a URL, the path may be several segments.",
        "^[^/]",
        "src/main.rs",
    );
    EventSeq => integer(
        "The sequence number of an event in its session's log: 1 for the first, then 2, 3… \
         without gaps. As a cursor it means after this event, so 0 is before the first.",
        0,
        EventSeq::MAX.get(),
    );
    EventType => word(EventType::ALL.map(EventType::as_str))
        .description(Some("The type of an event."));
    LogCursor => text(
        "An opaque position among the events of all sessions.",
        "^log-(0|[1-9][0-9]{0,17})$",
        "log-7",
    );
    IdempotencyKey => text(
        "The key of an operation. A repeated request with the same key is carried out once. It \
         has the form of a ULID.",
        "^[A-Z0-9]{26}$",
        ULID_EXAMPLE,
    );
    Timestamp => ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some("An RFC 3339 timestamp, always written in UTC with milliseconds."))
        .examples(["2026-01-31T12:00:00.000Z"])
        .build();
    FieldErrors => ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("Error messages by dotted field path, such as `agents[0].count`."))
        .additional_properties(Some(AdditionalProperties::from(
            ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::String)),
        )))
        .build();
}
