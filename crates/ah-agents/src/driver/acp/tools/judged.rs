//! The judgement of a permission request: its subject, from its own words and from known calls.
//!
//! Agents reuse the ids of their calls, so the call that was announced with the id of a request may
//! be another one. The request is therefore judged and shown by its own words. The announced call
//! adds what the request omits; where the two differ, the policy judges both.

use std::path::Path;

use ah_lifecycle::turns::OtherClaims;
use ah_rest_api_contract::PermissionSubject;
use serde_json::{Map, Value, json};

use super::asked::{Asked, kind_in_name, specific};
use super::call::AgentCall;
use super::report::inputs_differ;

impl Asked {
    /// Returns true if the request is about another call than `announced`.
    pub(super) fn contradicts(&self, announced: &AgentCall) -> bool {
        let other_kind = self
            .specific_kind()
            .zip(specific(announced.kind()))
            .is_some_and(|(asked, announced)| asked != announced);
        let other_name = self
            .name
            .as_ref()
            .is_some_and(|name| announced.is_named() && *name != announced.name);
        other_kind || other_name || inputs_differ(&self.input, announced.input())
    }

    /// Returns the name of the tool. `call` is the call that the request is about.
    fn tool_name(&self, call: &AgentCall) -> String {
        match (&self.name, &self.kind) {
            (Some(name), _) => name.clone(),
            (None, Some(kind)) if !call.is_named() => kind.clone(),
            (None, _) if call.name != "other" => call.name.clone(),
            (None, Some(kind)) => kind.clone(),
            (None, None) if self.has_command() => "execute".to_owned(),
            (None, None) if !self.changes.is_empty() => "edit".to_owned(),
            (None, None) => "other".to_owned(),
        }
    }

    /// Returns the arguments to show: the input of the request, and the paths that it adds.
    fn tool_args(&self, call: &AgentCall, workspace: &str) -> Map<String, Value> {
        if self.input.is_empty() {
            return self.args_without_input(call);
        }
        let mut args = self.input.clone();
        let named = paths_of(&args, workspace);
        let mut added: Vec<String> = Vec::new();
        for place in self.places() {
            let place = paths_of(&paths(&[place]), workspace);
            added.extend(place.into_iter().filter(|path| !named.contains(path)));
        }
        added.dedup();
        if !added.is_empty() {
            let name = if args.contains_key("paths") {
                "request_paths"
            } else {
                "paths"
            };
            args.insert(name.to_owned(), json!(added));
        }
        args
    }

    fn args_without_input(&self, call: &AgentCall) -> Map<String, Value> {
        let mut args = call.args();
        let mut places: Vec<String> = self.places().collect();
        places.dedup();
        if !places.is_empty() && !args.contains_key("paths") {
            args.insert("paths".to_owned(), json!(places));
        }
        let is_command = self.kind.as_deref().unwrap_or(call.kind()) == "execute";
        let name = if is_command { "command" } else { "title" };
        if let Some(title) = self.title.as_ref().filter(|title| **title != call.title) {
            // A command that is known already is not replaced by a description of it.
            let name = if args.contains_key(name) {
                "title"
            } else {
                name
            };
            args.entry(name).or_insert_with(|| json!(title));
        }
        if !self.text.is_empty() && call.input().is_empty() {
            args.entry("text").or_insert_with(|| json!(self.text));
        }
        args
    }

    /// Returns the name and arguments that the request is shown with, and what it is judged by
    /// besides these.
    ///
    /// `call` is the call that the request is about. `announced` is the call that was announced
    /// with the same id, if the request contradicts it.
    pub(super) fn judged(
        &self,
        call: &AgentCall,
        announced: Option<&AgentCall>,
        workspace: &Path,
    ) -> (String, Map<String, Value>, OtherClaims) {
        let workspace = workspace.to_string_lossy();
        let tool_name = self.tool_name(call);
        let tool_args = self.tool_args(call, &workspace);
        let mut other = OtherClaims::default();
        if let Some(kind) = specific(self.kind.as_deref().unwrap_or(call.kind()))
            && kind_in_name(&tool_name).is_some_and(|named| named != kind)
        {
            other.names.push(kind.to_owned());
        }
        if self.name.is_none() && !call.is_named() && self.has_command() {
            other.names.push("execute".to_owned());
        }
        other.names.extend(announced.map(|call| call.name.clone()));
        other.names.retain(|name| *name != tool_name);
        for known in std::iter::once(call).chain(announced) {
            other.paths.extend(paths_of(known.input(), &workspace));
            other.paths.extend(known.places());
        }
        (tool_name, tool_args, other)
    }
}

fn paths(paths: &[String]) -> Map<String, Value> {
    Map::from_iter([("paths".to_owned(), json!(paths))])
}

fn paths_of(args: &Map<String, Value>, workspace: &str) -> Vec<String> {
    PermissionSubject::of_tool("", args, workspace).paths
}
