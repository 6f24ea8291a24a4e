//! Tables that fit the terminal: less important columns are dropped, and the last one is cut.

use crate::style::{Line, Paint};
use crate::text;

/// The separator of columns.
const GAP: &str = "  ";
/// The minimum width that the last column should keep.
const LAST_MIN: usize = 12;

/// The content of a cell.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    paint: Paint,
    text: String,
}

impl Cell {
    /// Creates a cell.
    pub(crate) fn new(paint: Paint, text: impl Into<String>) -> Self {
        Self {
            paint,
            text: text.into(),
        }
    }
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    title: &'static str,
    keeping: Keeping,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Keeping {
    /// Omitted if there is no room, lowest number first.
    DroppedAt(u8),
    Always,
}

impl Column {
    /// Creates a column that is always shown.
    pub(crate) const fn kept(title: &'static str) -> Self {
        Self {
            title,
            keeping: Keeping::Always,
        }
    }

    /// Creates a column that a narrow terminal omits, the lowest `rank` first.
    pub(crate) const fn dropped(title: &'static str, rank: u8) -> Self {
        Self {
            title,
            keeping: Keeping::DroppedAt(rank),
        }
    }

    /// Creates the last column, which is cut to the remaining width.
    pub(crate) const fn last(title: &'static str) -> Self {
        Self::kept(title)
    }
}

/// Returns the lines of a table. Every row has as many cells as there are columns.
pub(crate) fn table(
    columns: &[Column],
    rows: Vec<Vec<Cell>>,
    terminal: Option<usize>,
) -> Vec<Line> {
    let last = columns.len().saturating_sub(1);
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let cells = rows.iter().filter_map(|row| row.get(index));
            let widest = cells
                .map(|cell| text::width(&text::harmless(&cell.text)))
                .max();
            widest.unwrap_or(0).max(text::width(column.title))
        })
        .collect();
    let shown = shown_columns(columns, &widths, last, terminal);
    let line_of = |cells: Vec<Cell>| {
        let mut line = Line::new();
        for (index, cell) in cells.into_iter().enumerate() {
            if !shown.contains(&index) {
                continue;
            }
            line = if index == last {
                line.with(cell.paint, cell.text)
            } else {
                line.with(
                    cell.paint,
                    text::fit(&text::harmless(&cell.text), widths[index]),
                )
                .with(Paint::Plain, GAP)
            };
        }
        line
    };
    let header = columns
        .iter()
        .map(|column| Cell::new(Paint::Dim, column.title))
        .collect();
    std::iter::once(header).chain(rows).map(line_of).collect()
}

fn shown_columns(
    columns: &[Column],
    widths: &[usize],
    last: usize,
    terminal: Option<usize>,
) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let Some(terminal) = terminal else {
        return shown;
    };
    let needed = |shown: &[usize]| -> usize {
        let before: usize = shown
            .iter()
            .filter(|index| **index != last)
            .map(|index| widths[*index] + GAP.len())
            .sum();
        before + widths[last].min(LAST_MIN)
    };
    while needed(&shown) > terminal {
        let droppable = shown
            .iter()
            .enumerate()
            .filter(|(_, index)| columns[**index].keeping != Keeping::Always)
            .min_by_key(|(_, index)| columns[**index].keeping);
        match droppable.map(|(position, _)| position) {
            Some(position) => shown.remove(position),
            None => break,
        };
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::Colour;

    fn shown(terminal: Option<usize>) -> Vec<String> {
        let row = |cells: [&str; 4]| cells.map(|cell| Cell::new(Paint::Plain, cell)).to_vec();
        table(
            &[
                Column::kept("ID"),
                Column::dropped("AGENT", 2),
                Column::dropped("REPO", 1),
                Column::last("PROMPT"),
            ],
            vec![
                row(["1", "scenario", "project", "Add a greeting to the program"]),
                row(["22", "日本", "x", "y"]),
            ],
            terminal,
        )
        .iter()
        .map(|line| line.render(terminal, Colour::Plain).trim_end().to_owned())
        .collect()
    }

    #[test]
    fn without_a_limit_every_column_is_shown() {
        assert_eq!(
            shown(None),
            [
                "ID  AGENT     REPO     PROMPT",
                "1   scenario  project  Add a greeting to the program",
                "22  日本      x        y",
            ]
        );
    }

    #[test]
    fn narrow_terminal_drops_columns_in_order() {
        assert_eq!(
            shown(Some(28)),
            [
                "ID  AGENT     PROMPT",
                "1   scenario  Add a greetin…",
                "22  日本      y",
            ]
        );
        assert_eq!(
            shown(Some(20)),
            ["ID  PROMPT", "1   Add a greeting …", "22  y"]
        );
    }
}
