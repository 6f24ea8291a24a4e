//! Strategies for values of every wire type. They are boxed: an unboxed strategy contains all its
//! parts, and that of a session would overflow the stack of a test.

mod events;
mod objects;

use ah_rest_api_contract::*;
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Map, Value};
use ulid::Ulid;

pub(crate) use events::*;
pub(crate) use objects::*;

/// Any text, with a higher share of the characters that formats treat specially.
pub(crate) fn text() -> BoxedStrategy<String> {
    prop_oneof![
        3 => "[a-z ]{0,12}",
        1 => any::<String>(),
        1 => vec(
            prop::sample::select(vec!["\r", "\n", "\0", ":", " ", "data:", "\u{feff}", "\u{2028}", "é", "\u{1F980}", "\"", "\\"]),
            0..8
        ).prop_map(|parts| parts.concat()),
    ]
    .boxed()
}

pub(crate) fn ulid() -> BoxedStrategy<Ulid> {
    any::<u128>().prop_map(Ulid).boxed()
}

pub(crate) fn timestamp() -> BoxedStrategy<Timestamp> {
    prop_oneof![
        Just(Timestamp::MIN),
        Just(Timestamp::MAX),
        Just(Timestamp::default()),
        (Timestamp::MIN.as_unix_millis()..=Timestamp::MAX.as_unix_millis())
            .prop_map(Timestamp::from_unix_millis),
    ]
    .boxed()
}

pub(crate) fn seq() -> BoxedStrategy<EventSeq> {
    prop_oneof![
        0_u64..1000,
        Just(EventSeq::MAX.get()),
        0..=EventSeq::MAX.get()
    ]
    .prop_map(EventSeq::new)
    .boxed()
}

fn json() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(text(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
    .boxed()
}

pub(crate) fn json_object() -> BoxedStrategy<Map<String, Value>> {
    btree_map(text(), json(), 0..4)
        .prop_map(|fields| fields.into_iter().collect())
        .boxed()
}

pub(crate) fn status() -> BoxedStrategy<SessionStatus> {
    prop::sample::select(SessionStatus::ALL.to_vec()).boxed()
}

pub(crate) fn content_block() -> BoxedStrategy<ContentBlock> {
    prop_oneof![
        text().prop_map(ContentBlock::text),
        (of(text()), of(text()), of(text())).prop_map(|(uri, data, mime_type)| {
            ContentBlock::Image {
                uri,
                data,
                mime_type,
            }
        }),
        (text(), text()).prop_map(|(data, mime_type)| ContentBlock::Audio { data, mime_type }),
        (text(), of(text()), of(text()), of(text())).prop_map(|(uri, mime_type, text, blob)| {
            ContentBlock::Resource {
                resource: EmbeddedResource::new(uri)
                    .with_mime_type(mime_type)
                    .with_text(text)
                    .with_blob(blob),
            }
        }),
        (
            text(),
            text(),
            of(text()),
            of(text()),
            of(text()),
            of(any::<u64>())
        )
            .prop_map(|(uri, name, mime_type, title, description, size)| {
                ContentBlock::ResourceLink {
                    uri,
                    name,
                    mime_type,
                    title,
                    description,
                    size,
                }
            }),
    ]
    .boxed()
}

pub(crate) fn prompt_content() -> BoxedStrategy<PromptContent> {
    vec(content_block(), 0..4)
        .prop_map(PromptContent::new)
        .boxed()
}
