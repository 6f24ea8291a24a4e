//! Lines of styled text.
//!
//! A [`Line`] makes its text harmless, so that nothing printed through one can control the
//! terminal.

use anstyle::{AnsiColor, Style};

use crate::text;

/// The choice of coloured or plain output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    /// With colours and other styles.
    Styled,
    /// Text only.
    Plain,
}

/// The meaning of a piece of text, which determines its style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Default text.
    Plain,
    /// Less important text.
    Dim,
    /// More important text.
    Bold,
    /// Success; also added lines.
    Good,
    /// Failure; also removed lines.
    Bad,
    /// A warning.
    Warn,
    /// A name, a position, or a sign in the margin.
    Accent,
}

impl Paint {
    const fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Dim => Style::new().dimmed(),
            Self::Bold => Style::new().bold(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
            Self::Warn => AnsiColor::Yellow.on_default(),
            Self::Accent => AnsiColor::Cyan.on_default(),
        }
    }
}

/// One line of styled text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pieces: Vec<(Paint, String)>,
}

impl Line {
    /// Creates an empty line.
    pub(crate) const fn new() -> Self {
        Self { pieces: Vec::new() }
    }

    /// Creates a line with one piece of text.
    pub(crate) fn of(paint: Paint, text: impl AsRef<str>) -> Self {
        Self::new().with(paint, text)
    }

    /// Appends a piece of text. Line breaks in it are shown as `⏎`.
    pub(crate) fn with(mut self, paint: Paint, text: impl AsRef<str>) -> Self {
        let text = text::harmless(text.as_ref()).replace('\n', "⏎");
        if !text.is_empty() {
            self.pieces.push((paint, text));
        }
        self
    }

    /// Appends another line.
    pub(crate) fn join(mut self, other: Self) -> Self {
        self.pieces.extend(other.pieces);
        self
    }

    /// Returns the width in columns.
    pub(crate) fn width(&self) -> usize {
        self.pieces.iter().map(|(_, text)| text::width(text)).sum()
    }

    /// Renders the line without a line break, cut to `columns` if there is a limit.
    pub(crate) fn render(&self, columns: Option<usize>, colour: Colour) -> String {
        let limit = columns.filter(|columns| self.width() > *columns);
        // One column is reserved for the ellipsis.
        let mut left = limit.map_or(usize::MAX, |columns| columns.saturating_sub(1));
        let mut out = String::new();
        for (paint, text) in &self.pieces {
            let head = text::head(text, left);
            left -= text::width(head);
            let is_cut = head.len() < text.len();
            let ellipsis = if is_cut { "…" } else { "" };
            match colour {
                Colour::Plain => {
                    out.push_str(head);
                    out.push_str(ellipsis);
                }
                Colour::Styled => {
                    let style = paint.style();
                    out.push_str(&format!("{style}{head}{ellipsis}{style:#}"));
                }
            }
            if is_cut {
                break;
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_truncated_across_its_pieces() {
        let line = Line::of(Paint::Accent, "abc").with(Paint::Dim, "defg");
        assert_eq!(line.render(None, Colour::Plain), "abcdefg");
        assert_eq!(line.render(Some(7), Colour::Plain), "abcdefg");
        assert_eq!(line.render(Some(6), Colour::Plain), "abcde…");
        assert_eq!(line.render(Some(3), Colour::Plain), "ab…");
    }

    #[test]
    fn styles_are_closed_where_they_were_opened() {
        let line = Line::of(Paint::Good, "ok").with(Paint::Plain, " then");
        assert_eq!(
            line.render(None, Colour::Styled),
            "\u{1b}[32mok\u{1b}[0m then"
        );
    }

    #[test]
    fn text_is_sanitized() {
        let line = Line::of(Paint::Plain, "a\u{1b}[2Jb\nc\u{7}");
        assert_eq!(line.render(None, Colour::Plain), "ab⏎c␇");
    }
}
