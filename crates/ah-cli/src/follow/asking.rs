//! Asks for the answers to permission requests at the terminal.

use ah_rest_api_contract::{ErrorKind, PermissionRequested, SessionId};

use super::question::{Question, Reply, TypedLines, how_to_answer};
use super::request::request_lines;
use super::{FollowState, Form};
use crate::clock;
use crate::failure::Failure;
use crate::style::{Line, Paint};

impl FollowState<'_> {
    /// Returns the oldest request that was neither asked nor announced, and its session.
    pub(super) fn next_request(&self) -> Option<(SessionId, &PermissionRequested)> {
        self.sessions.iter().find_map(|session| {
            let request = session
                .transcript
                .questions()
                .find(|request| !self.seen.contains(&request.request_id))?;
            Some((session.id, request))
        })
    }

    /// Asks the next question here, or prints the command that answers it.
    pub(super) fn ask(&mut self) -> Result<(), Failure> {
        let Some((session, request)) = self.next_request() else {
            return Ok(());
        };
        let request = request.clone();
        self.seen.insert(request.request_id);
        let terminal = *self.screen.terminal();
        if self.form == Form::Json || !terminal.can_ask() {
            if self.form == Form::Text {
                for line in request_lines(&request, terminal.stderr_columns()) {
                    self.screen.note(&line);
                }
            }
            self.hint(how_to_answer(session, &request));
            return Ok(());
        }
        terminal.discard_input();
        self.typed.get_or_insert_with(TypedLines::read).discard();
        self.show_question(Question::new(session, request, terminal.stderr_columns()));
        Ok(())
    }

    /// Shows the next lines of the question, and asks for an answer below them.
    fn show_question(&mut self, mut question: Question) {
        self.screen.clear_foot();
        let rows = self.screen.terminal().page_rows();
        for line in question.next_page(rows, clock::now()) {
            self.screen.note(&line);
        }
        self.screen.ask(&question.prompt());
        self.question = Some(question);
    }

    fn hint(&self, words: String) {
        self.screen
            .note(&Line::of(Paint::Accent, "hint: ").with(Paint::Plain, words));
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
            self.hint(how_to_answer(question.session, &question.request));
            return Ok(());
        };
        self.screen.question_was_answered();
        let answer = match question.reply(&typed) {
            Reply::Answer(answer) => answer,
            Reply::More => {
                self.show_question(question);
                return Ok(());
            }
            reply @ (Reply::Unseen | Reply::Unknown) => {
                if reply == Reply::Unseen {
                    self.screen.note(&Question::refusal());
                }
                self.screen.ask(&question.prompt());
                self.question = Some(question);
                return Ok(());
            }
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
