//! The one list of settings: the flag, the environment variable, the key of the file, the default and the text of
//! `--help` all come of it.

use clap::{Arg, ArgAction, Command};

/// One setting.
pub(super) struct Setting {
    /// The long flag, and the key in the file.
    pub(super) name: &'static str,
    /// The environment variable.
    pub(super) variable: &'static str,
    /// What stands for the value in `--help`.
    pub(super) value: &'static str,
    /// What it is when nobody says; empty when it is then off.
    pub(super) default: &'static str,
    /// What it does, with its unit.
    pub(super) help: &'static str,
}

/// The setting that names the file; the file itself cannot.
pub(super) const FILE: &str = "config";

/// Every setting, in the order of `--help`.
pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "server",
        variable: "SERVER",
        value: "ADDRESS",
        default: "127.0.0.1",
        help: "IP address or host name to listen on; 0.0.0.0 or :: for every interface",
    },
    Setting {
        name: "port",
        variable: "PORT",
        value: "NUMBER",
        default: "55688",
        help: "TCP port to listen on; 0 for any free one, which is printed",
    },
    Setting {
        name: "src",
        variable: "SRC",
        value: "ORIGINS",
        default: "",
        help: "Origins that may connect, comma-separated: https://app.example.org,http://localhost:8080. NONE among them \
               admits clients that send no Origin (Node and other programs); ANY admits everybody. Unset: the pages of this \
               server, by its address, host name and localhost",
    },
    Setting {
        name: "identity",
        variable: "IDENTITY",
        value: "KIND",
        default: "any",
        help: "Which identities may register: any, or key for those by key alone, which nobody else can use. key turns away \
               every client of version 1",
    },
    Setting {
        name: "hosts",
        variable: "HOSTS",
        value: "NAMES",
        default: "",
        help: "Names by which clients dial this server, comma-separated: app.example.org is that name on the ports 443 and \
               80 and the one listened on, app.example.org:8443 that port alone. Identities by key sign the name they \
               dialled. Always among them: this machine's address, host name and localhost, on the port listened on",
    },
    Setting {
        name: "dbsrc",
        variable: "DBSRC",
        value: "FOLDER",
        default: "msr-data",
        help: "Folder where peers are remembered: a path or a file: URL. Made when it is missing",
    },
    Setting {
        name: "key",
        variable: "KEY",
        value: "FILE",
        default: "",
        help: "Private key for TLS (PEM). TLS is on when both key and cert are set; changed files are taken over while running",
    },
    Setting {
        name: "cert",
        variable: "CERT",
        value: "FILE",
        default: "",
        help: "Certificate chain for TLS (PEM), the server's own certificate first",
    },
    Setting {
        name: "ttl",
        variable: "TTL",
        value: "MS",
        default: "604800000",
        help: "How long a device that stays away keeps its queue, and a signed-out peer its entry, in ms",
    },
    Setting {
        name: "geoip",
        variable: "GEOIP",
        value: "FILE",
        default: "",
        help: "Database in MaxMind's format (.mmdb) that gives city and country of an address. Unset: unknown",
    },
    Setting {
        name: "max-connections",
        variable: "MAX_CONNECTIONS",
        value: "NUMBER",
        default: "100000",
        help: "Connections at once, in all; 0, or more than open files allow, for as many as those allow",
    },
    Setting {
        name: "max-connections-per-address",
        variable: "MAX_CONNECTIONS_PER_ADDRESS",
        value: "NUMBER",
        default: "4096",
        help: "Connections at once from one IPv4 address or one IPv6 /64 network; 0 for no limit, as behind a reverse proxy",
    },
    Setting {
        name: "max-messages-per-second",
        variable: "MAX_MESSAGES_PER_SECOND",
        value: "NUMBER",
        default: "10000",
        help: "Messages a second that one connection may send for long, twice that at once; 0 for no limit",
    },
    Setting {
        name: "max-bytes-per-second",
        variable: "MAX_BYTES_PER_SECOND",
        value: "BYTES",
        default: "8388608",
        help: "Bytes a second that one connection may send for long, four times that at once; 0 for no limit",
    },
    Setting {
        name: "drain",
        variable: "DRAIN",
        value: "MS",
        default: "10000",
        help: "How long connections get to end well after SIGTERM or SIGINT, in ms",
    },
    Setting {
        name: "log",
        variable: "LOG",
        value: "FILTER",
        default: "info",
        help: "What is logged on standard error: off, error, warn, info, debug, trace, or by module: warn,msr_server=debug",
    },
    Setting {
        name: "log-format",
        variable: "LOG_FORMAT",
        value: "FORMAT",
        default: "text",
        help: "How log lines are written: text, or json (one object a line)",
    },
    Setting {
        name: FILE,
        variable: "CONFIG",
        value: "FILE",
        default: "",
        help: "TOML file with these settings, each under the name of its flag",
    },
];

/// The command line.
pub(super) fn command() -> Command {
    Command::new("msr-server")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Routes messages between web pages and programs over WebSocket")
        .after_help("A flag goes before the environment, the environment before the file. Empty values count as not given.")
        .args(SETTINGS.iter().map(argument))
}

fn argument(setting: &'static Setting) -> Arg {
    let default = if setting.default.is_empty() { String::new() } else { format!(" [default: {}]", setting.default) };
    // The variable stands in the text, and `layers` reads it: read by clap, an empty one would hide the file.
    let help = format!("{}{default} [env: {}]", setting.help, setting.variable);
    Arg::new(setting.name).long(setting.name).value_name(setting.value).help(help).action(ArgAction::Set)
}
