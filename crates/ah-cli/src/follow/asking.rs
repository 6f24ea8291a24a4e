//! Asks for the answers to permission requests at the terminal.

use ah_rest_api_contract::ErrorKind;

use super::question::{Question, TypedLines, how_to_answer};
use super::{Follower, Form};
use crate::clock;
use crate::failure::Failure;
use crate::session_ref::short;
use crate::style::{Line, Paint};

impl Follower<'_> {
    /// Returns the oldest question that was neither asked nor announced.
    pub(super) fn next_question(&self) -> Option<Question> {
        self.sessions.iter().find_map(|session| {
            let request = session
                .transcript
                .questions()
                .find(|request| !self.seen.contains(&request.request_id))?;
            Some(Question {
                session: session.id,
                request: request.clone(),
            })
        })
    }

    /// Asks the next question here, or prints the command that answers it.
    pub(super) fn ask(&mut self) -> Result<(), Failure> {
        let Some(question) = self.next_question() else {
            return Ok(());
        };
        self.seen.insert(question.id());
        if self.form == Form::Json || !self.screen.terminal().can_ask() {
            let words = how_to_answer(&question, &short(question.session));
            self.screen
                .note(&Line::of(Paint::Accent, "hint: ").with(Paint::Plain, words));
            return Ok(());
        }
        self.screen.clear_foot();
        for line in question.lines(clock::now()) {
            self.screen.note(&line);
        }
        self.screen.terminal().discard_input();
        let typed = self.typed.get_or_insert_with(TypedLines::read);
        typed.discard();
        self.screen.ask(&question.prompt());
        self.question = Some(question);
        Ok(())
    }

    /// Removes the question if its request was resolved elsewhere or expired.
    pub(super) fn withdraw_question(&mut self, index: usize) {
        let session = &self.sessions[index];
        let is_settled = self.question.as_ref().is_some_and(|question| {
            question.session == session.id
                && !session
                    .transcript
                    .questions()
                    .any(|request| request.request_id == question.id())
        });
        if is_settled {
            self.question = None;
            self.screen.clear_foot();
            self.screen.terminal().discard_input();
        }
    }

    /// Sends the typed answer to the task manager.
    pub(super) async fn answer(&mut self, typed: Option<String>) -> Result<(), Failure> {
        let Some(question) = self.question.take() else {
            return Ok(());
        };
        let Some(typed) = typed else {
            // End of input: no answer can be given here any more.
            self.screen.clear_foot();
            let words = how_to_answer(&question, &short(question.session));
            self.screen
                .note(&Line::of(Paint::Accent, "hint: ").with(Paint::Plain, words));
            return Ok(());
        };
        self.screen.question_was_answered();
        let Some(answer) = question.answer(&typed) else {
            self.screen.ask(&question.prompt());
            self.question = Some(question);
            return Ok(());
        };
        let result = self
            .manager
            .answer_permission(question.session, question.id(), answer)
            .await;
        match result {
            Ok(_) => Ok(()),
            // Another client was faster, or the session ended. The stream reports which.
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Gone) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
