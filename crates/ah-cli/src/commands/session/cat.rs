//! `ah session cat`.

use std::io::Write as _;

use ah_rest_api_contract::{
    ContentQuery, ErrorKind, FILE_PART_BYTES_MAX, FileContent, FileEncoding, FilePath, SessionId,
    TaskManager,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::args::CatArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::session_ref::{resolve, short};
use crate::style::{Line, Paint};
use crate::text;

/// Writes a file of the session's workspace, part by part.
pub(super) async fn run(
    manager: &dyn TaskManager,
    args: &CatArgs,
    context: &Context,
) -> Result<(), Failure> {
    // clap has checked that there are one or two words.
    let (id, file) = match &args.words[..] {
        [id, file] => (Some(id.as_str()), file),
        [file] => (None, file),
        _ => return Err(Failure::validation("name the file")),
    };
    let path: FilePath = file
        .parse()
        .map_err(|error| Failure::validation(format!("{error}")))?;
    let session = resolve(manager, id).await?;
    let first = read(manager, session.id, &path, 0).await?;
    if context.json {
        // One object per part, so that a file of any size can be read.
        return print_parts(manager, session.id, &path, first, context).await;
    }
    let is_terminal = context.terminal.stdout_is_terminal();
    if is_terminal && first.encoding != FileEncoding::Utf8 {
        return Err(Failure::validation(format!(
            "`{path}` is no text, and is not written to a terminal; redirect the output"
        )));
    }
    let mut next = Some(first);
    while let Some(part) = next {
        write(&part, is_terminal, context)?;
        next = match part.next_offset {
            Some(offset) => Some(read(manager, session.id, &path, offset).await?),
            None => None,
        };
    }
    Ok(())
}

async fn print_parts(
    manager: &dyn TaskManager,
    id: SessionId,
    path: &FilePath,
    first: FileContent,
    context: &Context,
) -> Result<(), Failure> {
    let mut part = first;
    loop {
        context.terminal.print_json(&part)?;
        let Some(offset) = part.next_offset else {
            return Ok(());
        };
        part = read(manager, id, path, offset).await?;
    }
}

async fn read(
    manager: &dyn TaskManager,
    id: SessionId,
    path: &FilePath,
    offset: u64,
) -> Result<FileContent, Failure> {
    let query = ContentQuery::new(offset, FILE_PART_BYTES_MAX)?;
    let read = manager.read_session_file(id, path.clone(), query).await;
    read.map_err(|error| {
        let is_missing = error.kind() == ErrorKind::NotFound;
        let failure = Failure::from(error);
        match is_missing {
            true => failure.hint_instead(format!(
                "`ah session files {} --all` lists the files",
                short(id)
            )),
            false => failure,
        }
    })
}

/// Writes a part: exact bytes, or to a terminal lines without control characters.
fn write(part: &FileContent, is_terminal: bool, context: &Context) -> Result<(), Failure> {
    if is_terminal {
        let lines = text::harmless(&part.content);
        let lines: Vec<Line> = lines
            .lines()
            .map(|line| Line::of(Paint::Plain, line))
            .collect();
        return context.terminal.print_whole(&lines);
    }
    let bytes = match part.encoding {
        FileEncoding::Utf8 => part.content.clone().into_bytes(),
        FileEncoding::Base64 => STANDARD.decode(&part.content).map_err(|error| {
            Failure::general("the server sent content that is not base64").caused_by(error)
        })?,
        _ => {
            return Err(Failure::general(
                "the server sent content in a form that this version does not know",
            ));
        }
    };
    let mut output = std::io::stdout().lock();
    output
        .write_all(&bytes)
        .and_then(|()| output.flush())
        .map_err(Failure::writing)
}
