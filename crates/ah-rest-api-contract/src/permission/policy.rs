//! Permission policies: the rules for requests that need no answer by a user.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de};

use super::rule::{CompiledRule, Fit, check_path_pattern, check_tool_pattern};
use super::subject::{PermissionSubject, SubjectPath};
use crate::object::objects;
use crate::word::words;
use crate::{FieldErrors, number};

/// The decision on a permission request.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PermissionAction {
    /// Ask a user.
    #[default]
    Ask,
    /// Allow the request.
    Allow,
    /// Deny the request.
    Deny,
}

impl PermissionAction {
    /// Returns the stricter of two actions.
    #[must_use]
    pub const fn stricter(self, other: Self) -> Self {
        if other.strictness() > self.strictness() {
            other
        } else {
            self
        }
    }

    /// Returns the rank of the action: the stricter of two actions prevails.
    const fn strictness(self) -> u8 {
        match self {
            Self::Allow => 0,
            Self::Ask => 1,
            Self::Deny => 2,
        }
    }
}

words!(closed PermissionAction);

/// One rule of a policy.
///
/// A rule with a `path` matches the paths that a request names, by name: it does not follow
/// symbolic links and does not parse command lines. The first matching rule decides each path
/// separately. The strictest decision applies to the whole request: one denied path denies the
/// request.
///
/// Uncertain matches count against the request. A match is uncertain for:
///
/// * a path that may point anywhere: one with `..`, `~`, a backslash or a control character, or an
///   absolute path outside of the workspace;
/// * a parent folder of the paths that the rule matches;
/// * a tool or path that matches only if case is ignored.
///
/// An `allow` rule never applies to an uncertain match. A `deny` or `ask` rule applies to it as to
/// a certain match, unless an earlier rule matches for certain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
pub struct PermissionRule {
    /// A glob for the tool's name, 1 to 256 bytes; absent means any tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 256))]
    pub tool: Option<String>,
    /// A glob for the workspace-relative paths that the request names, 1 to 256 bytes; absent means
    /// any. `*` matches within a folder, `**` across folders; `secrets/**` matches all contents of
    /// a folder. A rule with a path does not match a request without paths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 256))]
    pub path: Option<String>,
    /// The decision on matching requests.
    pub action: PermissionAction,
}

objects!(PermissionRule);

/// A policy for the permission requests of an agent. On the wire, a string (`"ask"`, `"allow"`,
/// `"deny"`) is a policy without rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionPolicy {
    /// The decision on a request that no rule matches. `ask` if absent.
    pub default: PermissionAction,
    /// The rules, in order. At most 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<PermissionRule>,
    /// The decision on a request that was not answered in time: `allow` or `deny`.
    pub on_timeout: PermissionAction,
    /// The time limit for an answer in milliseconds: 1 s to 24 h, 10 minutes if absent.
    pub timeout_ms: u64,
}

const TIMEOUT_MS_DEFAULT: u64 = 10 * 60 * 1000;
const TIMEOUT_MS_MIN: u64 = 1000;
const TIMEOUT_MS_MAX: u64 = 24 * 60 * 60 * 1000;
const RULES_MAX: usize = 100;

impl Default for PermissionPolicy {
    /// Returns the policy that asks about everything and denies unanswered requests after 10
    /// minutes.
    fn default() -> Self {
        Self::without_rules(PermissionAction::Ask)
    }
}

impl PermissionPolicy {
    /// Creates a policy with the same decision on every request.
    #[must_use]
    pub const fn without_rules(default: PermissionAction) -> Self {
        Self {
            default,
            rules: Vec::new(),
            on_timeout: PermissionAction::Deny,
            timeout_ms: TIMEOUT_MS_DEFAULT,
        }
    }

    /// Returns the time limit for an answer.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// Returns the decision on this request.
    #[must_use]
    pub fn decide(&self, subject: &PermissionSubject) -> PermissionAction {
        let rules: Vec<CompiledRule> = self.rules.iter().map(CompiledRule::new).collect();
        let verdict = |path: Option<&SubjectPath>| self.verdict(&rules, &subject.tool_name, path);
        subject
            .paths
            .iter()
            .map(|path| verdict(Some(&SubjectPath::read(path))))
            .max_by_key(|action| action.strictness())
            .unwrap_or_else(|| verdict(None))
    }

    /// Returns the decision for one path of a request, or for a request without paths. The first
    /// certain match decides, unless a stricter rule before it is an uncertain match.
    fn verdict(
        &self,
        rules: &[CompiledRule],
        tool: &str,
        path: Option<&SubjectPath>,
    ) -> PermissionAction {
        let mut possible = PermissionAction::Allow;
        let mut certain = self.default;
        for rule in rules {
            match rule.fit(tool, path) {
                Fit::Certain => {
                    certain = rule.action;
                    break;
                }
                Fit::Possible if rule.action.strictness() > possible.strictness() => {
                    possible = rule.action;
                }
                Fit::Possible | Fit::None => {}
            }
        }
        if possible.strictness() > certain.strictness() {
            possible
        } else {
            certain
        }
    }

    /// Validates the policy and adds the errors to `errors` under `field`.
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
            let tool = rule.tool.as_deref().map(check_tool_pattern);
            let path = rule.path.as_deref().map(check_path_pattern);
            for (name, checked) in [("tool", tool), ("path", path)] {
                if let Some(Err(message)) = checked {
                    errors.add(format!("{field}.rules[{index}].{name}"), message);
                }
            }
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
            #[serde(default = "timeout_ms_default", deserialize_with = "number::whole")]
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
