//! Schemas of the events of streams and pages: one schema per type, with `type` as discriminator.
//!
//! The types and their fields come from the derived schemas of the enums. Each is merged with the
//! fields that all events have.

use std::borrow::Cow;

use utoipa::openapi::schema::Discriminator;
use utoipa::openapi::{Object, ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::{NamedSchemas, object_of, word};
use crate::{
    EphemeralEvent, EventPayload, EventSeq, Gap, SessionEvent, SessionId, StreamItem, Timestamp,
};

/// One form of an item of a stream.
struct Form {
    /// The value of `type`.
    word: String,
    /// The name of the schema.
    name: String,
    schema: Object,
}

/// The forms of an enum and the schemas to which they refer.
struct Forms {
    forms: Vec<Form>,
    parts: NamedSchemas,
}

impl Forms {
    /// Returns the forms of an enum whose variants contain one struct each, with `type` as tag.
    fn of_enum<T: ToSchema>() -> Self {
        let mut parts = NamedSchemas::new();
        T::schemas(&mut parts);
        let RefOr::T(Schema::OneOf(variants)) = T::schema() else {
            unreachable!("the derived schema of an enum with data is one of its variants");
        };
        let forms: Vec<Form> = variants
            .items
            .iter()
            .map(|variant| Form::of_variant(variant, &parts))
            .collect();
        // The struct of an event is used only in the form of that event.
        parts.retain(|(name, _)| !forms.iter().any(|form| form.name == *name));
        Self { forms, parts }
    }

    /// Returns the forms of the events of a log.
    fn log() -> Self {
        let mut log = Self::of_enum::<EventPayload>();
        let common = ObjectBuilder::new()
            .property("seq", Ref::from_schema_name(EventSeq::name()))
            .required("seq")
            .property("ts", Ref::from_schema_name(Timestamp::name()))
            .required("ts")
            .property("sessionId", Ref::from_schema_name(SessionId::name()))
            .required("sessionId")
            .build();
        for form in &mut log.forms {
            form.name = format!("{}Event", pascal_case(&form.word));
            form.add(common.clone());
        }
        log.parts.extend([
            (EventSeq::name().into_owned(), EventSeq::schema()),
            (Timestamp::name().into_owned(), Timestamp::schema()),
            (SessionId::name().into_owned(), SessionId::schema()),
        ]);
        log
    }

    /// Returns the forms of the items of a stream.
    fn stream() -> Self {
        let mut stream = Self::log();
        let ephemeral = Self::of_enum::<EphemeralEvent>();
        stream.forms.extend(ephemeral.forms);
        stream.parts.extend(ephemeral.parts);
        let mut gap = Form {
            word: "gap".to_owned(),
            name: Gap::name().into_owned(),
            schema: object_of::<Gap>(),
        };
        gap.add(typed("gap"));
        stream.forms.push(gap);
        stream
    }

    /// Returns the schema of a value that has one of these forms.
    fn one_of(&self, description: &str) -> RefOr<Schema> {
        let mapping = self.forms.iter().map(|form| {
            let location = Ref::from_schema_name(form.name.as_str()).ref_location;
            (form.word.as_str(), location)
        });
        let schema = self.forms.iter().fold(
            OneOfBuilder::new()
                .description(Some(description))
                .discriminator(Some(Discriminator::with_mapping("type", mapping))),
            |schema, form| schema.item(Ref::from_schema_name(form.name.as_str())),
        );
        RefOr::T(Schema::from(schema))
    }

    fn push_to(self, schemas: &mut NamedSchemas) {
        let forms = self.forms.into_iter();
        schemas.extend(forms.map(|form| (form.name, RefOr::T(Schema::from(form.schema)))));
        schemas.extend(self.parts);
    }
}

impl Form {
    /// Converts the schema of a variant: all of a reference to its struct and an object with its
    /// `type`.
    fn of_variant(variant: &RefOr<Schema>, parts: &NamedSchemas) -> Self {
        let RefOr::T(Schema::AllOf(both)) = variant else {
            unreachable!("the derived schema of a tagged variant is all of two");
        };
        let [RefOr::Ref(reference), RefOr::T(Schema::Object(tag))] = &both.items[..] else {
            unreachable!("the derived schema of a tagged variant is a reference and a tag");
        };
        let location = reference.ref_location.as_str();
        let name = location.rsplit('/').next().unwrap_or(location).to_owned();
        let schema = parts.iter().find(|(part, _)| *part == name);
        let Some((_, RefOr::T(Schema::Object(schema)))) = schema else {
            unreachable!("the derived schema of a struct is among those of its enum");
        };
        let mut form = Self {
            word: tag_of(tag),
            name,
            schema: schema.clone(),
        };
        form.add(typed(&form.word));
        form
    }

    fn add(&mut self, common: Object) {
        self.schema.properties.extend(common.properties);
        self.schema.required.extend(common.required);
    }
}

/// Returns the only value of a tag.
fn tag_of(tag: &Object) -> String {
    let Some(RefOr::T(Schema::Object(word))) = tag.properties.get("type") else {
        unreachable!("the tag of these enums is `type`");
    };
    let words = word.enum_values.as_deref().unwrap_or_default();
    let [serde_json::Value::String(word)] = words else {
        unreachable!("the tag of a variant is one word");
    };
    word.clone()
}

/// Returns the `type` property, which every item has.
fn typed(event: &str) -> Object {
    ObjectBuilder::new()
        .property("type", word([event]))
        .required("type")
        .build()
}

fn pascal_case(snake_case: &str) -> String {
    let upper = |word: &str| {
        let mut chars = word.chars();
        let first = chars.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(chars).collect::<String>()
    };
    snake_case.split('_').map(upper).collect()
}

impl PartialSchema for SessionEvent {
    fn schema() -> RefOr<Schema> {
        Forms::log().one_of(
            "An event of a session's log. A newer server may send events of other types, which \
             readers ignore.",
        )
    }
}

impl ToSchema for SessionEvent {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("SessionEvent")
    }

    fn schemas(schemas: &mut NamedSchemas) {
        Forms::log().push_to(schemas);
    }
}

impl PartialSchema for StreamItem {
    fn schema() -> RefOr<Schema> {
        Forms::stream().one_of(
            "The `data:` of a frame of a stream; `event:` is its `type`. Events of the log have an \
             `id:` to resume from. Ephemeral events and gaps have none.",
        )
    }
}

impl ToSchema for StreamItem {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("StreamItem")
    }

    fn schemas(schemas: &mut NamedSchemas) {
        Forms::stream().push_to(schemas);
    }
}
