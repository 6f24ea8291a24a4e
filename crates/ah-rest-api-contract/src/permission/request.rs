//! Permission requests and answers.

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

use crate::constructor::constructor;
use crate::object::ObjectOnly;
use crate::word::words;
use crate::{PermissionId, Timestamp};

/// The meaning of an option.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum PermissionOptionKind {
    /// Allows the request once.
    AllowOnce,
    /// Allows this and later requests of the kind.
    AllowAlways,
    /// Rejects the request once.
    RejectOnce,
    /// Rejects this and later requests of the kind.
    RejectAlways,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

impl PermissionOptionKind {
    /// Returns true if the option allows the request.
    #[must_use]
    pub const fn allows(self) -> bool {
        matches!(self, Self::AllowOnce | Self::AllowAlways)
    }

    /// Returns true if the option rejects the request.
    #[must_use]
    pub const fn rejects(self) -> bool {
        matches!(self, Self::RejectOnce | Self::RejectAlways)
    }
}

/// An answer that the agent offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct PermissionOption {
    /// The id of the option, which an answer contains.
    pub id: String,
    /// The text to display.
    pub label: String,
    /// The meaning of the option.
    pub kind: PermissionOptionKind,
}

constructor! {
    /// Creates an option.
    PermissionOption::new(id: String, label: String, kind: PermissionOptionKind);
}

/// `permission_request`: the agent requests a permission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct PermissionRequested {
    /// The id of the request, which an answer refers to.
    pub request_id: PermissionId,
    /// The tool that the agent requests to run.
    pub tool_name: String,
    /// The arguments for the tool.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub tool_args: Map<String, Value>,
    /// The available options, at least one.
    pub options: Vec<PermissionOption>,
    /// The time at which the request expires.
    pub expires_at: Timestamp,
}

constructor! {
    /// Creates a request.
    PermissionRequested::new(request_id: PermissionId, tool_name: String, tool_args: [Map<String, Value>], options: [Vec<PermissionOption>], expires_at: Timestamp);
}

impl PermissionRequested {
    /// Returns the option that allows (`allow`) or rejects the request. Options that apply once
    /// take precedence. Returns `None` if there is none, or if there are several of the kind, whose
    /// difference only a person can tell.
    #[must_use]
    pub fn option_for(&self, allow: bool) -> Option<&PermissionOption> {
        use PermissionOptionKind as K;
        let (once, always) = if allow {
            (K::AllowOnce, K::AllowAlways)
        } else {
            (K::RejectOnce, K::RejectAlways)
        };
        let kind = if self.count(once) > 0 { once } else { always };
        (self.count(kind) == 1)
            .then(|| self.options.iter().find(|option| option.kind == kind))
            .flatten()
    }

    /// Returns true if the options are the answers to a question rather than a permission to grant
    /// or deny, so that no policy may select one of them. There are several of a kind that applies
    /// once, options of an unknown kind without one to allow and one to reject, or options of
    /// different kinds with the same id, which the agent cannot tell apart in an answer.
    #[must_use]
    pub fn is_question(&self) -> bool {
        use PermissionOptionKind as K;
        let is_ambiguous = |once, allow| {
            self.count(once) > 1
                || self.option_for(allow).is_none()
                    && self.options.iter().any(|option| {
                        option.kind.allows() == allow && option.kind.rejects() != allow
                    })
        };
        let has_double_ids = self.options.iter().enumerate().any(|(place, option)| {
            let mut others = self.options[..place].iter();
            others.any(|other| other.id == option.id && other.kind != option.kind)
        });
        has_double_ids
            || is_ambiguous(K::AllowOnce, true)
            || is_ambiguous(K::RejectOnce, false)
            || self.count(K::Unknown) > 0
                && (self.option_for(true).is_none() || self.option_for(false).is_none())
    }

    fn count(&self, kind: PermissionOptionKind) -> usize {
        self.options
            .iter()
            .filter(|option| option.kind == kind)
            .count()
    }
}

/// The outcome of a permission request.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum PermissionOutcome {
    /// An option was selected.
    Selected,
    /// The request was withdrawn: the turn or the session ended, or the answer cancelled it.
    Cancelled,
    /// The request expired, and the policy's `onTimeout` decided.
    Expired,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// `permission_resolved`: a permission request was resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct PermissionResolved {
    /// The id of the request.
    pub request_id: PermissionId,
    /// The outcome of the request.
    pub outcome: PermissionOutcome,
    /// The id of the selected option, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub option_id: Option<String>,
    /// The author of the decision: a user, `policy`, `timeout`, or `agent`.
    pub by: String,
}

constructor! {
    /// Creates a resolution in which no option was chosen.
    PermissionResolved::new(request_id: PermissionId, outcome: PermissionOutcome, by: String);
    optional option_id: String;
}

/// The state of a permission request.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PermissionState {
    /// The request waits for an answer.
    Pending,
    /// The request was answered, but the agent has not received the answer yet.
    Answered,
    /// The request is resolved: the agent received the answer, or no longer waits.
    Resolved,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// A permission request with its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Permission {
    /// The request.
    pub request: PermissionRequested,
    /// The time of the request.
    pub created_at: Timestamp,
    /// The state of the request.
    pub state: PermissionState,
    /// The resolution, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<PermissionResolved>,
}

constructor! {
    /// Creates a pending request.
    Permission::new(request: PermissionRequested, created_at: Timestamp);
    optional resolution: PermissionResolved;
    or state: PermissionState = PermissionState::Pending;
}

/// An answer to a permission request: one of its options, or its cancellation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PermissionAnswer {
    /// Selects the option with this id.
    Select(String),
    /// Cancels the request.
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
        /// Rejects `null`: a present field must have a value.
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
