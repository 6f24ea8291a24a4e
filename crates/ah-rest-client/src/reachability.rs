//! The reachability of a server, for display.

/// The reachability of an access point, according to the last attempt of any clone of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reachability {
    /// No attempt was made yet.
    #[default]
    Unknown,
    /// The last attempt got a response, which may be an error.
    Reachable,
    /// The last attempt got no response, or the connection of an event stream broke and is not
    /// replaced yet.
    Unreachable,
}

impl Reachability {
    /// Returns the reachability after an attempt that got a response, or none.
    pub(crate) const fn of_attempt(is_reachable: bool) -> Self {
        if is_reachable {
            Self::Reachable
        } else {
            Self::Unreachable
        }
    }
}
