//! Rules about the numbers of decisions.

use std::collections::BTreeMap;
use std::path::Path;

use super::File;
use crate::findings::Findings;

const FOLDER: &str = "docs/decisions";

/// Notes a decision without a number, or with that of another.
pub(super) fn check(files: &[File], findings: &mut Findings) {
    let mut taken: BTreeMap<&str, &Path> = BTreeMap::new();
    for file in files.iter().filter(|file| file.path.starts_with(FOLDER)) {
        let Some(name) = file.path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if name == "README.md" {
            continue;
        }
        let number = name.split_once('-').map(|(number, _)| number);
        let Some(number) = number.filter(|number| {
            number.len() == 4 && number.chars().all(|digit| digit.is_ascii_digit())
        }) else {
            findings.add(file.path.display(), "a decision is named NNNN-title.md");
            continue;
        };
        if let Some(other) = taken.insert(number, &file.path) {
            findings.add(
                file.path.display(),
                format!("{} has the number {number} as well", other.display()),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn decision_numbers_are_unique() {
        let files = [
            file("docs/decisions/0001-a.md", ""),
            file("docs/decisions/0001-b.md", ""),
            file("docs/decisions/2-c.md", ""),
            file("docs/decisions/README.md", ""),
        ];
        let mut findings = Findings::default();
        check(&files, &mut findings);
        assert_eq!(
            findings.lines(),
            [
                "docs/decisions/0001-b.md: docs/decisions/0001-a.md has the number 0001 as well",
                "docs/decisions/2-c.md: a decision is named NNNN-title.md",
            ]
        );
    }
}
