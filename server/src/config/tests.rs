//! Where settings come from, which one wins, and what the errors say.

use super::settings::SETTINGS;
use super::*;

fn configure(flags: &[&str], environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let arguments = ["msr-server"].iter().chain(flags).copied();
    let lookup = |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Config::from_parts(arguments, lookup)
}

fn with_file(text: &str, flags: &[&str], environment: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("msr-server.toml");
    std::fs::write(&file, text).unwrap();
    let flags: Vec<&str> = ["--config", file.to_str().unwrap()].iter().chain(flags).copied().collect();
    configure(&flags, environment).map_err(|error| error.to_string())
}

#[test]
fn told_nothing() {
    assert_eq!(configure(&[], &[]).unwrap(), Config::default());
}

#[test]
fn the_defaults_in_the_help_are_the_defaults() {
    let flags: Vec<String> = SETTINGS
        .iter()
        .filter(|setting| !setting.default.is_empty())
        .map(|setting| format!("--{}={}", setting.name, setting.default))
        .collect();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    assert_eq!(configure(&flags, &[]).unwrap(), Config::default());
}

#[test]
fn flag_over_environment_over_file_over_default() {
    let file = "port = 1\nserver = \"::1\"\nttl = 5\n";
    let config = with_file(file, &["--port", "3"], &[("PORT", "2"), ("SERVER", "10.0.0.1")]).unwrap();
    assert_eq!((config.port, config.host.as_str(), config.ttl), (3, "10.0.0.1", Duration::from_millis(5)));
    assert_eq!(config.drain, Config::default().drain);
}

#[test]
fn an_empty_value_is_none() {
    let config = with_file("port = 7", &["--src="], &[("PORT", ""), ("KEY", " ")]).unwrap();
    assert_eq!((config.port, config.origins, config.tls), (7, None, None));
}

#[test]
fn every_setting_from_the_environment() {
    let config = configure(
        &[],
        &[
            ("SERVER", "[::1]"),
            ("PORT", "0"),
            ("SRC", "https://a.example, NONE"),
            ("IDENTITY", "key"),
            ("HOSTS", "app.example.org, [::1]:8443"),
            ("DBSRC", "file:///var/lib/msr%20data"),
            ("KEY", "k.pem"),
            ("CERT", "c.pem"),
            ("TTL", "1000"),
            ("GEOIP", "city.mmdb"),
            ("MAX_CONNECTIONS", "0"),
            ("MAX_CONNECTIONS_PER_ADDRESS", "5"),
            ("MAX_MESSAGES_PER_SECOND", "0"),
            ("MAX_BYTES_PER_SECOND", "5000"),
            ("DRAIN", "1"),
            ("LOG", "warn,msr_server=debug"),
            ("LOG_FORMAT", "json"),
        ],
    )
    .unwrap();
    let expected = Config {
        host: "::1".to_owned(),
        port: 0,
        origins: Some("https://a.example,NONE".parse().unwrap()),
        identities: Identities::Key,
        hosts: vec!["app.example.org".parse().unwrap(), "[::1]:8443".parse().unwrap()],
        store: PathBuf::from("/var/lib/msr data"),
        tls: Some(TlsFiles { key: PathBuf::from("k.pem"), cert: PathBuf::from("c.pem") }),
        ttl: Duration::from_millis(1000),
        geoip: Some(PathBuf::from("city.mmdb")),
        max_connections: None,
        max_connections_per_address: Some(5),
        rate: Rate { messages_per_second: u32::MAX, message_burst: u32::MAX, bytes_per_second: 5000, byte_burst: 1024 * 1024 },
        drain: Duration::from_millis(1),
        log: "warn,msr_server=debug".to_owned(),
        log_format: LogFormat::Json,
    };
    assert_eq!(config, expected);
}

#[test]
fn a_list_in_the_file() {
    let config = with_file("src = [\"https://a.example\", \"NONE\"]\nhosts = [\"a.example\", \"b.example:1\"]", &[], &[]).unwrap();
    assert_eq!(config.origins, Some("https://a.example,NONE".parse().unwrap()));
    assert_eq!(config.hosts, ["a.example".parse().unwrap(), "b.example:1".parse().unwrap()]);
}

#[test]
fn a_folder_as_path_or_url() {
    for (text, path) in [
        ("data", "data"),
        ("./a b", "./a b"),
        ("file:data", "data"),
        ("file:/srv/x", "/srv/x"),
        ("file:///srv/x", "/srv/x"),
        ("file://localhost/srv/x", "/srv/x"),
        ("a:b", "a:b"),
    ] {
        assert_eq!(configure(&["--dbsrc", text], &[]).unwrap().store, PathBuf::from(path), "{text}");
    }
}

#[test]
fn errors_name_the_setting_its_place_and_the_value() {
    for (flags, environment, expected) in [
        (&["--port", "65536"][..], &[][..], r#"--port is "65536": expected a whole number from 0 to 65535"#),
        (&[], &[("PORT", "http")], r#"PORT is "http": expected a whole number from 0 to 65535"#),
        (&["--port=-1"], &[], r#"--port is "-1": expected a whole number from 0 to 65535"#),
        (&["--ttl", "7d"], &[], r#"--ttl is "7d": expected a whole number from 0 to 3155760000000"#),
        (&[], &[("SERVER", "localhost:80")], r#"SERVER is "localhost:80": expected an IP address or a host name, without a port"#),
        (&[], &[("DBSRC", "mongodb://x/y")], r#"DBSRC is "mongodb://x/y": expected a folder: a path or a `file:` URL"#),
        (&["--identity", "md5"], &[], r#"--identity is "md5": expected one of any, key"#),
        (&["--log-format", "xml"], &[], r#"--log-format is "xml": expected one of text, json"#),
        (&[], &[("KEY", "k.pem")], r#"KEY is "k.pem", but `cert` is not set: TLS needs both the key and the certificate"#),
        (&["--cert", "c.pem"], &[], r#"--cert is "c.pem", but `key` is not set: TLS needs both the key and the certificate"#),
    ] {
        assert_eq!(configure(flags, environment).unwrap_err().to_string(), expected);
    }
    let bad_origin = configure(&[], &[("SRC", "https://a.example/app")]).unwrap_err().to_string();
    assert!(bad_origin.starts_with(r#"SRC is "https://a.example/app": "#), "{bad_origin}");
    let bad_hosts = configure(&[], &[("HOSTS", "a.example,https://b.example")]).unwrap_err().to_string();
    assert!(bad_hosts.starts_with(r#"HOSTS is "a.example,https://b.example": expected host names"#), "{bad_hosts}");
    let bad_filter = configure(&[], &[("LOG", "msr_server=loud")]).unwrap_err().to_string();
    assert!(bad_filter.starts_with(r#"LOG is "msr_server=loud": expected a log filter"#), "{bad_filter}");
}

#[test]
fn errors_of_the_file() {
    let unknown = with_file("prot = 1", &[], &[]).unwrap_err();
    assert!(unknown.contains("msr-server.toml: `prot` is not a setting; the settings are server, port, src,"), "{unknown}");
    let itself = with_file("config = \"x\"", &[], &[]).unwrap_err();
    assert!(itself.contains("`config` is not a setting"), "{itself}");
    let kind = with_file("port = true", &[], &[]).unwrap_err();
    assert!(kind.contains(r#"msr-server.toml is "true": expected a string"#), "{kind}");
    let range = with_file("port = 70000", &[], &[]).unwrap_err();
    assert!(range.starts_with("port in ") && range.contains(r#"is "70000": expected a whole number"#), "{range}");
    let syntax = with_file("port = ", &[], &[]).unwrap_err();
    assert!(syntax.contains("configuration file") && syntax.contains("line 1"), "{syntax}");
    let missing = configure(&["--config", "/nowhere/x.toml"], &[]).unwrap_err().to_string();
    assert!(missing.starts_with("configuration file /nowhere/x.toml: "), "{missing}");
}

#[test]
fn the_help_tells_every_setting() {
    let help = configure(&["--help"], &[]).unwrap_err().to_string();
    for setting in SETTINGS {
        assert!(help.contains(&format!("--{} ", setting.name)), "{}", setting.name);
        assert!(help.contains(&format!("[env: {}]", setting.variable)), "{}", setting.variable);
    }
}

#[test]
fn the_example_file_is_one() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/msr-server.toml");
    let text = std::fs::read_to_string(example).unwrap();
    let shown: String = text
        .lines()
        .filter_map(|line| line.strip_prefix("# ").filter(|line| line.contains(" = ")))
        .fold(String::new(), |all, line| all + line + "\n");
    assert_eq!(with_file(&text, &[], &[]).unwrap(), Config::default());
    with_file(&shown, &[], &[]).unwrap();
    for setting in SETTINGS.iter().filter(|setting| setting.name != "config") {
        assert!(shown.contains(&format!("{} = ", setting.name)), "{}", setting.name);
    }
}

#[test]
fn the_operations_page_tells_every_setting() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/OPERATIONS.md")).unwrap();
    for setting in SETTINGS {
        assert!(page.contains(&format!("`--{}`", setting.name)), "{}", setting.name);
        assert!(page.contains(&format!("`{}`", setting.variable)), "{}", setting.variable);
    }
}
