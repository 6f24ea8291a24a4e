//! The requests to a recorder, as far as they concern the conversation.

use super::{AgentInput, Conversation, Effects, Moment};
use crate::{Request, ShutdownManner};

/// A request that concerns the processes of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessRequest {
    /// Freezes every process of the session.
    Pause,
    /// Resumes the frozen processes.
    Resume,
    /// Shuts the agent down.
    Shutdown(ShutdownManner),
}

impl<A: AgentInput> Conversation<A> {
    /// Carries out a request. One that concerns the processes is returned without an effect.
    #[must_use = "a returned request is to be carried out by the caller"]
    pub fn on_request(
        &mut self,
        request: Request,
        now: Moment,
        effects: &mut Effects,
    ) -> Option<ProcessRequest> {
        match request {
            Request::Prompt {
                prompt_id,
                content,
                author,
                steer,
            } => self.prompt(prompt_id, content, author, steer, now, effects),
            Request::Withdraw { prompt_id } => self.withdraw(prompt_id),
            Request::Answer {
                request_id,
                answer,
                by,
            } => self.answer(request_id, &answer, &by, now, effects),
            Request::Interrupt => self.interrupt(now, effects),
            Request::Pause => return Some(ProcessRequest::Pause),
            Request::Resume => return Some(ProcessRequest::Resume),
            Request::Shutdown { manner } => return Some(ProcessRequest::Shutdown(manner)),
        }
        None
    }
}
