//! The models and modes that an agent offers.
//!
//! ACP has had three forms for them, and agents use any one or several: `configOptions` (Session
//! Config Options), `modes` (Session Modes), and `models`, which was removed from the protocol and
//! is the only form of some agents.

use serde_json::{Value, json};

/// The kind of a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Model,
    Mode,
}

impl Choice {
    /// Returns its name, which is also the category of a session config option.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Mode => "mode",
        }
    }
}

/// A request that makes a choice.
#[derive(Debug, PartialEq)]
pub(super) struct ChoiceRequest {
    pub(super) method: &'static str,
    pub(super) params: Value,
}

/// The offers of an agent, from its answer to `session/new`.
#[derive(Debug, Default)]
pub(super) struct Offers {
    answer: Value,
}

impl Offers {
    /// Reads the offers from `answer`, the result of `session/new`.
    pub(super) const fn of(answer: Value) -> Self {
        Self { answer }
    }

    /// Returns the request that selects `wanted`; `None` if it is already selected.
    ///
    /// # Errors
    /// `wanted` is not offered. The message lists the alternatives.
    pub(super) fn request(
        &self,
        choice: Choice,
        wanted: &str,
        session: &Value,
    ) -> Result<Option<ChoiceRequest>, String> {
        let mut offered = Vec::new();
        for offer in self.all(choice) {
            let Some(found) = offer.options.iter().find(|it| it.is_called(wanted)) else {
                offered.extend(offer.options.into_iter().map(|it| it.id));
                continue;
            };
            if offer.current == Some(found.id) {
                return Ok(None);
            }
            let (method, params) = match offer.way {
                Way::ConfigOption(id) => (
                    "session/set_config_option",
                    json!({"sessionId": session, "configId": id, "value": found.id}),
                ),
                Way::Modes => (
                    "session/set_mode",
                    json!({"sessionId": session, "modeId": found.id}),
                ),
                Way::Models => (
                    "session/set_model",
                    json!({"sessionId": session, "modelId": found.id}),
                ),
            };
            return Ok(Some(ChoiceRequest { method, params }));
        }
        offered.sort_unstable();
        offered.dedup();
        Err(not_offered(choice, wanted, &offered))
    }

    /// Returns the selected model, if reported.
    pub(super) fn current_model(&self) -> Option<&str> {
        self.all(Choice::Model)
            .into_iter()
            .find_map(|offer| offer.current)
    }

    /// Replaces the config options after an update.
    pub(super) fn set_config_options(&mut self, options: Value) {
        if let Value::Object(answer) = &mut self.answer {
            answer.insert("configOptions".to_owned(), options);
        }
    }

    /// Returns every form of the choice, the current protocol's first.
    fn all(&self, choice: Choice) -> Vec<Offer<'_>> {
        let options = self.answer["configOptions"].as_array();
        let mut offers: Vec<Offer<'_>> = options
            .into_iter()
            .flatten()
            .filter(|option| option["category"] == choice.word())
            .filter_map(Offer::of_config_option)
            .collect();
        offers.extend(match choice {
            Choice::Mode => Offer::of_list(Way::Modes, &self.answer["modes"], "Mode", "id"),
            Choice::Model => {
                Offer::of_list(Way::Models, &self.answer["models"], "Model", "modelId")
            }
        });
        offers
    }
}

fn not_offered(choice: Choice, wanted: &str, offered: &[&str]) -> String {
    let word = choice.word();
    if offered.is_empty() {
        return format!("the agent offers no choice of {word}, so `{wanted}` cannot be selected");
    }
    // Enough for an overview; an agent may offer hundreds.
    const LISTED_MAX: usize = 40;
    let listed: Vec<String> = offered
        .iter()
        .take(LISTED_MAX)
        .map(|id| format!("`{id}`"))
        .collect();
    let more = offered.len().saturating_sub(LISTED_MAX);
    let rest = if more == 0 {
        String::new()
    } else {
        format!(" and {more} more")
    };
    format!(
        "the agent has no {word} `{wanted}`; it offers {}{rest}",
        listed.join(", ")
    )
}

/// One form of a choice.
struct Offer<'a> {
    way: Way<'a>,
    current: Option<&'a str>,
    options: Vec<OfferedValue<'a>>,
}

enum Way<'a> {
    /// The session config option with this id.
    ConfigOption(&'a str),
    Modes,
    Models,
}

/// A value of a choice.
struct OfferedValue<'a> {
    id: &'a str,
    name: Option<&'a str>,
}

impl OfferedValue<'_> {
    fn is_called(&self, wanted: &str) -> bool {
        self.id == wanted || self.name == Some(wanted)
    }
}

impl<'a> Offer<'a> {
    fn of_config_option(option: &'a Value) -> Option<Self> {
        let values = option["options"].as_array()?;
        let options = values
            .iter()
            // Options may be grouped.
            .flat_map(|value| match value["options"].as_array() {
                Some(group) => group.iter().collect(),
                None => vec![value],
            })
            .filter_map(|value| OfferedValue::of(value, "value"))
            .collect();
        Some(Self {
            way: Way::ConfigOption(option["id"].as_str()?),
            current: option["currentValue"].as_str(),
            options,
        })
    }

    fn of_list(way: Way<'a>, list: &'a Value, what: &str, id: &str) -> Option<Self> {
        let available = list[format!("available{what}s").as_str()].as_array()?;
        Some(Self {
            way,
            current: list[format!("current{what}Id").as_str()].as_str(),
            options: available
                .iter()
                .filter_map(|item| OfferedValue::of(item, id))
                .collect(),
        })
    }
}

impl<'a> OfferedValue<'a> {
    fn of(value: &'a Value, id: &str) -> Option<Self> {
        Some(Self {
            id: value[id].as_str()?,
            name: value["name"].as_str(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(
        answer: Value,
        choice: Choice,
        wanted: &str,
    ) -> Result<Option<ChoiceRequest>, String> {
        Offers::of(answer).request(choice, wanted, &json!("s"))
    }

    #[test]
    fn each_kind_of_choice_has_its_request() {
        let request = |method, params| Ok(Some(ChoiceRequest { method, params }));
        let models = json!({"models": {"currentModelId": "small",
            "availableModels": [{"modelId": "small"}, {"modelId": "large", "name": "Large"}]}});
        let by_model = json!({"sessionId": "s", "modelId": "large"});
        for wanted in ["large", "Large"] {
            assert_eq!(
                chosen(models.clone(), Choice::Model, wanted),
                request("session/set_model", by_model.clone())
            );
        }
        assert_eq!(chosen(models, Choice::Model, "small"), Ok(None));

        let modes = json!({"modes": {"currentModeId": "ask",
            "availableModes": [{"id": "ask"}, {"id": "plan"}]}});
        assert_eq!(
            chosen(modes, Choice::Mode, "plan"),
            request(
                "session/set_mode",
                json!({"sessionId": "s", "modeId": "plan"})
            )
        );

        let options = json!({"configOptions": [
            {"id": "effort", "category": "thought_level", "options": [{"value": "large"}]},
            {"id": "llm", "category": "model", "currentValue": "small", "options": [
                {"name": "Ours", "options": [{"value": "small"}, {"value": "large"}]}]},
        ]});
        assert_eq!(
            chosen(options, Choice::Model, "large"),
            request(
                "session/set_config_option",
                json!({"sessionId": "s", "configId": "llm", "value": "large"})
            )
        );
    }

    #[test]
    fn unavailable_choice_lists_the_available_ones() {
        let modes = json!({"modes": {"availableModes": [{"id": "plan"}, {"id": "ask"}]}});
        assert_eq!(
            chosen(modes, Choice::Mode, "wild").unwrap_err(),
            "the agent has no mode `wild`; it offers `ask`, `plan`"
        );
        assert_eq!(
            chosen(json!({}), Choice::Model, "any").unwrap_err(),
            "the agent offers no choice of model, so `any` cannot be selected"
        );
        let many: Vec<Value> = (0..100)
            .map(|n| json!({"modelId": format!("m{n}")}))
            .collect();
        let error = chosen(
            json!({"models": {"availableModels": many}}),
            Choice::Model,
            "any",
        );
        assert!(error.unwrap_err().ends_with(" and 60 more"));
    }
}
