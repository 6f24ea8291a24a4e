use super::layers::{keys, variable};
use super::*;

fn load(
    file: Option<&str>,
    environment: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<Config, ConfigError> {
    let home = tempfile::tempdir().unwrap();
    if let Some(text) = file {
        std::fs::write(home.path().join(FILE_NAME), text).unwrap();
    }
    let environment: Vec<_> = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let flags: Vec<_> = flags
        .iter()
        .map(|(key, value)| (*key, (*value).to_owned()))
        .collect();
    Config::load(&Sources {
        home: home.path(),
        file: None,
        environment: &environment,
        flags: &flags,
    })
}

#[test]
fn defaults_match_the_contract() {
    let config = load(None, &[], &[]).unwrap();
    assert!(config.server.bind.is_loopback());
    assert_eq!(config.server.port, 3001);
    assert_eq!(config.server.write_timeout_ms, 60_000);
    assert!(!config.auth.insecure_no_auth);
}

#[test]
fn later_layers_win() {
    let file = "[server]\nport = 1\n[limits]\nburst = 7\n";
    let port =
        |environment: &[_], flags: &[_]| load(Some(file), environment, flags).unwrap().server.port;
    assert_eq!(port(&[], &[]), 1);
    assert_eq!(port(&[("AH_SERVER_PORT", "2")], &[]), 2);
    assert_eq!(port(&[("AH_SERVER_PORT", "")], &[]), 1);
    assert_eq!(port(&[("AH_SERVER_PORT", "2")], &[("server.port", "3")]), 3);
    assert_eq!(load(Some(file), &[], &[]).unwrap().limits.burst.get(), 7);
}

/// Setting any key in any layer changes the configuration, so no key is without effect. The
/// compiler checks that each field is read.
#[test]
fn every_key_is_read_from_every_layer() {
    let defaults: toml::Table = DEFAULT_TOML.parse().unwrap();
    // The origins differ, and so does the table that --print-config prints from a whole file.
    let values = |mut config: Config| {
        config.entries.clear();
        format!("{config:?}")
    };
    let before = values(load(None, &[], &[]).unwrap());
    for (section, key, default) in keys(&defaults) {
        let (words, literal) = match default {
            toml::Value::Integer(number) => {
                let other = (number / 2 + 600).to_string();
                (other.clone(), other)
            }
            toml::Value::Boolean(value) => ((!value).to_string(), (!value).to_string()),
            toml::Value::Array(_) => ("https://a.example".into(), "[\"https://a.example\"]".into()),
            _ => ("127.0.0.9".to_owned(), "\"127.0.0.9\"".to_owned()),
        };
        let (words, literal) = match key {
            "allowed-hosts" => ("a.example".to_owned(), "[\"a.example\"]".to_owned()),
            "permissions" => ("deny".to_owned(), "\"deny\"".to_owned()),
            "devcontainer" => ("local".to_owned(), "\"local\"".to_owned()),
            "profile" => ("disabled".to_owned(), "\"disabled\"".to_owned()),
            "require" => ("files".to_owned(), "[\"files\"]".to_owned()),
            "read" | "write" | "deny" => ("/a".to_owned(), "[\"/a\"]".to_owned()),
            "providers" => ("worktree".to_owned(), "[\"worktree\"]".to_owned()),
            "push" => ("allow".to_owned(), "\"allow\"".to_owned()),
            "priority" => ("high".to_owned(), "\"high\"".to_owned()),
            _ => (words, literal),
        };
        let dotted = format!("{section}.{key}");
        let by_file = load(Some(&format!("[{section}]\n{key} = {literal}")), &[], &[]).unwrap();
        let by_variable = load(None, &[(&variable(section, key), &words)], &[]).unwrap();
        let by_flag = load(None, &[], &[(&dotted, &words)]).unwrap();
        let after = values(by_file.clone());
        assert_ne!(after, before, "{dotted}");
        assert_eq!(values(by_variable), after, "{dotted}");
        assert_eq!(values(by_flag), after, "{dotted}");
        let again = load(Some(&by_file.to_toml()), &[], &[]).unwrap();
        assert_eq!(values(again), after, "{dotted}");
    }
}

#[test]
fn every_key_is_documented_with_its_variable() {
    let defaults: toml::Table = DEFAULT_TOML.parse().unwrap();
    for (section, key, _) in keys(&defaults) {
        let variable = variable(section, key);
        assert!(
            DEFAULT_TOML.contains(&format!(" {variable}\n")),
            "{variable}"
        );
    }
}

#[test]
fn unknown_keys_are_rejected_by_name() {
    let refused = |result: Result<Config, ConfigError>, words: &[&str]| {
        let message = result.unwrap_err().to_string();
        for word in words {
            assert!(message.contains(word), "{message}");
        }
    };
    refused(
        load(Some("[server]\nprot = 1"), &[], &[]),
        &["server.prot", FILE_NAME, "port"],
    );
    refused(
        load(Some("[sever]\nport = 1"), &[], &[]),
        &["`sever`", "server"],
    );
    refused(load(Some("port = 1"), &[], &[]), &["`port`"]);
    refused(
        load(None, &[("AH_SERVER_PROT", "1")], &[]),
        &["AH_SERVER_PROT"],
    );
    refused(load(None, &[], &[("server.prot", "1")]), &["server.prot"]);
    refused(
        load(Some("[server]\nport = \"1\""), &[], &[]),
        &["server.port", "whole number"],
    );
    refused(
        load(None, &[("AH_SERVER_PORT", "many")], &[]),
        &["AH_SERVER_PORT", "whole number"],
    );
    refused(
        load(None, &[("AH_SERVER_PORT", "65536")], &[]),
        &["server.port"],
    );
    refused(
        load(None, &[("AH_LIMITS_BURST", "0")], &[]),
        &["limits.burst"],
    );
    refused(
        load(None, &[("AH_SERVER_BODY_LIMIT", "1")], &[]),
        &["server.body-limit", "1024"],
    );
    refused(
        load(None, &[("AH_SERVER_BIND", "localhost")], &[]),
        &["server.bind"],
    );
    refused(
        load(None, &[("AH_SERVER_ALLOWED_ORIGINS", "*")], &[]),
        &["allowed-origins"],
    );
    refused(
        load(None, &[("AH_SERVER_ALLOWED_HOSTS", "a:1")], &[]),
        &["allowed-hosts"],
    );
    // Variables of other programs are ignored.
    load(
        None,
        &[("AH_SESSION_ID", "x"), ("AH_HOME", "/x"), ("PATH", "/")],
        &[],
    )
    .unwrap();
}

#[test]
fn explicit_file_must_exist() {
    let missing = Path::new("/nowhere/config.toml");
    let sources = Sources {
        home: Path::new("/nowhere"),
        file: Some(missing),
        environment: &[],
        flags: &[],
    };
    assert!(matches!(
        Config::load(&sources),
        Err(ConfigError::Unreadable { .. })
    ));
    assert!(
        Config::load(&Sources {
            file: None,
            ..sources
        })
        .is_ok()
    );
}

#[test]
fn network_address_requires_authentication() {
    let open = |bind: &str| {
        load(
            None,
            &[
                ("AH_AUTH_INSECURE_NO_AUTH", "true"),
                ("AH_SERVER_BIND", bind),
            ],
            &[],
        )
    };
    assert!(open("127.0.0.1").is_ok());
    assert!(open("::1").is_ok());
    for bind in ["0.0.0.0", "::", "192.0.2.1"] {
        let error = open(bind).unwrap_err();
        assert!(matches!(error, ConfigError::OpenToOthers { .. }), "{error}");
        assert!(error.to_string().contains(bind), "{error}");
    }
}

#[test]
fn errors_name_their_layer() {
    let layer = Layer::Environment("AH_SERVER_PORT".into());
    assert_eq!(layer.to_string(), "the environment variable AH_SERVER_PORT");
    // Errors that show only once all layers are merged name the layer, too.
    for (file, environment, flags, words) in [
        (
            Some("[server]\nport = 70000\n"),
            &[][..],
            &[][..],
            FILE_NAME,
        ),
        (Some("[limits]\nburst = 0\n"), &[], &[], FILE_NAME),
        (
            None,
            &[("AH_SERVER_BIND", "here")],
            &[],
            "the environment variable AH_SERVER_BIND",
        ),
        (
            None,
            &[("AH_SERVER_BODY_LIMIT", "1")],
            &[],
            "the environment variable AH_SERVER_BODY",
        ),
        (
            None,
            &[],
            &[("limits.max-concurrent-tasks", "20000")],
            "the option --max-concurrent",
        ),
    ] {
        let message = load(file, environment, flags).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn configured_agents_are_loaded_and_printed() {
    let file = "[[agents]]\ntype = \"mine\"\ndriver = \"acp\"\ncommand = [\"mine\"]\n\
                env = { A = \"1\" }\n\n[server]\nport = 1\n";
    let config = load(Some(file), &[], &[]).unwrap();
    assert_ne!(config.agents(), load(None, &[], &[]).unwrap().agents());
    let again = load(Some(&config.to_toml()), &[], &[]).unwrap();
    assert_eq!(again.agents(), config.agents());
    assert_eq!(again.server.port, 1);
}

#[test]
fn invalid_agent_is_rejected_by_key() {
    let good = "[[agents]]\ntype = \"good\"\ndriver = \"acp\"\ncommand = [\"good\"]\n";
    for (second, words) in [
        (
            "[[agents]]\ntype = \"b\"\ndriver = \"telnet\"",
            &["`agents[1].driver`", "`telnet`", "`acp`"][..],
        ),
        (
            "[[agents]]\ntype = \"b\"\ndriver = \"acp\"",
            &["`agents[1].command`", "missing"],
        ),
        (
            "[[agents]]\ntype = \"good\"\ndriver = \"acp\"\ncommand = [\"b\"]",
            &["`agents[1].type`", "already uses"],
        ),
        (
            "[[agents]]\ntype = \"b\"\ncolour = \"red\"",
            &["`agents[1].colour`", "unknown field"],
        ),
        (
            "[[agents]]\ntype = \"b\"\ncommand = \"b --acp\"",
            &["`agents[1].command`", "sequence"],
        ),
        ("[[agents]]\ndriver = \"acp\"", &["`agents[1]", "type"]),
    ] {
        let file = format!("{good}{second}\n");
        let message = load(Some(&file), &[], &[]).unwrap_err().to_string();
        for word in words.iter().chain(&[FILE_NAME]) {
            assert!(message.contains(word), "{word}: {message}");
        }
    }
    let no_list = load(Some("[agents]\ntype = \"b\"\n"), &[], &[]).unwrap_err();
    assert!(no_list.to_string().contains("`agents`"), "{no_list}");
}

#[test]
fn workspace_settings_come_from_the_configuration() {
    let settings = |environment: &[(&str, &str)]| {
        let config = load(None, environment, &[]);
        config.map(|config| config.workspace())
    };
    let default = settings(&[]).unwrap();
    assert_eq!(
        (default.may_push, default.file_bytes_max),
        (false, 32 << 20)
    );
    assert_eq!(
        default.providers,
        [WorkspaceProvider::Overlay, WorkspaceProvider::Worktree]
    );
    let names = [
        "AH_WORKSPACE_PUSH",
        "AH_WORKSPACE_MAX_FILE_BYTES",
        "AH_WORKSPACE_PROVIDERS",
        "AH_WORKSPACE_MAX_BASE_BYTES",
    ];
    let values = ["allow", "4096", "worktree", "0"];
    let all: Vec<_> = names.into_iter().zip(values).collect();
    let set = settings(&all).unwrap();
    assert_eq!((set.may_push, set.file_bytes_max), (true, 4096));
    assert_eq!(set.providers, [WorkspaceProvider::Worktree]);
    assert_eq!(set.base_bytes_max, 0);
    for wrong in [(names[0], "yes"), (names[1], "0"), (names[2], "zfs")] {
        let error = settings(&[wrong]).unwrap_err().to_string();
        assert!(error.contains("workspace."), "{error}");
    }
}

#[test]
fn session_settings_come_from_the_configuration() {
    let config = load(
        None,
        &[
            ("AH_MAX_CONCURRENT_TASKS", "3"),
            ("AH_SESSIONS_ALLOWED_ENV", "A, B"),
        ],
        &[],
    )
    .unwrap();
    let sessions = config.sessions();
    assert_eq!(sessions.max_concurrent_tasks.get(), 3);
    let names: Vec<&str> = sessions.allowed_env.iter().map(String::as_str).collect();
    assert_eq!(names, ["A", "B", TRACEPARENT_VARIABLE]);
}
