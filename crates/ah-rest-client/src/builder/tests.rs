use super::*;

#[test]
fn rejects_invalid_base_urls() {
    for (url, says) in [
        ("127.0.0.1:3001", "not a URL"),
        ("ftp://host", "not ftp://"),
        ("host:3001", "not host://"),
        ("https://me@host", "must not have a user"),
        ("http://me:secret@host", "must not have a user"),
        ("http://host/?key=secret", "a user, query"),
        ("http://host/#there", "fragment"),
        ("", "not a URL"),
    ] {
        let error = RestClient::builder(url).build().unwrap_err();
        let text = error.to_string();
        assert!(text.contains(says), "{url}: {text}");
        assert!(!text.contains("secret"), "{text}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

#[test]
fn rejects_a_key_that_is_no_header_value_without_showing_it() {
    for key in ["sec\nret", "sec\u{7f}ret", ""] {
        let error = RestClient::builder("http://127.0.0.1:1")
            .api_key(key)
            .build()
            .unwrap_err();
        assert!(matches!(error, InvalidClient::Key));
        assert!(!format!("{error:?} {error}").contains("ret\""));
    }
}

#[test]
fn rejects_a_tenant_that_is_no_header_value() {
    for tenant in ["ten\nant", ""] {
        let error = RestClient::builder("http://127.0.0.1:1")
            .tenant(tenant)
            .build()
            .unwrap_err();
        assert!(matches!(error, InvalidClient::Tenant));
    }
}

#[test]
fn rejects_a_timeout_for_an_unknown_operation() {
    let error = RestClient::builder("http://127.0.0.1:1")
        .operation_timeout("get_session", Duration::from_secs(1))
        .operation_timeout("get_sesion", Duration::from_secs(1))
        .build()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown operation `get_sesion` for a timeout"
    );
}

#[cfg(feature = "tls")]
#[test]
fn rejects_invalid_certificate_authorities() {
    for (pem, says) in [
        ("", "no certificate"),
        ("just words", "no certificate"),
        ("-----BEGIN CERTIFICATE-----\n", "not PEM"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "failed to parse",
        ),
    ] {
        let error = RestClient::builder("https://host")
            .certificate_authorities(pem)
            .build()
            .unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(says), "{pem}: {cause}");
    }
}

#[test]
fn never_shows_its_key() {
    let builder = RestClient::builder("http://127.0.0.1:1").api_key("topsecret");
    let shown = format!("{builder:?}");
    assert!(
        shown.contains("ApiKey") && !shown.contains("topsecret"),
        "{shown}"
    );
    let shown = format!("{:?}", builder.build().unwrap());
    assert!(shown.contains("ApiKey (redacted)"), "{shown}");
    assert!(!shown.contains("topsecret"), "{shown}");
}

#[test]
fn keeps_the_prefix_of_a_server_behind_a_path() {
    let client = RestClient::builder("http://host/harbor/").build().unwrap();
    assert_eq!(
        client.connection().url("/api/v1/tasks").as_str(),
        "http://host/harbor/api/v1/tasks"
    );
    let client = RestClient::builder("http://host").build().unwrap();
    assert_eq!(
        client.connection().url("/health").as_str(),
        "http://host/health"
    );
}

#[test]
fn detects_loopback_addresses() {
    for (url, loopback) in [
        ("http://localhost:1", true),
        ("http://127.3.2.1", true),
        ("http://[::1]:80", true),
        ("http://10.0.0.1", false),
        ("http://localhost.example.org", false),
    ] {
        assert_eq!(is_loopback(&Url::parse(url).unwrap()), loopback, "{url}");
    }
}
