//! Asking leave: policies, requests and answers (contract §0.10, §0.13).

use std::fmt;
use std::time::Duration;

use globset::{Glob, GlobBuilder};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

use crate::{FieldErrors, PermissionId, Timestamp};

/// What becomes of a request for leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PermissionAction {
    /// Somebody is asked.
    #[default]
    Ask,
    /// It is given.
    Allow,
    /// It is refused.
    Deny,
}

/// One rule of a policy. The first rule that fits a request decides it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PermissionRule {
    /// A glob over the tool's name; absent means any tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// A glob over the workspace-relative paths that the request names (`*` stays within a
    /// folder, `**` crosses them); absent means any. For `allow` and `ask` every path has to fit
    /// and there has to be one; for `deny` one is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What becomes of a request that fits.
    pub action: PermissionAction,
}

/// Who may do what without being asked. A word on the wire (`"ask"`, `"allow"`, `"deny"`) is a
/// policy without rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionPolicy {
    /// What becomes of a request that no rule fits. `ask` when absent.
    pub default: PermissionAction,
    /// The rules, in order. At most 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<PermissionRule>,
    /// What becomes of a request that nobody answered in time: `allow` or `deny`.
    pub on_timeout: PermissionAction,
    /// How long an answer is waited for, in milliseconds: 1 s to 24 h, 10 minutes when absent.
    pub timeout_ms: u64,
}

const TIMEOUT_MS_DEFAULT: u64 = 10 * 60 * 1000;
const TIMEOUT_MS_MIN: u64 = 1000;
const TIMEOUT_MS_MAX: u64 = 24 * 60 * 60 * 1000;
const RULES_MAX: usize = 100;

impl Default for PermissionPolicy {
    /// Ask about everything; refuse what nobody answers within 10 minutes.
    fn default() -> Self {
        Self::without_rules(PermissionAction::Ask)
    }
}

impl PermissionPolicy {
    /// The policy that treats every request alike.
    #[must_use]
    pub const fn without_rules(default: PermissionAction) -> Self {
        Self {
            default,
            rules: Vec::new(),
            on_timeout: PermissionAction::Deny,
            timeout_ms: TIMEOUT_MS_DEFAULT,
        }
    }

    /// How long an answer is waited for.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// What becomes of this request.
    #[must_use]
    pub fn decide(&self, subject: &PermissionSubject) -> PermissionAction {
        self.rules
            .iter()
            .find(|rule| rule.fits(subject))
            .map_or(self.default, |rule| rule.action)
    }

    /// Adds to `errors`, under `field`, what keeps this from being a policy.
    pub fn check(&self, field: &str, errors: &mut FieldErrors) {
        if self.rules.len() > RULES_MAX {
            errors.add(
                format!("{field}.rules"),
                format!("must be at most {RULES_MAX}"),
            );
        }
        if self.on_timeout == PermissionAction::Ask {
            errors.add(format!("{field}.onTimeout"), "must be `allow` or `deny`");
        }
        if !(TIMEOUT_MS_MIN..=TIMEOUT_MS_MAX).contains(&self.timeout_ms) {
            errors.add(
                format!("{field}.timeoutMs"),
                format!("must be from {TIMEOUT_MS_MIN} to {TIMEOUT_MS_MAX}"),
            );
        }
        for (index, rule) in self.rules.iter().enumerate() {
            for (name, pattern) in [("tool", &rule.tool), ("path", &rule.path)] {
                if let Some(Err(error)) = pattern.as_deref().map(glob) {
                    errors.add(format!("{field}.rules[{index}].{name}"), error.to_string());
                }
            }
        }
    }
}

impl PermissionRule {
    fn fits(&self, subject: &PermissionSubject) -> bool {
        let matches = |pattern: &str, text: &str| {
            glob(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(text))
        };
        let tool_fits = self
            .tool
            .as_deref()
            .is_none_or(|tool| matches(tool, &subject.tool_name));
        let path_fits = self.path.as_deref().is_none_or(|pattern| {
            // A path with `..` in it may lead anywhere, so it only ever counts against a request.
            let fits = |path: &String| !climbs(path) && matches(pattern, path);
            match self.action {
                PermissionAction::Deny => {
                    subject.paths.iter().any(|path| climbs(path) || fits(path))
                }
                PermissionAction::Allow | PermissionAction::Ask => {
                    !subject.paths.is_empty() && subject.paths.iter().all(fits)
                }
            }
        });
        tool_fits && path_fits
    }
}

fn glob(pattern: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(pattern).literal_separator(true).build()
}

fn climbs(path: &str) -> bool {
    path.split('/').any(|segment| segment == "..")
}

/// What a request asks leave for, as far as rules judge it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionSubject {
    /// The tool.
    pub tool_name: String,
    /// The paths that the request names, relative to the workspace where they lie in it.
    pub paths: Vec<String>,
}

impl PermissionSubject {
    /// The subject of a tool call: paths are read from the arguments `path`, `file_path` and
    /// `filePath`, and made relative to `workspace` where they lie in it.
    #[must_use]
    pub fn of_tool(tool_name: &str, args: &Map<String, Value>, workspace: &str) -> Self {
        let inside = workspace.trim_end_matches('/');
        let paths = ["path", "file_path", "filePath"]
            .iter()
            .filter_map(|name| args.get(*name)?.as_str())
            .map(|path| {
                path.strip_prefix(inside)
                    .and_then(|rest| rest.strip_prefix('/'))
                    .unwrap_or(path)
                    .trim_start_matches("./")
                    .to_owned()
            })
            .collect();
        Self {
            tool_name: tool_name.to_owned(),
            paths,
        }
    }
}

impl<'de> Deserialize<'de> for PermissionPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Full {
            #[serde(default)]
            default: PermissionAction,
            #[serde(default)]
            rules: Vec<PermissionRule>,
            #[serde(default = "deny")]
            on_timeout: PermissionAction,
            #[serde(default = "timeout_ms_default")]
            timeout_ms: u64,
        }
        fn deny() -> PermissionAction {
            PermissionAction::Deny
        }
        fn timeout_ms_default() -> u64 {
            TIMEOUT_MS_DEFAULT
        }
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = PermissionPolicy;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`ask`, `allow`, `deny` or an object with `default` and `rules`")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<PermissionPolicy, E> {
                PermissionAction::deserialize(de::value::StrDeserializer::new(word))
                    .map(PermissionPolicy::without_rules)
            }

            fn visit_map<A: de::MapAccess<'de>>(
                self,
                map: A,
            ) -> Result<PermissionPolicy, A::Error> {
                let full = Full::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(PermissionPolicy {
                    default: full.default,
                    rules: full.rules,
                    on_timeout: full.on_timeout,
                    timeout_ms: full.timeout_ms,
                })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// What choosing an option means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PermissionOptionKind {
    /// Leave, this once.
    AllowOnce,
    /// Leave, from now on.
    AllowAlways,
    /// No leave, this once.
    RejectOnce,
    /// No leave, from now on.
    RejectAlways,
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
pub struct PermissionRequested {
    /// What an answer is sent to.
    pub request_id: PermissionId,
    /// The tool that wants to run.
    pub tool_name: String,
    /// What it would be given.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PermissionOutcome {
    /// An option was chosen.
    Selected,
    /// It was withdrawn: the turn or the session ended, or the answer was to cancel it.
    Cancelled,
    /// Nobody answered in time, and the policy's `onTimeout` decided.
    Expired,
}

/// `permission_resolved`: a permission request was settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PermissionState {
    /// It waits for an answer.
    Pending,
    /// It was answered, and the agent is about to be told.
    Answered,
    /// It was settled: the agent was told, or no longer waits.
    Resolved,
}

/// A permission request and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
            option_id: Option<String>,
            outcome: Option<String>,
        }
        match Wire::deserialize(deserializer)? {
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
