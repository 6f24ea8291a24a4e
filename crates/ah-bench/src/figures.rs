//! What was measured: subject beside baseline, and how much the one is of the other.

use serde_json::{Value, json};

/// One measurement: the rounds of the subject and of its baseline, in the same unit.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    /// What was measured, a cell for each of the table's first columns.
    pub(crate) case: Vec<String>,
    /// The baseline, a figure a round.
    pub(crate) baseline: Vec<f64>,
    /// What we made, a figure a round.
    pub(crate) subject: Vec<f64>,
}

impl Comparison {
    /// A measurement that is still to be made.
    pub(crate) fn of(case: impl IntoIterator<Item = String>) -> Self {
        Self {
            case: case.into_iter().collect(),
            baseline: Vec::new(),
            subject: Vec::new(),
        }
    }

    /// How much the median of the subject is of the median of the baseline.
    fn ratio(&self) -> f64 {
        median(&self.subject) / median(&self.baseline)
    }
}

/// Comparisons of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// What the cells of a case are called.
    pub(crate) case: Vec<&'static str>,
    /// What the baseline is called.
    pub(crate) baseline: &'static str,
    /// What the subject is called.
    pub(crate) subject: &'static str,
    /// The unit of both, for whoever reads the raw figures.
    pub(crate) unit: &'static str,
    /// The measurements.
    pub(crate) rows: Vec<Comparison>,
}

impl Table {
    /// Medians and ratios as a Markdown table.
    pub(crate) fn to_markdown(&self) -> String {
        let mut head: Vec<String> = self.case.iter().map(|&name| name.to_owned()).collect();
        head.extend([
            self.baseline.to_owned(),
            self.subject.to_owned(),
            "ratio".to_owned(),
        ]);
        let rows: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| {
                let mut cells = row.case.clone();
                cells.push(format!("{:.0}", median(&row.baseline)));
                cells.push(format!("{:.0}", median(&row.subject)));
                cells.push(format!("{:.2}", row.ratio()));
                cells
            })
            .collect();
        let widths: Vec<usize> = (0..head.len())
            .map(|column| {
                let cells = rows.iter().map(|row| row[column].chars().count());
                cells.chain([head[column].len()]).max().unwrap_or(0)
            })
            .collect();
        let line = |cells: &[String]| {
            let padded: Vec<String> = cells
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:>width$}"))
                .collect();
            format!("| {} |", padded.join(" | "))
        };
        let rule: Vec<String> = widths
            .iter()
            .map(|width| "-".repeat(width - 1) + ":")
            .collect();
        let mut lines = vec![line(&head), line(&rule)];
        lines.extend(rows.iter().map(|row| line(row)));
        lines.join("\n")
    }

    /// Every figure of every round.
    pub(crate) fn to_json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let case: serde_json::Map<String, Value> = self
                    .case
                    .iter()
                    .zip(&row.case)
                    .map(|(name, cell)| ((*name).to_owned(), json!(cell)))
                    .collect();
                json!({
                    "case": case,
                    "baseline": row.baseline,
                    "subject": row.subject,
                    "ratio": row.ratio(),
                })
            })
            .collect();
        json!({
            "unit": self.unit,
            "baseline": self.baseline,
            "subject": self.subject,
            "rows": rows,
        })
    }
}

/// The middle of some figures; not a number when there are none.
pub(crate) fn median(figures: &[f64]) -> f64 {
    percentile(figures, 50)
}

/// The figure that `percent` of all are at most, by nearest rank; not a number when there are
/// none.
pub(crate) fn percentile(figures: &[f64], percent: usize) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&hundred, 50), 50.0);
        assert_eq!(percentile(&hundred, 99), 99.0);
        assert_eq!(percentile(&[3.0], 99), 3.0);
        assert_eq!(median(&[5.0, 1.0, 3.0]), 3.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_table_has_medians_and_ratios() {
        let table = Table {
            case: vec!["batch"],
            baseline: "bare",
            subject: "store",
            unit: "events/s",
            rows: vec![Comparison {
                case: vec!["16".to_owned()],
                baseline: vec![100.0, 200.0, 300.0],
                subject: vec![150.0],
            }],
        };
        assert_eq!(
            table.to_markdown(),
            "| batch | bare | store | ratio |\n\
             | ----: | ---: | ----: | ----: |\n\
             |    16 |  200 |   150 |  0.75 |"
        );
        assert_eq!(table.to_json()["rows"][0]["case"]["batch"], "16");
    }
}
