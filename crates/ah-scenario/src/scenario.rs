//! A parsed scenario, before it is resolved.

use serde_json::Value;

use crate::node::Node;
use crate::{Defines, ScenarioError, Script, resolve, rules};

/// A scenario: a parsed document with a name, whose rules can be evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    name: String,
    document: Node,
}

impl Scenario {
    /// Parses a scenario file.
    ///
    /// # Errors
    /// The text is not YAML, has no `name`, or contains an invalid rule. The timeline is validated
    /// by [`Scenario::resolve`], since rules may change it.
    pub fn from_yaml(text: &str) -> Result<Self, ScenarioError> {
        Self::from_document(Node::from_yaml(text)?)
    }

    /// Converts a JSON value, the form in a task's settings.
    ///
    /// # Errors
    /// As for [`Scenario::from_yaml`], without lines.
    pub fn from_value(value: Value) -> Result<Self, ScenarioError> {
        Self::from_document(Node::from_value(value, String::new()))
    }

    fn from_document(document: Node) -> Result<Self, ScenarioError> {
        let name = document.required("name")?.text()?.to_owned();
        rules::check(&document)?;
        Ok(Self { name, document })
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Resolves the scenario into the steps to play with these defines.
    ///
    /// # Errors
    /// The first invalid entry, with its place.
    pub fn resolve(&self, defines: &Defines) -> Result<Script, ScenarioError> {
        let document = rules::apply(&self.document, defines)?;
        resolve::script(&self.name, &document)
    }
}
