//! Removes credentials from git's output.

/// Removes `user:password@` from every URL in the text.
pub(crate) fn without_credentials(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(scheme_end) = rest.find("://") {
        let (before, address) = rest.split_at(scheme_end + "://".len());
        clean.push_str(before);
        let ends_authority = |c: char| c == '/' || c.is_whitespace() || "'\"`<>".contains(c);
        let authority_end = address.find(ends_authority).unwrap_or(address.len());
        let (authority, after) = address.split_at(authority_end);
        clean.push_str(authority.rsplit('@').next().unwrap_or(authority));
        rest = after;
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn credentials_are_redacted_in_every_url() {
        let said = "fatal: unable to access 'https://me:s3cr3t@host.example/x.git/': 403; \
                    see http://token@a/b and git@host:path, ssh://host/p@q";
        assert_eq!(
            without_credentials(said),
            "fatal: unable to access 'https://host.example/x.git/': 403; \
             see http://a/b and git@host:path, ssh://host/p@q"
        );
    }

    #[test]
    fn password_with_an_at_sign_is_fully_redacted() {
        assert_eq!(without_credentials("https://me:p@ss@h"), "https://h");
    }
}
