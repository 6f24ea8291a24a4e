//! Tests of repository addresses: accepted ones, and those that could run a command.

use ah_rest_api_contract::RepositorySource;
use proptest::prelude::*;

use crate::strategies::text;

#[test]
fn accepted_addresses() {
    let mut table = String::new();
    for text in [
        "/home/me/project",
        "/home/me/odd name::x/",
        "https://example.org/a/b.git",
        "http://[::1]:3000/a.git",
        "https://me:secret@example.org/a.git",
        "ssh://git@example.org:22/~/a.git",
        "git://example.org/a",
        "file:///home/me/project",
        "git@example.org:a/b.git",
        "example.org:a",
    ] {
        let source = RepositorySource::parse(text).expect(text);
        let form = match &source {
            RepositorySource::Path(_) => "path",
            RepositorySource::Url(_) => "url",
            RepositorySource::Scp(_) => "scp",
        };
        table += &format!(
            "{form:<4}  {text:<38}  {:<11}  {}\n",
            source.display_name(),
            source.without_credentials()
        );
    }
    insta::assert_snapshot!(table);
}

#[test]
fn rejected_addresses_and_their_errors() {
    let long = format!("https://example.org/{}", "x".repeat(5000));
    let mut table = String::new();
    for text in [
        "",
        "project",
        "./project",
        "../project",
        "~/project",
        "a/b:c",
        "ext::sh -c touch% /tmp/x",
        "fd::3",
        "remote-helper::https://example.org/a",
        "EXT::sh",
        "--upload-pack=touch /tmp/x",
        "-u",
        "ftp://example.org/a",
        "javascript://example.org/a",
        "ext://example.org/a",
        "ssh://-oProxyCommand=touch/a",
        "ssh://-oProxyCommand=touch@host/a",
        "ssh://%2DoProxyCommand=touch/a",
        "ssh://me@-oProxyCommand=touch/a",
        "me@-oProxyCommand=touch:a",
        "host:-oProxyCommand=touch",
        "@host:a",
        ":a",
        "host:",
        "a b:c",
        "$(touch x):a",
        "https://",
        "ssh:///a",
        "https://exa mple.org/a",
        "https://example.org/a\nb",
        "/home/me/\0project",
        long.as_str(),
    ] {
        let error = RepositorySource::parse(text).expect_err(text);
        let shown: String = text.chars().take(40).collect();
        table += &format!("{shown:?} {error}\n");
    }
    insta::assert_snapshot!(table);
}

proptest! {
    #[test]
    fn accepted_addresses_run_no_command_and_round_trip(text in prop_oneof![
        text(),
        "(-|ext::|ssh://|https://|user@|/|%2d){0,3}[a-z@:/.-]{0,12}",
    ]) {
        if let Ok(source) = RepositorySource::parse(&text) {
            let written = source.to_string();
            prop_assert!(!written.starts_with('-'), "{written}");
            prop_assert!(!written.starts_with("ext::"), "{written}");
            prop_assert!(!source.display_name().is_empty());
            prop_assert_eq!(RepositorySource::parse(&written), Ok(source));
        }
    }
}
