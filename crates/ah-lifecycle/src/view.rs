//! A session with its unsettled prompts and permission requests.

use ah_rest_api_contract::{DeliveryMode, PermissionState, Prompt, PromptState, Timestamp};

use crate::{Change, PermissionRecord, PermissionWrite, PromptWrite, SessionPatch, SessionRecord};

/// A session with everything that decisions depend on.
///
/// Decisions depend on prompts and permission requests that are not settled, and on the one that
/// a command names. A view may hold more than those.
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
    /// Drops the prompts and permission requests on which no decision depends any more, so that a
    /// long session does not grow its view.
    ///
    /// A withdrawn prompt is kept while the recorder may still hold it. The recorder delivers
    /// queued prompts in order, so it does not once a later one was delivered.
    pub fn drop_settled(&mut self) {
        let taken = self.prompts.iter().rposition(|prompt| {
            matches!(prompt.state, PromptState::Sent | PromptState::Delivered)
                && prompt.delivery == DeliveryMode::Queue
        });
        let mut index = 0;
        self.prompts.retain(|prompt| {
            let later = taken.is_none_or(|taken| index > taken);
            index += 1;
            match prompt.state {
                PromptState::Queued => true,
                PromptState::Withdrawn => later,
                PromptState::Sent
                | PromptState::Delivered
                | PromptState::Undelivered
                | PromptState::Unknown => false,
            }
        });
        self.permissions
            .retain(|known| known.permission.state != PermissionState::Resolved);
    }

    /// Applies a change before it is written, so that later decisions of the same write see it.
    pub fn apply(&mut self, change: &Change) {
        change.patch.apply(&mut self.record);
        let updated_at = change.events.iter().map(|event| event.ts);
        let session = &mut self.record.session;
        session.updated_at = updated_at.fold(session.updated_at, Timestamp::max);
        for write in &change.prompts {
            self.apply_prompt(write);
        }
        for write in &change.permissions {
            self.apply_permission(write);
        }
    }

    fn apply_prompt(&mut self, write: &PromptWrite) {
        let set_all = |prompts: &mut Vec<Prompt>, from: PromptState, to: PromptState| {
            for prompt in prompts.iter_mut().filter(|prompt| prompt.state == from) {
                prompt.state = to;
            }
        };
        match write {
            PromptWrite::Enqueue(prompt) => self.prompts.push(prompt.clone()),
            PromptWrite::Set(id, state) => {
                for prompt in self.prompts.iter_mut().filter(|prompt| prompt.id == *id) {
                    prompt.state = *state;
                }
            }
            PromptWrite::SetQueued(state) => {
                set_all(&mut self.prompts, PromptState::Queued, *state);
            }
            PromptWrite::SetSent(state) => set_all(&mut self.prompts, PromptState::Sent, *state),
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
    /// Merges `later` into this change.
    pub fn merge(&mut self, later: Self) {
        let Self {
            events,
            patch,
            prompts,
            permissions,
            attachments,
        } = later;
        self.events.extend(events);
        self.prompts.extend(prompts);
        self.permissions.extend(permissions);
        self.attachments.extend(attachments);
        self.patch.merge(patch);
    }

    /// Returns true if the change depends on the state that it was decided on, so that it may be
    /// written only if nothing was decided since. Events of the agent do not.
    pub fn is_decision(&self) -> bool {
        let observed = SessionPatch {
            journal: self.patch.journal,
            usage: self.patch.usage.clone(),
            changes: self.patch.changes,
            workspace: self.patch.workspace.clone(),
            commit: self.patch.commit.clone(),
            ..SessionPatch::default()
        };
        self.patch != observed || !self.prompts.is_empty() || !self.permissions.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use ah_rest_api_contract::{PromptContent, PromptId};
    use ulid::Ulid;

    use super::*;
    use crate::tests::{at, running};

    fn prompt(number: u64, state: PromptState, delivery: DeliveryMode) -> Prompt {
        Prompt::new(
            PromptId::from_ulid(Ulid::from_parts(number, 0)),
            PromptContent::from("on"),
            "user",
            at(0),
        )
        .with_delivery(delivery)
        .with_state(state)
    }

    #[test]
    fn view_keeps_the_prompts_that_decisions_depend_on() {
        use DeliveryMode::{Queue, Steer};
        use PromptState::{Delivered, Queued, Undelivered, Withdrawn};
        let mut view = running();
        view.prompts = (0..1_000)
            .map(|number| prompt(number, Delivered, Queue))
            .collect();
        view.prompts.insert(0, prompt(2_000, Withdrawn, Queue));
        view.prompts.push(prompt(2_001, Withdrawn, Queue));
        view.prompts.push(prompt(2_002, Delivered, Steer));
        view.prompts.push(prompt(2_003, Queued, Queue));
        view.prompts.push(prompt(2_004, Undelivered, Queue));
        view.drop_settled();
        let kept: Vec<_> = view.prompts.iter().map(|it| it.state).collect();
        assert_eq!(kept, [Withdrawn, Queued]);
        let withdrawn = PromptId::from_ulid(Ulid::from_parts(2_001, 0));
        assert_eq!(view.prompts[0].id, withdrawn);
    }
}
