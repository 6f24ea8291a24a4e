//! Ignored files, by the rules of gitignore(5).

use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The patterns that apply in a folder and those below it, the most specific ones last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patterns(Vec<Gitignore>);

impl Patterns {
    /// Adds the patterns of a file in the folder `at`, which is relative to the top. Invalid lines
    /// have no effect, as in git.
    pub(crate) fn add(&mut self, at: &Path, content: &[u8]) {
        let content = String::from_utf8_lossy(content);
        let content = content.strip_prefix('\u{feff}').unwrap_or(&content);
        let mut builder = GitignoreBuilder::new(absolute(at));
        for line in content.lines() {
            if let Err(error) = builder.add_line(None, line) {
                tracing::debug!(%error, "a pattern of ignored files is invalid");
            }
        }
        match builder.build() {
            Ok(patterns) if patterns.is_empty() => {}
            Ok(patterns) => self.0.push(patterns),
            Err(error) => tracing::debug!(%error, "patterns of ignored files are not used"),
        }
    }

    /// Returns true if the path is ignored, whose folder is not. It is below every folder with
    /// patterns.
    pub(crate) fn has(&self, path: &Path, is_folder: bool) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let path = absolute(path);
        let matches = self.0.iter().rev();
        let mut matches = matches.map(|patterns| patterns.matched(&path, is_folder));
        let decides = |it: &Match<_>| !it.is_none();
        matches.find(decides).is_some_and(|it| it.is_ignore())
    }
}

/// Returns the path as if the top were the root folder, so that the matcher compares it with no
/// folder of the host.
fn absolute(path: &Path) -> PathBuf {
    Path::new("/").join(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_pattern_decides() {
        let mut patterns = Patterns::default();
        patterns.add(Path::new(""), b"*.log\n/build/\n!kept.log\n# c\n\n\\#x\r\n");
        let top = patterns.clone();
        patterns.add(Path::new("a/b"), b"!*.log\nlocal\n");
        let of =
            |patterns: &Patterns, path: &str, is_folder| patterns.has(Path::new(path), is_folder);
        let has = |path: &str, is_folder| of(&top, path, is_folder);
        assert!(has("a/b/x.log", false) && !has("kept.log", false));
        assert!(has("build", true) && !has("build", false) && !has("a/build", true));
        assert!(has("#x", false) && !has("c", false));
        // In the folder of the second file.
        let has = |path: &str, is_folder| of(&patterns, path, is_folder);
        assert!(!has("a/b/x.log", false) && !has("a/b/kept.log", false));
        assert!(has("a/b/c/local", false));
    }
}
