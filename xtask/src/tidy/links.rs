//! Relative links in Markdown lead to an existing file, and to a heading of it.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::File;
use crate::findings::Findings;

/// Notes every link to a missing file or heading.
pub(super) fn check(files: &[File], exists: impl Fn(&Path) -> bool, findings: &mut Findings) {
    let pages: BTreeMap<&Path, Page> = files
        .iter()
        .filter(|file| file.has_extension("md"))
        .map(|file| (file.path.as_path(), Page::parse(&file.text)))
        .collect();
    for (path, page) in &pages {
        for (line, target) in &page.links {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let place = format!("{}:{line}", path.display());
            let Some(file) = resolve(path, file) else {
                findings.add(
                    place,
                    format!("the link `{target}` leads out of the project"),
                );
                continue;
            };
            if !exists(&file) {
                findings.add(place, format!("there is no file `{}`", file.display()));
                continue;
            }
            if let Some(page) = pages.get(file.as_path())
                && !anchor.is_empty()
                && !page.anchors.iter().any(|known| known == anchor)
            {
                findings.add(
                    place,
                    format!("`{}` has no heading `#{anchor}`", file.display()),
                );
            }
        }
    }
}

/// Links and headings of a Markdown file.
#[derive(Default)]
struct Page {
    /// Targets that are not URLs, each with its line number.
    links: Vec<(usize, String)>,
    /// Anchors of the headings.
    anchors: Vec<String>,
}

impl Page {
    fn parse(text: &str) -> Self {
        let mut page = Self::default();
        let mut heading: Option<String> = None;
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    page.anchors
                        .extend(heading.take().map(|title| anchor(&title)));
                }
                Event::Text(text) | Event::Code(text) => {
                    if let Some(title) = &mut heading {
                        title.push_str(&text);
                    }
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. })
                    if !dest_url.contains("://") && !dest_url.starts_with("mailto:") =>
                {
                    let line = text[..range.start].matches('\n').count() + 1;
                    page.links.push((line, dest_url.into_string()));
                }
                _ => {}
            }
        }
        page
    }
}

/// Returns the file that a link of `page` names, relative to the root; `None` if above the root.
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

/// Returns the anchor of a heading, as the common Markdown hosts derive it.
fn anchor(title: &str) -> String {
    let kept = title.to_lowercase();
    kept.chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            _ => c.is_alphanumeric().then_some(c),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn links_resolve_to_files_and_headings() {
        let files = [
            file(
                "docs/a.md",
                "[b](../B.md#what-it-is) [c](c.md)\n[d](../../d.md)\n[e](https://example.org/e)\n\
                 `[f](f.md)`\n```\n[g](g.md)\n```\n[h](#nowhere) [i](../B.md#neither)\n[j][k]\n\n\
                 [k]: k.md\n",
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
                "docs/a.md:9: there is no file `docs/k.md`",
            ]
        );
    }

    #[test]
    fn the_anchor_of_a_heading_has_no_punctuation() {
        let page = Page::parse("## `$AH_HOME`: what, and *where*\n");
        assert_eq!(page.anchors, ["ah_home-what-and-where"]);
    }
}
