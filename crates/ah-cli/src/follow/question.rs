//! Permission requests as questions at the terminal.

use std::io::BufRead;

use ah_rest_api_contract::{
    PermissionAnswer, PermissionId, PermissionOption, PermissionRequested, SessionId, Timestamp,
};
use tokio::sync::mpsc;

use crate::style::{Line, Paint};
use crate::text;

/// A question for a permission request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Question {
    /// The session of the request.
    pub(crate) session: SessionId,
    /// The request.
    pub(crate) request: PermissionRequested,
}

impl Question {
    /// Returns the id of the request.
    pub(crate) const fn id(&self) -> PermissionId {
        self.request.request_id
    }

    /// Returns the question and its options, numbered from 1.
    pub(crate) fn lines(&self, now: Timestamp) -> Vec<Line> {
        let mut lines = option_lines(&self.request.options);
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
        let count = self.request.options.len();
        format!("  answer (1-{count}, c to cancel): ")
    }

    /// Parses the typed answer; `None` if it names none of the options.
    pub(crate) fn answer(&self, typed: &str) -> Option<PermissionAnswer> {
        choose(&self.request, typed)
    }
}

/// Returns the options of a request, numbered from 1.
pub(crate) fn option_lines(options: &[PermissionOption]) -> Vec<Line> {
    options
        .iter()
        .enumerate()
        .map(|(index, option)| {
            let paint = if option.kind.allows() {
                Paint::Good
            } else {
                Paint::Bad
            };
            Line::of(Paint::Bold, format!("    {} ", index + 1))
                .with(paint, text::one_line(&option.label))
                .with(Paint::Dim, format!("  {}", text::one_line(&option.id)))
        })
        .collect()
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

/// Returns the request and the command that answers it, for output that is not interactive.
pub(crate) fn how_to_answer(question: &Question, short: &str) -> String {
    let options: Vec<&str> = question
        .request
        .options
        .iter()
        .map(|option| option.id.as_str())
        .collect();
    format!(
        "{} {} is waiting for permission: ah session answer {short} {} {}",
        text::one_line(&question.request.tool_name),
        text::one_line(&question.request.argument()),
        question.id(),
        options.join("|")
    )
}

/// The lines typed at the terminal.
///
/// A separate thread reads them, since a blocking read of a terminal cannot be cancelled. The
/// thread ends with the process. The queue is short, because input typed before a question is
/// discarded.
#[derive(Debug)]
pub(crate) struct TypedLines(mpsc::Receiver<String>);

impl TypedLines {
    /// Starts the reading thread.
    pub(crate) fn read() -> Self {
        const QUEUE_LENGTH: usize = 4;
        let (sender, receiver) = mpsc::channel(QUEUE_LENGTH);
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                let Ok(line) = line else { break };
                if sender.blocking_send(line).is_err() {
                    break;
                }
            }
        });
        Self(receiver)
    }

    /// Returns the next line; `None` at the end of the input.
    pub(crate) async fn next(&mut self) -> Option<String> {
        self.0.recv().await
    }

    /// Discards earlier input.
    pub(crate) fn discard(&mut self) {
        while self.0.try_recv().is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use ah_rest_api_contract::PermissionOptionKind;
    use serde_json::{Map, json};

    use super::*;
    use crate::fake::at;
    use crate::style::Colour;

    fn question() -> Question {
        let option = |id: &str, label: &str, kind| PermissionOption {
            id: id.to_owned(),
            label: label.to_owned(),
            kind,
        };
        Question {
            session: "01JZAAAAAAAAAAAAAAAAAAAAA1".parse().expect("is an id"),
            request: PermissionRequested {
                request_id: "perm-01JZAAAAAAAAAAAAAAAAAAAAA2".parse().expect("is an id"),
                tool_name: "runCmd".to_owned(),
                tool_args: Map::from_iter([("cmd".to_owned(), json!("cargo publish"))]),
                options: vec![
                    option("once", "Allow once", PermissionOptionKind::AllowOnce),
                    option("never", "Never\u{1b}[2J", PermissionOptionKind::RejectOnce),
                ],
                expires_at: at(60_000),
            },
        }
    }

    #[test]
    fn options_are_numbered_and_harmless() {
        let lines: Vec<String> = question()
            .lines(at(0))
            .iter()
            .map(|line| line.render(None, Colour::Plain))
            .collect();
        assert_eq!(
            lines,
            [
                "    1 Allow once  once",
                "    2 Never  never",
                "    without an answer within 1m 00s, the policy decides (default: deny)",
            ]
        );
    }

    #[test]
    fn an_answer_is_a_number_an_id_or_a_word() {
        let question = question();
        let once = Some(PermissionAnswer::Select("once".to_owned()));
        let never = Some(PermissionAnswer::Select("never".to_owned()));
        for (typed, answer) in [
            ("1", &once),
            ("once", &once),
            (" Yes ", &once),
            ("2", &never),
            ("deny", &never),
            ("c", &Some(PermissionAnswer::Cancel)),
            ("0", &None),
            ("3", &None),
            ("maybe", &None),
            ("", &None),
        ] {
            assert_eq!(&question.answer(typed), answer, "{typed:?}");
        }
    }

    #[test]
    fn elsewhere_it_is_said_how_to_answer() {
        assert_eq!(
            how_to_answer(&question(), "AAA1"),
            "runCmd cargo publish is waiting for permission: ah session answer AAA1 \
             perm-01JZAAAAAAAAAAAAAAAAAAAAA2 once|never"
        );
    }
}
