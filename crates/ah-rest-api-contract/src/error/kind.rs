//! Error kinds.

/// The documentation of all error kinds, with one section per slug.
///
/// The file is a link to `docs/errors.md`. Cargo packages the text itself, so that the crate
/// builds outside of its workspace.
const DOCUMENT: &str = include_str!("errors.md");

/// The kind of an error. Programs branch on it. Each kind has one problem type URI and one HTTP
/// status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::VariantArray)]
#[non_exhaustive]
pub enum ErrorKind {
    /// One or more fields of the request are invalid.
    Validation,
    /// The request cannot be parsed.
    BadRequest,
    /// The credential is missing or invalid.
    Unauthenticated,
    /// The credential does not allow this.
    Unauthorized,
    /// The server's policy does not allow this for any caller.
    Forbidden,
    /// The resource does not exist.
    NotFound,
    /// The resource is in a state that does not allow this.
    Conflict,
    /// The resource has ended and no longer accepts this request.
    Gone,
    /// The request exceeds the size limit.
    PayloadTooLarge,
    /// The idempotency key was used for a different request.
    IdempotencyMismatch,
    /// Too many requests.
    RateLimited,
    /// This build or provider does not support the operation.
    NotImplemented,
    /// The server is starting, shutting down or overloaded. A later retry may succeed.
    Unavailable,
    /// The server cannot be reached, or did not respond in time.
    Unreachable,
    /// The client cannot read the version of the server's response. Only clients create this kind.
    Incompatible,
    /// A defect in the server.
    Internal,
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: [Self; 16] = *<Self as strum::VariantArray>::VARIANTS
        .first_chunk()
        .expect("there are 16 kinds");

    /// Returns the last segment of the problem type URI.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::BadRequest => "bad-request",
            Self::Unauthenticated => "auth",
            Self::Unauthorized => "authz",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::PayloadTooLarge => "payload-too-large",
            Self::IdempotencyMismatch => "idempotency-mismatch",
            Self::RateLimited => "rate-limited",
            Self::NotImplemented => "not-implemented",
            Self::Unavailable => "unavailable",
            Self::Unreachable => "unreachable",
            Self::Incompatible => "incompatible",
            Self::Internal => "internal",
        }
    }

    /// Returns the HTTP status (RFC 9110) of a response of this kind. Only clients create
    /// [`ErrorKind::Unreachable`] and [`ErrorKind::Incompatible`], which map to 504 and 502.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Validation | Self::BadRequest => 400,
            Self::Unauthenticated => 401,
            Self::Unauthorized | Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Gone => 410,
            Self::PayloadTooLarge => 413,
            Self::IdempotencyMismatch => 422,
            Self::RateLimited => 429,
            Self::Internal => 500,
            Self::NotImplemented => 501,
            Self::Incompatible => 502,
            Self::Unavailable => 503,
            Self::Unreachable => 504,
        }
    }

    /// Returns the title, which is the same for every error of this kind.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Validation => "The request has invalid fields",
            Self::BadRequest => "The request could not be understood",
            Self::Unauthenticated => "A valid credential is required",
            Self::Unauthorized => "The credential does not allow this",
            Self::Forbidden => "The server's policy does not allow this",
            Self::NotFound => "The resource does not exist",
            Self::Conflict => "The resource's state does not allow this",
            Self::Gone => "The resource has ended",
            Self::PayloadTooLarge => "The request is too large",
            Self::IdempotencyMismatch => "The idempotency key belongs to a different request",
            Self::RateLimited => "Too many requests",
            Self::NotImplemented => "The server does not support this",
            Self::Unavailable => "The server is not available at the moment",
            Self::Unreachable => "The server could not be reached",
            Self::Incompatible => "The versions of client and server do not match",
            Self::Internal => "The server encountered an internal error",
        }
    }

    /// Returns true if the same request may succeed later without any change.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::RateLimited | Self::Unavailable | Self::Unreachable
        )
    }

    /// Returns the problem type URI: a reference, relative to the server, to the documentation of
    /// the kind.
    #[must_use]
    pub fn type_uri(self) -> String {
        format!("/errors/{}", self.slug())
    }

    /// Returns the kind of a problem type URI, absolute or relative.
    #[must_use]
    pub fn from_type_uri(uri: &str) -> Option<Self> {
        let (_, slug) = uri.rsplit_once("/errors/")?;
        Self::ALL.into_iter().find(|kind| kind.slug() == slug)
    }

    /// Returns the documentation of the kind: its section of `docs/errors.md`. It has three
    /// paragraphs of Markdown, separated by empty lines: the meaning, the occasions and the remedy.
    #[must_use]
    pub fn doc(self) -> &'static str {
        let heading = format!("\n## {}\n", self.slug());
        // The document is compiled in, and a test reads the section of every kind.
        let (_, rest) = DOCUMENT
            .split_once(&heading)
            .expect("every kind is explained");
        let section = rest
            .split_once("\n## ")
            .map_or(rest, |(section, _)| section);
        section.trim()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_explains_every_kind_once_in_order() {
        let headings: Vec<&str> = DOCUMENT
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .collect();
        assert_eq!(headings, ErrorKind::ALL.map(ErrorKind::slug));
    }

    #[test]
    fn explanation_has_meaning_cause_and_remedy() {
        for kind in ErrorKind::ALL {
            let paragraphs: Vec<&str> = kind.doc().split("\n\n").collect();
            let [meaning, occasions, remedy] = paragraphs[..] else {
                panic!("{kind:?} has {} paragraphs", paragraphs.len());
            };
            let status = format!("Status {}", kind.status());
            assert!(meaning.starts_with(&status), "{kind:?}: {meaning}");
            assert!(occasions.starts_with("It "), "{kind:?}: {occasions}");
            assert!(remedy.ends_with('.'), "{kind:?}: {remedy}");
        }
    }

    #[test]
    fn document_lists_the_retryable_kinds() {
        let (introduction, _) = DOCUMENT.split_once("\n## ").expect("sections");
        let (_, claim) = introduction
            .rsplit_once("Only the kinds ")
            .expect("the claim");
        for kind in ErrorKind::ALL {
            let is_named = claim.contains(&format!("`{}`", kind.slug()));
            assert_eq!(is_named, kind.is_retryable(), "{kind:?}");
        }
    }
}
