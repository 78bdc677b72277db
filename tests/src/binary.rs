//! Finds the server binary, building it first: the tests of one package do not build the binary of another.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The path of `msr-server`. It is built once a test process, unless `MSR_SERVER_BIN` names one.
pub fn server_binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| std::env::var_os("MSR_SERVER_BIN").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--package", "msr-server", "--bin", "msr-server", "--message-format", "json-render-diagnostics"]);
    // What cargo told this test about its own package would look like a change to build scripts that ask for theirs.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            cargo.env_remove(name);
        }
    }
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stderr(Stdio::inherit()).output().expect("cargo can be started");
    assert!(output.status.success(), "cargo build --package msr-server failed");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|artifact| artifact["target"]["name"] == "msr-server")
        .find_map(|artifact| artifact["executable"].as_str().map(PathBuf::from))
        .expect("cargo names the executable it built")
}
