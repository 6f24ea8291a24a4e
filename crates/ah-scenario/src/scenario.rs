//! A scenario as it was read, before anything is defined.

use serde_json::Value;

use crate::node::Node;
use crate::{Defines, ScenarioError, Script, resolve, rules};

/// A scenario: a document that was read, has a name, and whose rules can be evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    name: String,
    document: Node,
}

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// When the text is not YAML, has no `name`, or holds a rule that cannot be read. What the
    /// timeline says is judged by [`Scenario::resolve`], since rules may change it.
    pub fn from_yaml(text: &str) -> Result<Self, ScenarioError> {
        Self::from_document(Node::from_yaml(text)?)
    }

    /// Takes a scenario that is already parsed, as a task's settings carry it.
    ///
    /// # Errors
    /// As [`Scenario::from_yaml`], without lines.
    pub fn from_value(value: Value) -> Result<Self, ScenarioError> {
        Self::from_document(Node::from_value(value, String::new()))
    }

    fn from_document(document: Node) -> Result<Self, ScenarioError> {
        let name = document.required("name")?.text()?.to_owned();
        rules::check(&document)?;
        Ok(Self { name, document })
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The steps that are to be played when this is defined.
    ///
    /// # Errors
    /// Names the place of the first entry that does not say what it must.
    pub fn resolve(&self, defines: &Defines) -> Result<Script, ScenarioError> {
        let document = rules::apply(&self.document, defines)?;
        resolve::script(&self.name, &document)
    }
}
