//! Relative links in Markdown lead to a file that exists, and to a heading of it.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::File;
use crate::findings::Findings;

/// Notes every link to a file or a heading that is not there.
pub(super) fn check(files: &[File], exists: impl Fn(&Path) -> bool, findings: &mut Findings) {
    let pages: BTreeMap<&Path, &str> = files
        .iter()
        .filter(|file| file.has_extension("md"))
        .map(|file| (file.path.as_path(), file.text.as_str()))
        .collect();
    for (page, text) in &pages {
        for (number, target) in links_in(text) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let place = || format!("{}:{number}", page.display());
            let Some(led_to) = resolve(page, file) else {
                findings.add(
                    place(),
                    format!("the link `{target}` leads out of the project"),
                );
                continue;
            };
            if !exists(&led_to) {
                findings.add(place(), format!("there is no file `{}`", led_to.display()));
                continue;
            }
            let headings_are_known = pages.get(led_to.as_path());
            if let Some(text) = headings_are_known
                && !heading.is_empty()
                && !headings_of(text).any(|anchor| anchor == heading)
            {
                findings.add(
                    place(),
                    format!("`{}` has no heading `#{heading}`", led_to.display()),
                );
            }
        }
    }
}

/// The targets of `[text](target)` that are not URLs, with their line numbers, outside of code.
fn links_in(text: &str) -> impl Iterator<Item = (usize, &str)> {
    prose_of(text).flat_map(|(number, line)| {
        line.match_indices("](").filter_map(move |(at, opening)| {
            let in_code = line[..at].matches('`').count() % 2 == 1;
            let target = line[at + opening.len()..].split([')', ' ']).next()?;
            let is_url = target.contains("://") || target.starts_with("mailto:");
            (!in_code && !is_url && !target.is_empty()).then_some((number, target))
        })
    })
}

/// The lines outside of fenced code, with their numbers.
fn prose_of(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

/// The file that a link of `page` names, relative to the root; `None` when it is above the root.
fn resolve(page: &Path, file: &str) -> Option<PathBuf> {
    if file.is_empty() {
        return Some(page.to_owned());
    }
    let mut resolved = page.parent()?.to_owned();
    for part in Path::new(file).components() {
        match part {
            Component::ParentDir => {
                if !resolved.pop() {
                    return None;
                }
            }
            Component::Normal(name) => resolved.push(name),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(resolved)
}

/// The anchors of a page's headings, as the common Markdown hosts make them.
fn headings_of(text: &str) -> impl Iterator<Item = String> {
    prose_of(text).filter_map(|(_, line)| {
        let title = line.trim_start_matches('#');
        let is_heading = title.len() < line.len() && title.starts_with(' ');
        is_heading.then(|| {
            title
                .trim()
                .to_lowercase()
                .chars()
                .filter_map(|c| match c {
                    ' ' => Some('-'),
                    '-' | '_' => Some(c),
                    _ => c.is_alphanumeric().then_some(c),
                })
                .collect()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn a_link_leads_to_a_file_and_a_heading() {
        let files = [
            file(
                "docs/a.md",
                "[b](../B.md#what-it-is) [c](c.md)\n[d](../../d.md)\n[e](https://example.org/e)\n\
                 `[f](f.md)`\n```\n[g](g.md)\n```\n[h](#nowhere) [i](../B.md#neither)\n",
            ),
            file("B.md", "# B\n## What it is\n"),
        ];
        let mut findings = Findings::default();
        let exists = |path: &Path| path == Path::new("B.md") || path == Path::new("docs/a.md");
        check(&files, exists, &mut findings);
        assert_eq!(
            findings.lines(),
            [
                "docs/a.md:1: there is no file `docs/c.md`",
                "docs/a.md:2: the link `../../d.md` leads out of the project",
                "docs/a.md:8: `docs/a.md` has no heading `#nowhere`",
                "docs/a.md:8: `B.md` has no heading `#neither`",
            ]
        );
    }

    #[test]
    fn a_heading_s_anchor_has_no_punctuation() {
        let text = "## `$AH_HOME`: what, and where\n";
        assert_eq!(
            headings_of(text).collect::<Vec<_>>(),
            ["ah_home-what-and-where"]
        );
    }
}
