//! `ah session logs`.

use std::cell::Cell;
use std::collections::VecDeque;

use ah_rest_api_contract::{EventFilter, EventSeq, LogItem, LogLevel, SessionEvent, TaskManager};

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
    // Lines that are only of interest in a search for a fault are shown on demand.
    let level = args.level.unwrap_or(LogLevel::Info);
    let filter = EventFilter::of_log_level(level);
    // An access point on another host does not select tools by their result.
    let is_wanted = |event: &SessionEvent| event.payload.log_level() <= level;
    let printed = Cell::new(false);
    let print = |event: &SessionEvent| {
        if !is_wanted(event) {
            return Ok(());
        }
        printed.set(true);
        context.show(event, || lines(event))
    };
    let mut cursor = EventSeq::START;
    if let Some(tail) = args.tail {
        let mut kept: VecDeque<SessionEvent> = VecDeque::new();
        cursor = history(manager, session.id, cursor, filter.clone(), |event| {
            if is_wanted(event) {
                kept.push_back(event.clone());
            }
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
            Some(_) => "no log lines of this level; try `--level debug`".to_owned(),
            None => format!("no log lines; `ah session events {id}` shows what happened"),
        });
    }
    Ok(())
}

fn lines(event: &SessionEvent) -> Vec<Line> {
    let item = LogItem::of(event.clone());
    let paint = match item.level {
        LogLevel::Error => Paint::Bad,
        LogLevel::Warn => Paint::Warn,
        LogLevel::Info => Paint::Plain,
        _ => Paint::Dim,
    };
    text::wrap(&item.message, None)
        .into_iter()
        .map(|line| {
            Line::of(Paint::Dim, time_of_day(event.ts))
                .with(paint, format!(" {:<5} {line}", item.level.as_str()))
        })
        .collect()
}
