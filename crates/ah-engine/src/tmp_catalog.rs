use ah_agents::AgentProgram;
use ah_rest_api_contract::*;
#[derive(Clone)]
pub struct Catalog;
impl Catalog {
    pub fn list(&self) -> Vec<Agent> {
        vec![]
    }
    pub fn resolve(&self, _s: &AgentSelection) -> Result<AgentProgram, FieldErrors> {
        Err(FieldErrors::default())
    }
}
