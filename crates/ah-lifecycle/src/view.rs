//! A session as its machine sees it: the record, with its queue and its permission requests.

use ah_rest_api_contract::{PermissionState, Prompt};

use crate::{Change, PermissionRecord, PermissionWrite, PromptWrite, SessionPatch, SessionRecord};

/// A session with all that decisions about it are made on.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The session.
    pub record: SessionRecord,
    /// Its prompts, oldest first.
    pub prompts: Vec<Prompt>,
    /// Its permission requests, oldest first.
    pub permissions: Vec<PermissionRecord>,
}

impl View {
    /// Takes over a change that is about to be written, so that what follows it in the same write
    /// can be decided on it.
    pub fn apply(&mut self, change: &Change) {
        change.patch.apply(&mut self.record);
        for write in &change.prompts {
            self.apply_prompt(write);
        }
        for write in &change.permissions {
            self.apply_permission(write);
        }
    }

    fn apply_prompt(&mut self, write: &PromptWrite) {
        use ah_rest_api_contract::PromptState::Queued;
        match write {
            PromptWrite::Enqueue(prompt) => self.prompts.push(prompt.clone()),
            PromptWrite::Set(id, state) => {
                for prompt in self.prompts.iter_mut().filter(|prompt| prompt.id == *id) {
                    prompt.state = *state;
                }
            }
            PromptWrite::SetQueued(state) => {
                for prompt in self
                    .prompts
                    .iter_mut()
                    .filter(|prompt| prompt.state == Queued)
                {
                    prompt.state = *state;
                }
            }
        }
    }

    fn apply_permission(&mut self, write: &PermissionWrite) {
        let find = |known: &mut Vec<PermissionRecord>, id| {
            known
                .iter()
                .position(|p| p.permission.request.request_id == id)
        };
        match write {
            PermissionWrite::Open(permission) => self.permissions.push(PermissionRecord {
                permission: permission.clone(),
                answer: None,
            }),
            PermissionWrite::Answer {
                request_id,
                answer,
                by,
            } => {
                if let Some(at) = find(&mut self.permissions, *request_id) {
                    let known = &mut self.permissions[at];
                    known.permission.state = PermissionState::Answered;
                    known.answer = Some((answer.clone(), by.clone()));
                }
            }
            PermissionWrite::Resolve(resolved) => {
                if let Some(at) = find(&mut self.permissions, resolved.request_id) {
                    let known = &mut self.permissions[at];
                    known.permission.state = PermissionState::Resolved;
                    known.permission.resolution = Some(resolved.clone());
                    known.answer = None;
                }
            }
        }
    }
}

impl Change {
    /// This change and then `later`, as one.
    pub fn merge(&mut self, later: Self) {
        let Self {
            events,
            patch,
            prompts,
            permissions,
        } = later;
        self.events.extend(events);
        self.prompts.extend(prompts);
        self.permissions.extend(permissions);
        self.patch.merge(patch);
    }

    /// Whether it rests on what the session was when it was decided, so that it may only be
    /// written if nothing was decided since. Events as the agent told them do not.
    pub fn is_decision(&self) -> bool {
        let told = SessionPatch {
            journal: self.patch.journal,
            usage: self.patch.usage.clone(),
            changes: self.patch.changes,
            workspace: self.patch.workspace.clone(),
            commit: self.patch.commit.clone(),
            ..SessionPatch::default()
        };
        self.patch != told || !self.prompts.is_empty() || !self.permissions.is_empty()
    }
}
