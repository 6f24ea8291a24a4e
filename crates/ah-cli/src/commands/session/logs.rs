//! `ah session logs`.

use std::cell::Cell;
use std::collections::VecDeque;

use ah_rest_api_contract::{
    EventFilter, EventPayload, EventSeq, EventType, LogLevel, SessionEvent, TaskManager,
};

use super::events::{history, stream, time_of_day};
use super::target::target;
use crate::args::LogsArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::session_ref::short;
use crate::style::{Line, Paint};
use crate::text;

/// Prints the log.
pub(super) async fn run(
    manager: &dyn TaskManager,
    args: LogsArgs,
    context: &Context,
) -> Result<(), Failure> {
    let session = target(manager, &args.target).await?;
    let mut filter = EventFilter::default().with_types([EventType::Log, EventType::Error]);
    if let Some(level) = args.level {
        filter = filter.with_level(level);
    }
    let printed = Cell::new(false);
    let print = |event: &SessionEvent| {
        printed.set(true);
        context.show(event, || lines(event))
    };
    let mut cursor = EventSeq::START;
    if let Some(tail) = args.tail {
        let mut kept: VecDeque<SessionEvent> = VecDeque::new();
        cursor = history(manager, session.id, cursor, filter.clone(), |event| {
            kept.push_back(event.clone());
            if kept.len() > tail {
                kept.pop_front();
            }
            Ok(())
        })
        .await?;
        kept.iter().try_for_each(print)?;
    }
    if args.follow {
        stream(manager, session.id, cursor, filter, print).await?;
    } else if args.tail.is_none() {
        history(manager, session.id, cursor, filter, print).await?;
    }
    if !printed.get() && !context.json {
        let id = short(session.id);
        context.terminal.hint(match args.level {
            Some(_) => "no log lines of this level; without --level, all are shown".to_owned(),
            None => format!("no log lines; `ah session events {id}` shows what happened"),
        });
    }
    Ok(())
}

fn lines(event: &SessionEvent) -> Vec<Line> {
    let (level, message) = match &event.payload {
        EventPayload::Log(log) => (log.level, log.message.as_str()),
        EventPayload::Error(error) => (LogLevel::Error, error.message.as_str()),
        _ => return Vec::new(),
    };
    let paint = match level {
        LogLevel::Error => Paint::Bad,
        LogLevel::Warn => Paint::Warn,
        LogLevel::Info => Paint::Plain,
        _ => Paint::Dim,
    };
    text::wrap(message, None)
        .into_iter()
        .map(|line| {
            Line::of(Paint::Dim, time_of_day(event.ts))
                .with(paint, format!(" {:<5} {line}", level.as_str()))
        })
        .collect()
}
