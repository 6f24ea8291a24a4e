//! The patches in git's output, read as it arrives. A patch that is too large is dropped, and the
//! others are kept whole, so that one file cannot hide the changes of all others.

use crate::changes::ChangedFile;

/// The beginning of the line that starts a part. Content lines have a prefix, and git quotes names
/// with line breaks, so no other line begins with it.
const HEADER: &[u8] = b"diff --git ";
/// The maximum size of the patch of one file, in bytes.
const PATCH_BYTES_MAX: usize = 16 << 20;
/// The maximum size of all patches of a diff, in bytes.
const PATCHES_BYTES_MAX: usize = 64 << 20;

/// The patch of one changed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Patch {
    /// The whole patch.
    Whole(String),
    /// The patch is not UTF-8. Replaced bytes would make it inapplicable.
    NotText,
    /// The patch exceeds the limit.
    TooLarge,
}

/// The parts of git's output so far.
#[derive(Debug, Default)]
pub(super) struct Patches {
    /// The parts; `None` for a part that was dropped.
    parts: Vec<Option<Vec<u8>>>,
    /// The beginning of a line that is not known to be a header yet.
    beginning: Vec<u8>,
    is_inside_line: bool,
    has_noise: bool,
    bytes: usize,
}

impl Patches {
    /// Takes the next bytes of the output.
    pub(super) fn take(&mut self, output: &[u8]) {
        for piece in output.split_inclusive(|byte| *byte == b'\n') {
            if self.is_inside_line {
                self.push(piece);
            } else {
                self.beginning.extend_from_slice(piece);
                if self.beginning.len() < HEADER.len() && !piece.ends_with(b"\n") {
                    continue;
                }
                self.begin_line();
            }
            self.is_inside_line = !piece.ends_with(b"\n");
        }
    }

    fn begin_line(&mut self) {
        let line = std::mem::take(&mut self.beginning);
        if line.starts_with(HEADER) {
            self.parts.push(Some(Vec::new()));
        }
        self.push(&line);
    }

    fn push(&mut self, bytes: &[u8]) {
        let Some(last) = self.parts.last_mut() else {
            self.has_noise = true;
            return;
        };
        let Some(part) = last else {
            return;
        };
        let fits = part.len() + bytes.len() <= PATCH_BYTES_MAX
            && self.bytes + bytes.len() <= PATCHES_BYTES_MAX;
        if fits {
            part.extend_from_slice(bytes);
            self.bytes += bytes.len();
        } else {
            self.bytes -= part.len();
            *last = None;
        }
    }

    /// Returns the patches of these changes. `None` if the number of parts does not match.
    pub(super) fn by_change(mut self, changes: &[ChangedFile]) -> Option<Vec<Patch>> {
        if !self.beginning.is_empty() {
            self.begin_line();
        }
        if self.has_noise {
            return None;
        }
        let mut parts = self.parts.into_iter();
        let mut patches = Vec::with_capacity(changes.len());
        for change in changes {
            let mut patch = parts.next()?;
            if change.changed_kind {
                patch = patch.zip(parts.next()?).map(|(mut first, second)| {
                    first.extend(second);
                    first
                });
            }
            patches.push(match patch.map(String::from_utf8) {
                Some(Ok(text)) => Patch::Whole(text),
                Some(Err(_)) => Patch::NotText,
                None => Patch::TooLarge,
            });
        }
        parts.next().is_none().then_some(patches)
    }
}

#[cfg(test)]
mod tests {
    use ah_rest_api_contract::FileStatus;

    use super::*;

    fn change(path: &str) -> ChangedFile {
        ChangedFile {
            path: path.into(),
            old_path: None,
            status: FileStatus::Modified,
            changed_kind: false,
            object: String::new(),
            lines: Some((1, 0)),
            is_too_large: false,
        }
    }

    fn patches(output: &[u8], step: usize, changes: &[ChangedFile]) -> Option<Vec<Patch>> {
        let mut patches = Patches::default();
        for part in output.chunks(step) {
            patches.take(part);
        }
        patches.by_change(changes)
    }

    #[test]
    fn mismatched_diff_parts_are_rejected() {
        assert_eq!(patches(b"", 1, &[]), Some(vec![]));
        assert_eq!(patches(b"diff --git a/x b/x\n", 99, &[]), None);
        assert_eq!(patches(b"noise\n", 99, &[]), None);
        assert_eq!(patches(b"noise", 2, &[]), None);
    }

    #[test]
    fn parts_are_found_wherever_the_output_is_cut() {
        let first = "diff --git a/x b/x\n@@ -1 +1 @@\n+diff --git a/y b/y\n\\ No newline\n";
        let second = "diff --git a/z b/z\n+";
        let output = format!("{first}{second}");
        let changes = [change("x"), change("z")];
        for step in 1..output.len() {
            let found = patches(output.as_bytes(), step, &changes).unwrap();
            let expected = [first, second].map(|it| Patch::Whole(it.to_owned()));
            assert_eq!(found, expected, "{step}");
        }
    }

    #[test]
    fn a_large_patch_is_dropped_alone() {
        let part = |name: &str, size: usize| format!("diff --git {name}\n+{}\n", "x".repeat(size));
        let output = part("a", 10) + &part("b", PATCH_BYTES_MAX) + &part("c", 10);
        let changes = ["a", "b", "c"].map(change);
        let found = patches(output.as_bytes(), 65536, &changes).unwrap();
        let whole = |name: &str| Patch::Whole(part(name, 10));
        assert_eq!(found, [whole("a"), Patch::TooLarge, whole("c")]);
        // Five patches that fit one by one, and not together.
        let names = ["a", "b", "c", "d", "e"];
        let output = names.map(|name| part(name, PATCH_BYTES_MAX - 100)).concat();
        let output = output + &part("f", 10);
        let changes = ["a", "b", "c", "d", "e", "f"].map(change);
        let found = patches(output.as_bytes(), 65536, &changes).unwrap();
        assert!(found[..4].iter().all(|it| matches!(it, Patch::Whole(_))));
        assert_eq!(found[4..], [Patch::TooLarge, whole("f")]);
    }
}
