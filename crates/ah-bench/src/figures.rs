//! Measurements: the subject beside its baseline, and their ratio.

use serde_json::{Value, json};

/// A measurement: the rounds of the subject and of its baseline, in the same unit.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    /// The measured case, a cell for each of the first columns of the table.
    pub(crate) case: Vec<String>,
    /// The figures of the baseline, one per round.
    pub(crate) baseline: Vec<f64>,
    /// The figures of the subject, one per round.
    pub(crate) subject: Vec<f64>,
}

impl Comparison {
    /// Creates a measurement without rounds.
    pub(crate) fn of(case: impl IntoIterator<Item = String>) -> Self {
        Self {
            case: case.into_iter().collect(),
            baseline: Vec::new(),
            subject: Vec::new(),
        }
    }

    /// Returns the ratio of the subject's median to the baseline's median.
    fn ratio(&self) -> f64 {
        median(&self.subject) / median(&self.baseline)
    }
}

/// Comparisons of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// The names of the cells of a case.
    pub(crate) case: Vec<&'static str>,
    /// The name of the baseline.
    pub(crate) baseline: &'static str,
    /// The name of the subject.
    pub(crate) subject: &'static str,
    /// The unit of the raw figures of both.
    pub(crate) unit: &'static str,
    /// The measurements.
    pub(crate) rows: Vec<Comparison>,
}

impl Table {
    /// Returns medians and ratios as a Markdown table.
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

    /// Returns all figures of all rounds.
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

/// Returns the median of figures; NaN if there are none.
pub(crate) fn median(figures: &[f64]) -> f64 {
    percentile(figures, 50)
}

/// Returns a percentile of figures by nearest rank; NaN if there are none.
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
