//! Events of types that this version does not know.

use serde::de::Error;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{EventPayload, EventType};

/// An event of a type that this version does not know. It is serialized as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct UnknownEvent {
    event_type: String,
    fields: Map<String, Value>,
}

impl UnknownEvent {
    /// Creates an event with these fields. Returns `None` if its type is known.
    #[must_use]
    pub fn new(event_type: impl Into<String>, fields: Map<String, Value>) -> Option<Self> {
        let event_type = event_type.into();
        EventType::from_word(&event_type)
            .is_none()
            .then_some(Self { event_type, fields })
    }

    /// Returns the value of `type`.
    #[must_use]
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// Returns all fields except `type`.
    #[must_use]
    pub const fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }
}

impl Serialize for UnknownEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields.len() + 1))?;
        map.serialize_entry("type", &self.event_type)?;
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Serialize for EventPayload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unknown(event) => event.serialize(serializer),
            // Calls the derived inherent function.
            known => Self::serialize(known, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for EventPayload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Map::deserialize(deserializer)?;
        let event_type = match fields.get("type") {
            Some(Value::String(word)) => word.as_str(),
            Some(_) => return Err(D::Error::custom("the `type` of an event is a string")),
            None => return Err(D::Error::missing_field("type")),
        };
        if EventType::from_word(event_type).is_some() {
            return Self::deserialize(Value::Object(fields)).map_err(D::Error::custom);
        }
        let event_type = event_type.to_owned();
        fields.remove("type");
        Ok(Self::Unknown(UnknownEvent { event_type, fields }))
    }
}
