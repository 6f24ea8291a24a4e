//! Permission policies: the rules for requests that need no answer by a user.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de};

use super::rule::{
    CompiledRule, Fit, PermissionAction, PermissionRule, check_path_pattern, check_tool_pattern,
};
use super::subject::{PermissionSubject, SubjectPath};
use crate::{FieldErrors, number};

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
