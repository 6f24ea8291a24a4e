//! The causes of git's failures, in words of ours.
//!
//! Git's own output may contain paths of the host, and is written for the person at its terminal. A
//! client gets the known causes in these words, and the log has git's output.

/// A known cause of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    /// The cause, as the end of a sentence.
    pub(crate) words: &'static str,
    /// A remedy, as a sentence.
    pub(crate) help: &'static str,
    /// Parts of git's output, in lower case.
    signs: &'static [&'static str],
}

/// The known causes, the most specific first.
const CAUSES: [Cause; 12] = [
    Cause {
        words: "the disk is full, or may not be written",
        help: "Free space on the host, and retry.",
        signs: &[
            "no space left on device",
            "disk quota exceeded",
            "read-only file system",
        ],
    },
    Cause {
        words: "the host lacks memory, processes or open files",
        help: "Retry in a moment.",
        signs: &[
            "cannot allocate memory",
            "out of memory",
            "too many open files",
            "resource temporarily unavailable",
        ],
    },
    Cause {
        words: "the name of its host is not known",
        help: "Check the address, and the network of the access point.",
        signs: &[
            "could not resolve host",
            "name or service not known",
            "could not resolve proxy",
        ],
    },
    Cause {
        words: "the certificate of its host is not trusted",
        help: "Check the certificate, and the access point's trusted ones (`GIT_SSL_CAINFO`).",
        signs: &[
            "ssl certificate problem",
            "certificate verif",
            "server certificate",
        ],
    },
    Cause {
        words: "the key of its host is not known",
        help: "Add the host to the `known_hosts` file of the access point's user.",
        signs: &["host key verification failed"],
    },
    Cause {
        words: "the login was refused",
        help: "Check the credentials: those in the address, the access point's git credential \
               helper, or its SSH key.",
        signs: &[
            "authentication failed",
            "could not read username",
            "could not read password",
            "terminal prompts disabled",
            "permission denied (publickey",
            "permission denied, please try again",
            "invalid username or password",
            "invalid username or token",
            "returned error: 401",
            "returned error: 403",
        ],
    },
    Cause {
        words: "its host does not answer",
        help: "Check the address and the network, and retry.",
        signs: &[
            "failed to connect",
            "couldn't connect",
            "could not connect",
            "unable to connect",
            "connection refused",
            "connection timed out",
            "connection reset",
            "network is unreachable",
            "no route to host",
            "operation timed out",
            "returned error: 5",
        ],
    },
    Cause {
        words: "it belongs to another user",
        help: "Run the access point as the owner, or allow the folder with git's `safe.directory`.",
        signs: &["dubious ownership"],
    },
    Cause {
        words: "files of it may not be read",
        help: "Give the access point's user the permission to read it.",
        signs: &["permission denied"],
    },
    Cause {
        words: "there is no repository",
        help: "Check the address.",
        signs: &[
            "does not appear to be a git repository",
            "not a git repository",
            "repository not found",
            "returned error: 404",
            "does not exist",
            "no such file or directory",
            "not a folder",
            "' not found",
        ],
    },
    Cause {
        words: "objects of it are missing or damaged",
        help: "Run `git fsck` in the repository.",
        signs: &[
            "bad object",
            "bad tree object",
            "bad sha1",
            "corrupt",
            "inflate",
            "loose object",
            "missing blob",
            "missing tree",
            "missing commit",
            "unable to read tree",
            "unable to read sha1",
            "invalid index-pack",
            "packfile",
            "did not send all necessary objects",
            "object file",
        ],
    },
    Cause {
        words: "the connection was cut off",
        help: "Check the network, and retry.",
        signs: &[
            "early eof",
            "hung up unexpectedly",
            "unexpected disconnect",
            "rpc failed",
            "could not read from remote repository",
        ],
    },
];

impl Cause {
    /// Finds the cause in git's output.
    pub(crate) fn find(output: &str) -> Option<&'static Self> {
        let output = output.to_lowercase();
        let is_named = |cause: &&Self| cause.signs.iter().any(|sign| output.contains(sign));
        CAUSES.iter().find(is_named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_found_and_in_lower_case() {
        for cause in &CAUSES {
            for sign in cause.signs {
                assert_eq!(sign.to_lowercase(), *sign);
                assert!(Cause::find(&format!("fatal: {sign}")).is_some(), "{sign}");
            }
        }
    }

    #[test]
    fn causes_are_distinguished_by_the_output_of_git() {
        for (output, words) in [
            (
                "git@host: Permission denied (publickey).\nfatal: Could not read from remote \
                 repository.",
                "login",
            ),
            (
                "fatal: unable to access 'http://h:9/x/': Failed to connect to h port 9 after 0 \
                 ms: Couldn't connect to server",
                "does not answer",
            ),
            (
                "fatal: '/srv/x' does not appear to be a git repository\nfatal: Could not read \
                 from remote repository.",
                "no repository",
            ),
            (
                "error: object file ./objects/6c/cb is empty\nfatal: loose object 6ccb is corrupt",
                "damaged",
            ),
            (
                "fatal: unable to write new index file: No space left on device",
                "disk",
            ),
            (
                "fatal: could not read Username for 'https://h': terminal prompts disabled",
                "login",
            ),
        ] {
            let cause = Cause::find(output).unwrap();
            assert!(cause.words.contains(words), "{output}: {cause:?}");
        }
        assert_eq!(Cause::find("fatal: something new"), None);
    }
}
