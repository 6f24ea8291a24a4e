//! `ah session answer`.

use ah_rest_api_contract::{
    Page, Permission, PermissionAnswer, PermissionId, PermissionState, Session, SessionId,
    TaskManager,
};

use crate::args::AnswerArgs;
use crate::clock;
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::follow::{Question, Reply, Screen, TypedLines, choose, may_allow, request_lines};
use crate::session_ref::{resolve, short};
use crate::style::{Line, Paint};
use crate::text;

/// The parsed words of the command line.
#[derive(Debug, Default, PartialEq, Eq)]
struct Words {
    session: Option<String>,
    request: Option<PermissionId>,
    option: Option<String>,
}

/// Answers a permission request.
pub(super) async fn run(
    manager: &dyn TaskManager,
    args: AnswerArgs,
    context: &Context,
) -> Result<(), Failure> {
    let words = read_words(args.words)?;
    let session = resolve(manager, words.session.as_deref()).await?;
    let permissions = Page::all(|page| manager.list_permissions(session.id, page))
        .await?
        .items;
    let permission = the_request(&session, permissions, words.request)?;
    let answer = match words.option {
        Some(option) => {
            let answer = choose(&permission.request, &option)
                .ok_or_else(|| no_such_option(&option, &permission))?;
            // Without its id, the request may be another one than the person has read.
            let is_unread = words.request.is_none() && may_allow(&permission.request, &answer);
            if is_unread && !context.json {
                if context.terminal.can_ask() {
                    ask(&session, &permission, context).await?
                } else {
                    for line in request_lines(&permission.request, None) {
                        context.terminal.note(&line);
                    }
                    answer
                }
            } else {
                answer
            }
        }
        None => ask(&session, &permission, context).await?,
    };
    let request = permission.request.request_id;
    let permission = manager
        .answer_permission(session.id, request, answer)
        .await?;
    context.show(&permission, || {
        vec![Line::of(Paint::Accent, request.to_string()).with(Paint::Plain, "  answered")]
    })
}

/// Parses the words of the command line. A request is recognised by its prefix: the word before it
/// is the session, the word after it the option. Without a request, two words are the session and
/// the option, and a single word is the option unless it is the whole id of a session.
fn read_words(words: Vec<String>) -> Result<Words, Failure> {
    let request_at = words
        .iter()
        .position(|word| word.starts_with(PermissionId::PREFIX));
    let mut read = Words::default();
    let Some(request_at) = request_at else {
        let mut words = words.into_iter().rev();
        read.option = words.next();
        read.session = words.next();
        if read.session.is_none() {
            let id = read
                .option
                .take_if(|word| word.parse::<SessionId>().is_ok());
            read.session = id;
        }
        return match words.next() {
            None => Ok(read),
            Some(_) => Err(Failure::validation(
                "the second of three arguments must be the request",
            )
            .hint("`ah session permissions` shows the requests")),
        };
    };
    for (index, word) in words.into_iter().enumerate() {
        match index.cmp(&request_at) {
            std::cmp::Ordering::Less if read.session.is_none() => read.session = Some(word),
            std::cmp::Ordering::Equal => {
                let id = word.parse::<PermissionId>();
                read.request = Some(id.map_err(|error| Failure::validation(error.to_string()))?);
            }
            std::cmp::Ordering::Greater if read.option.is_none() => read.option = Some(word),
            _ => {
                return Err(Failure::validation(format!("unexpected argument `{word}`")));
            }
        }
    }
    Ok(read)
}

fn the_request(
    session: &Session,
    permissions: Vec<Permission>,
    request: Option<PermissionId>,
) -> Result<Permission, Failure> {
    let mut candidates: Vec<Permission> = permissions
        .into_iter()
        .filter(|permission| match request {
            Some(request) => permission.request.request_id == request,
            None => permission.state == PermissionState::Pending,
        })
        .collect();
    if candidates.len() > 1 {
        let mut failure = Failure::validation(format!(
            "session {} has {} pending requests; name one",
            session.id,
            candidates.len()
        ));
        for permission in candidates.iter().take(5) {
            failure = failure.hint(format!(
                "{} {} {}",
                permission.request.request_id,
                text::one_line(&permission.request.tool_name),
                text::one_line(&permission.request.argument())
            ));
        }
        return Err(failure);
    }
    candidates.pop().ok_or_else(|| match request {
        Some(request) => Failure::general(format!(
            "session {} has no permission request {request}",
            session.id
        )),
        None => Failure::general(format!("session {} has no pending request", session.id)).hint(
            format!(
                "`ah session follow {}` shows its progress",
                short(session.id)
            ),
        ),
    })
}

fn options_hint(mut failure: Failure, permission: &Permission) -> Failure {
    for option in &permission.request.options {
        let label = text::one_line(&option.label);
        failure = failure.hint(format!("{}: {label}", text::one_line(&option.id)));
    }
    failure.hint("allow, deny and cancel are also accepted")
}

fn no_such_option(typed: &str, permission: &Permission) -> Failure {
    let typed = text::one_line(typed);
    options_hint(
        Failure::validation(format!("`{typed}` is not one of the options")),
        permission,
    )
}

/// Shows the whole request and waits for an answer, at most until the request expires. A signal ends
/// the command meanwhile.
async fn ask(
    session: &Session,
    permission: &Permission,
    context: &Context,
) -> Result<PermissionAnswer, Failure> {
    if !context.terminal.can_ask() {
        let failure = Failure::new(
            ExitCode::InteractionRequired,
            "an answer is required, but stdin is not a terminal; name the option",
        );
        return Err(options_hint(failure, permission));
    }
    let columns = context.terminal.stderr_columns();
    let mut question = Question::new(session.id, permission.request.clone(), columns);
    let mut screen = Screen::new(context.terminal);
    // Lines typed before the question are no answers to it.
    context.terminal.discard_input();
    let mut typed = TypedLines::read();
    let expiry = permission.request.expires_at.since(clock::now());
    let expired = tokio::time::sleep(expiry);
    tokio::pin!(expired);
    let mut reads_on = true;
    loop {
        if reads_on {
            for line in question.next_page(context.terminal.page_rows(), clock::now()) {
                screen.note(&line);
            }
        }
        screen.ask(&question.prompt());
        let line = tokio::select! {
            line = typed.next() => line,
            () = &mut expired => {
                screen.clear_foot();
                let id = question.id();
                return Err(Failure::general(format!("the request {id} has expired")));
            }
        };
        let Some(line) = line else {
            screen.clear_foot();
            return Err(Failure::new(
                ExitCode::InteractionRequired,
                "no answer was given",
            ));
        };
        screen.question_was_answered();
        match question.reply(&line) {
            Reply::Answer(answer) => return Ok(answer),
            Reply::More => reads_on = true,
            Reply::Unseen => {
                reads_on = false;
                screen.note(&Question::refusal());
            }
            Reply::Unknown => return Err(no_such_option(&line, permission)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "perm-01JZAAAAAAAAAAAAAAAAAAAAA2";

    fn read(words: &[&str]) -> Result<(Option<String>, bool, Option<String>), String> {
        read_words(words.iter().map(ToString::to_string).collect())
            .map(|words| (words.session, words.request.is_some(), words.option))
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn answer_words_are_recognized_by_position_and_form() {
        let word = |word: &str| Some(word.to_owned());
        assert_eq!(read(&[]), Ok((None, false, None)));
        assert_eq!(read(&["allow"]), Ok((None, false, word("allow"))));
        let session = "01JZAAAAAAAAAAAAAAAAAAAAA1";
        assert_eq!(read(&[session]), Ok((word(session), false, None)));
        assert_eq!(read(&["AAA1", "1"]), Ok((word("AAA1"), false, word("1"))));
        assert_eq!(read(&[REQUEST]), Ok((None, true, None)));
        assert_eq!(read(&[REQUEST, "1"]), Ok((None, true, word("1"))));
        assert_eq!(
            read(&["AAA1", REQUEST, "1"]),
            Ok((word("AAA1"), true, word("1")))
        );
        assert!(read(&["AAA1", "x", "1"]).is_err());
        assert!(read(&[REQUEST, "1", "2"]).is_err());
        assert!(read(&["perm-x"]).is_err());
    }
}
