//! Permission requests as questions at the terminal.

use std::collections::VecDeque;
use std::io::BufRead;
use std::sync::OnceLock;

use ah_rest_api_contract::{
    PermissionAnswer, PermissionId, PermissionOption, PermissionOptionKind, PermissionRequested,
    SessionId, Timestamp,
};
use tokio::sync::{Mutex, mpsc};

use super::request::{option_lines, request_lines};
use crate::session_ref::short;
use crate::style::{Line, Paint};
use crate::text;

/// A question for a permission request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Question {
    /// The session of the request.
    pub(crate) session: SessionId,
    /// The request.
    pub(crate) request: PermissionRequested,
    /// The lines of the request that were not shown yet.
    unseen: VecDeque<Line>,
}

/// The meaning of a typed line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    /// An answer to the request.
    Answer(PermissionAnswer),
    /// The next lines of the request are wanted.
    More,
    /// An answer that allows a request of which a part was not shown.
    Unseen,
    /// None of the options.
    Unknown,
}

impl Question {
    /// Creates the question for a terminal of `columns`; nothing of it is shown yet.
    pub(crate) fn new(
        session: SessionId,
        request: PermissionRequested,
        columns: Option<usize>,
    ) -> Self {
        let unseen = request_lines(&request, columns).into();
        Self {
            session,
            request,
            unseen,
        }
    }

    /// Returns the id of the request.
    pub(crate) const fn id(&self) -> PermissionId {
        self.request.request_id
    }

    /// Returns at most `rows` further lines of the request. After the last one follow the options,
    /// numbered from 1.
    pub(crate) fn next_page(&mut self, rows: usize, now: Timestamp) -> Vec<Line> {
        let count = rows.min(self.unseen.len());
        let mut lines: Vec<Line> = self.unseen.drain(..count).collect();
        if !self.unseen.is_empty() {
            return lines;
        }
        lines.extend(option_lines(&self.request.options));
        let left = self.request.expires_at.since(now);
        if !left.is_zero() {
            let left = text::duration(left);
            lines.push(Line::of(
                Paint::Dim,
                format!("    without an answer within {left}, the policy decides (default: deny)"),
            ));
        }
        lines
    }

    /// Returns the text before the typed answer.
    pub(crate) fn prompt(&self) -> String {
        match self.unseen.len() {
            0 => {
                let count = self.request.options.len();
                format!("  answer (1-{count}, c to cancel): ")
            }
            unseen => {
                let unseen = text::counted(unseen as u64, "more line");
                format!("  {unseen} (Enter to read on, n to deny, c to cancel): ")
            }
        }
    }

    /// Returns the line that refuses an answer to a request of which a part was not shown.
    pub(crate) fn refusal() -> Line {
        Line::of(Paint::Warn, "  allowed only after all of it was shown")
    }

    /// Parses a typed line. A request is allowed only after all of it was shown.
    pub(crate) fn reply(&self, typed: &str) -> Reply {
        if typed.trim().is_empty() && !self.unseen.is_empty() {
            return Reply::More;
        }
        match choose(&self.request, typed) {
            Some(answer) if !self.unseen.is_empty() && may_allow(&self.request, &answer) => {
                Reply::Unseen
            }
            Some(answer) => Reply::Answer(answer),
            None => Reply::Unknown,
        }
    }
}

/// Returns true unless the answer certainly rejects the request.
pub(crate) fn may_allow(request: &PermissionRequested, answer: &PermissionAnswer) -> bool {
    let PermissionAnswer::Select(id) = answer else {
        return false;
    };
    let option = request.options.iter().find(|option| option.id == *id);
    !option.is_some_and(|option| {
        matches!(
            option.kind,
            PermissionOptionKind::RejectOnce | PermissionOptionKind::RejectAlways
        )
    })
}

/// Returns the answer for a word: the id or number of an option, `allow`, `deny` or `cancel`.
pub(crate) fn choose(request: &PermissionRequested, word: &str) -> Option<PermissionAnswer> {
    let word = word.trim();
    let select = |option: &PermissionOption| PermissionAnswer::Select(option.id.clone());
    if let Some(option) = request.options.iter().find(|option| option.id == word) {
        return Some(select(option));
    }
    if let Ok(number) = word.parse::<usize>() {
        return request.options.get(number.checked_sub(1)?).map(select);
    }
    match word.to_ascii_lowercase().as_str() {
        "allow" | "y" | "yes" => request.option_for(true).map(select),
        "deny" | "n" | "no" => request.option_for(false).map(select),
        "cancel" | "c" => Some(PermissionAnswer::Cancel),
        _ => None,
    }
}

/// Returns the command that answers the request, for output that is not interactive.
pub(crate) fn how_to_answer(session: SessionId, request: &PermissionRequested) -> String {
    let options: Vec<String> = request
        .options
        .iter()
        .map(|option| text::one_line(&option.id))
        .collect();
    format!(
        "{} is waiting for permission: ah session answer {} {} {}",
        text::one_line(&request.tool_name),
        short(session),
        request.request_id,
        options.join("|")
    )
}

/// The lines typed at the terminal.
///
/// A separate thread reads them, since a blocking read of a terminal cannot be cancelled. The
/// process has one such thread for all of its questions: a second one would compete for the lines.
/// The queue is short, because input typed before a question is discarded.
#[derive(Debug)]
pub(crate) struct TypedLines(&'static Mutex<mpsc::Receiver<String>>);

impl TypedLines {
    /// Starts the reading thread, unless it was started before.
    pub(crate) fn read() -> Self {
        const QUEUE_LENGTH: usize = 4;
        // The lock serialises the questions of the process, of which one is asked at a time.
        static LINES: OnceLock<Mutex<mpsc::Receiver<String>>> = OnceLock::new();
        Self(LINES.get_or_init(|| {
            let (sender, receiver) = mpsc::channel(QUEUE_LENGTH);
            std::thread::spawn(move || {
                for line in std::io::stdin().lock().lines() {
                    let Ok(line) = line else { break };
                    if sender.blocking_send(line).is_err() {
                        break;
                    }
                }
            });
            Mutex::new(receiver)
        }))
    }

    /// Returns the next line; `None` at the end of the input.
    #[expect(
        clippy::await_holding_invalid_type,
        reason = "a process asks one question at a time, and waits for a person"
    )]
    pub(crate) async fn next(&mut self) -> Option<String> {
        self.0.lock().await.recv().await
    }

    /// Discards earlier input.
    pub(crate) fn discard(&mut self) {
        if let Ok(mut lines) = self.0.try_lock() {
            while lines.try_recv().is_ok() {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::fake::at;
    use crate::style::Colour;

    fn question(command: &str) -> Question {
        let option = |id: &str, label: &str, kind| {
            PermissionOption::new(id.to_owned(), label.to_owned(), kind)
        };
        let request = PermissionRequested::new(
            "perm-01JZAAAAAAAAAAAAAAAAAAAAA2".parse().expect("is an id"),
            "runCmd",
            Map::from_iter([("cmd".to_owned(), json!(command))]),
            vec![
                option("once", "Allow once", PermissionOptionKind::AllowOnce),
                option("never", "Never\u{1b}[2J", PermissionOptionKind::RejectOnce),
            ],
            at(60_000),
        );
        let session = "01JZAAAAAAAAAAAAAAAAAAAAA1".parse().expect("is an id");
        Question::new(session, request, Some(40))
    }

    fn page(question: &mut Question, rows: usize) -> Vec<String> {
        question
            .next_page(rows, at(0))
            .iter()
            .map(|line| line.render(None, Colour::Plain))
            .collect()
    }

    #[test]
    fn a_short_request_is_shown_with_its_options() {
        assert_eq!(
            page(&mut question("cargo publish"), 10),
            [
                "  runCmd",
                "    cmd, 13 characters:",
                "    │ cargo publish",
                "    1 Allow once  once",
                "    2 Never  never",
                "    without an answer within 1m 00s, the policy decides (default: deny)",
            ]
        );
    }

    #[test]
    fn answer_is_a_number_an_id_or_a_word() {
        let mut question = question("ls");
        page(&mut question, 10);
        let once = Reply::Answer(PermissionAnswer::Select("once".to_owned()));
        let never = Reply::Answer(PermissionAnswer::Select("never".to_owned()));
        for (typed, reply) in [
            ("1", &once),
            ("once", &once),
            (" Yes ", &once),
            ("2", &never),
            ("deny", &never),
            ("c", &Reply::Answer(PermissionAnswer::Cancel)),
            ("0", &Reply::Unknown),
            ("3", &Reply::Unknown),
            ("maybe", &Reply::Unknown),
            ("", &Reply::Unknown),
        ] {
            assert_eq!(&question.reply(typed), reply, "{typed:?}");
        }
    }

    #[test]
    fn a_request_is_allowed_only_after_its_last_line_was_shown() {
        let mut question = question(&"true\n".repeat(20));
        assert_eq!(page(&mut question, 10).len(), 10);
        assert_eq!(
            question.prompt(),
            "  13 more lines (Enter to read on, n to deny, c to cancel): "
        );
        for typed in ["1", "once", "y", "allow"] {
            assert_eq!(question.reply(typed), Reply::Unseen, "{typed}");
        }
        let never = Reply::Answer(PermissionAnswer::Select("never".to_owned()));
        assert_eq!(question.reply("n"), never);
        assert_eq!(question.reply(""), Reply::More);
        page(&mut question, 10);
        assert_eq!(question.reply("1"), Reply::Unseen);
        let last = page(&mut question, 10);
        assert_eq!(
            last.last().map(|line| line.starts_with("    without")),
            Some(true)
        );
        assert!(matches!(question.reply("1"), Reply::Answer(_)));
    }

    #[test]
    fn a_hint_names_the_command_that_answers() {
        let question = question("cargo publish");
        assert_eq!(
            how_to_answer(question.session, &question.request),
            "runCmd is waiting for permission: ah session answer AAAAAAA1 \
             perm-01JZAAAAAAAAAAAAAAAAAAAAA2 once|never"
        );
    }
}
