//! The lines of a card, each with a label and a value.

use crate::style::{Line, Paint};
use crate::text;

/// The columns of a label.
pub(super) const LABEL_COLUMNS: usize = 11;

/// Returns a line with a value that is painted already.
pub(super) fn row(label: &str, value: Line) -> Line {
    Line::of(Paint::Dim, text::fit(label, LABEL_COLUMNS)).join(value)
}

/// Returns a line with a value as plain text.
pub(super) fn plain(label: &str, value: impl AsRef<str>) -> Line {
    row(label, Line::of(Paint::Plain, value))
}
