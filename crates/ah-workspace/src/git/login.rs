//! The login in the address of a repository, kept out of command lines.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use percent_encoding::percent_decode_str;
use url::{Position, Url};

use super::GitCommand;

/// The variables that the helper reads.
const USERNAME: &str = "AH_GIT_USERNAME";
const PASSWORD: &str = "AH_GIT_PASSWORD";
/// A credential helper that answers from its environment. Git runs it with a shell and appends the
/// operation.
const HELPER: &str = r#"!f() { test "$1" = get || exit 0; printf 'username=%s\npassword=%s\n' "$AH_GIT_USERNAME" "$AH_GIT_PASSWORD"; }; f"#;

/// The login in the URL of a repository.
///
/// Git passes a URL to its transports as an argument, which every user of the host can read.
/// Therefore the URL is given to git without its login, and a credential helper hands over the login
/// from the environment, which only this user can read.
#[derive(Debug)]
pub(crate) struct Login {
    /// The URL without the login. An SSH URL keeps the user name, which is part of the address.
    address: Url,
    username: OsString,
    password: Option<OsString>,
}

impl Login {
    /// Returns the login of the URL; `None` if it has none.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        if url.username().is_empty() && url.password().is_none() {
            return None;
        }
        let mut address = url.clone();
        // Both fail only for a URL that cannot have a login.
        address.set_password(None).ok()?;
        if url.scheme() != "ssh" {
            address.set_username("").ok()?;
        }
        Some(Self {
            address,
            username: decode(url.username()),
            password: url.password().map(decode),
        })
    }

    /// Returns the address for git.
    pub(crate) fn address(&self) -> &str {
        self.address.as_str()
    }

    /// Makes the login available to a call, for this host only.
    pub(crate) fn offer_to<'a>(&self, call: GitCommand<'a>) -> GitCommand<'a> {
        if !matches!(self.address.scheme(), "http" | "https") {
            return call;
        }
        let host = &self.address[..Position::BeforePath];
        let Some(password) = &self.password else {
            // The helpers of the user may know the password.
            return call.config(&format!("credential.{host}.username"), &self.username);
        };
        let helper = format!("credential.{host}.helper");
        call.env(USERNAME, &self.username)
            .env(PASSWORD, password)
            // An empty value drops the helpers of the user: the login in the URL takes precedence,
            // and must not be stored by them.
            .config(&helper, "")
            .config(&helper, HELPER)
    }
}

fn decode(text: &str) -> OsString {
    OsString::from_vec(percent_decode_str(text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(url: &str) -> Option<(String, String, Option<String>)> {
        let login = Login::of(&url.parse().unwrap())?;
        let text = |text: &OsString| text.to_str().unwrap().to_owned();
        Some((
            login.address().to_owned(),
            text(&login.username),
            login.password.as_ref().map(text),
        ))
    }

    #[test]
    fn a_url_loses_its_login() {
        let some = |address: &str, user: &str, password: Option<&str>| {
            Some((
                address.to_owned(),
                user.to_owned(),
                password.map(str::to_owned),
            ))
        };
        assert_eq!(
            login("https://bob:p%40ss%20word@h.example:8443/x.git"),
            some("https://h.example:8443/x.git", "bob", Some("p@ss word"))
        );
        assert_eq!(
            login("https://token@h.example/x"),
            some("https://h.example/x", "token", None)
        );
        assert_eq!(
            login("https://:secret@[::1]/x"),
            some("https://[::1]/x", "", Some("secret"))
        );
        assert_eq!(
            login("ssh://git:secret@h.example/x"),
            some("ssh://git@h.example/x", "git", Some("secret"))
        );
        assert_eq!(login("https://h.example/x"), None);
    }
}
