//! Asking leave, and answering.

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

use crate::object::ObjectOnly;
use crate::word::words;
use crate::{PermissionId, Timestamp};

/// What choosing an option means.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum PermissionOptionKind {
    /// Leave, this once.
    AllowOnce,
    /// Leave, from now on.
    AllowAlways,
    /// No leave, this once.
    RejectOnce,
    /// No leave, from now on.
    RejectAlways,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

impl PermissionOptionKind {
    /// Whether choosing it gives leave.
    #[must_use]
    pub const fn allows(self) -> bool {
        matches!(self, Self::AllowOnce | Self::AllowAlways)
    }
}

/// One of the answers that the agent offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PermissionOption {
    /// What an answer names.
    pub id: String,
    /// What a person reads.
    pub label: String,
    /// What choosing it means.
    pub kind: PermissionOptionKind,
}

/// `permission_request`: the agent asks leave for something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PermissionRequested {
    /// What an answer is sent to.
    pub request_id: PermissionId,
    /// The tool that wants to run.
    pub tool_name: String,
    /// What it would be given.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub tool_args: Map<String, Value>,
    /// The answers on offer, at least one.
    pub options: Vec<PermissionOption>,
    /// When an answer is no longer waited for.
    pub expires_at: Timestamp,
}

impl PermissionRequested {
    /// The option to take for leave (`allow`) or its refusal: one that counts this once, if there
    /// is one.
    #[must_use]
    pub fn option_for(&self, allow: bool) -> Option<&PermissionOption> {
        let once = if allow {
            PermissionOptionKind::AllowOnce
        } else {
            PermissionOptionKind::RejectOnce
        };
        self.options
            .iter()
            .find(|option| option.kind == once)
            .or_else(|| {
                self.options
                    .iter()
                    .find(|option| option.kind.allows() == allow)
            })
    }
}

/// How a permission request was settled.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum PermissionOutcome {
    /// An option was chosen.
    Selected,
    /// It was withdrawn: the turn or the session ended, or the answer was to cancel it.
    Cancelled,
    /// Nobody answered in time, and the policy's `onTimeout` decided.
    Expired,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// `permission_resolved`: a permission request was settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PermissionResolved {
    /// The request.
    pub request_id: PermissionId,
    /// How.
    pub outcome: PermissionOutcome,
    /// The option that was taken, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub option_id: Option<String>,
    /// Who settled it: a user, `policy`, `timeout`, or `agent`.
    pub by: String,
}

/// Whether a permission request still waits.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PermissionState {
    /// It waits for an answer.
    Pending,
    /// It was answered, and the agent is about to be told.
    Answered,
    /// It was settled: the agent was told, or no longer waits.
    Resolved,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// A permission request and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Permission {
    /// What was asked.
    pub request: PermissionRequested,
    /// When it was asked.
    pub created_at: Timestamp,
    /// Whether it still waits.
    pub state: PermissionState,
    /// How it was settled, when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<PermissionResolved>,
}

/// An answer to a permission request: one of its options, or its withdrawal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PermissionAnswer {
    /// Takes the option with this id.
    Select(String),
    /// Answers that the request is cancelled.
    Cancel,
}

impl Serialize for PermissionAnswer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::Select(option) => map.serialize_entry("optionId", option)?,
            Self::Cancel => map.serialize_entry("outcome", "cancelled")?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for PermissionAnswer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Wire {
            #[serde(default, deserialize_with = "given")]
            option_id: Option<String>,
            #[serde(default, deserialize_with = "given")]
            outcome: Option<String>,
        }
        /// A field that is there has to say something: `null` is no option.
        fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
            String::deserialize(deserializer).map(Some)
        }
        match Wire::deserialize(ObjectOnly(deserializer))? {
            Wire {
                option_id: Some(option),
                outcome: None,
            } => Ok(Self::Select(option)),
            Wire {
                option_id: None,
                outcome: Some(word),
            } if word == "cancelled" => Ok(Self::Cancel),
            _ => Err(de::Error::custom(
                "an answer is either `optionId` or `outcome: \"cancelled\"`",
            )),
        }
    }
}

words!(open PermissionOptionKind, PermissionOutcome, PermissionState);
