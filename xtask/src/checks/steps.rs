//! The steps of `cargo xtask test`, quickest answers first.

use std::process::Command;

use anyhow::Result;

use crate::checkout::Checkout;
use crate::checks::conformance;
use crate::checks::tree::Untracked;
use crate::tools::Need;
use crate::{package, process, tools};

/// One check.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    /// What must be on the machine.
    pub(super) needs: &'static [Need],
    /// The steps whose results it uses.
    pub(super) after: &'static [&'static str],
    pub(super) run: fn(&Checkout, &Untracked) -> Result<()>,
}

/// In the order they run.
pub(super) const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        what: "the code is formatted",
        needs: &[Need::Lints],
        after: &[],
        run: |checkout, _| process::run(&mut checkout.cargo(&["fmt", "--all", "--check"])),
    },
    Step {
        name: "deny",
        what: "licences, sources and banned dependencies",
        needs: &[Need::Deny],
        after: &[],
        run: |checkout, _| {
            let deny = ["deny", "--locked", "--all-features", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"];
            process::run(&mut checkout.cargo(&deny))
        },
    },
    Step {
        name: "clippy",
        what: "no warnings, for this machine",
        needs: &[Need::Lints, Need::CCompiler],
        after: &[],
        run: |checkout, _| {
            let mut clippy = checkout.cargo_locked(&["clippy", "--workspace", "--all-targets", "--all-features"]);
            process::run(clippy.args(["--", "--deny", "warnings"]))
        },
    },
    Step {
        name: "clippy-wasm",
        what: "no warnings, for the page",
        needs: &[Need::Lints, Need::Package],
        after: &[],
        run: |checkout, _| {
            let modules: [&[&str]; 4] = [
                &["msgsrouter"],
                &["msgsrouter-keys"],
                &["msgsrouter-keys", "--features", "passphrase"],
                &["msgsrouter-keys", "--features", "encryption"],
            ];
            modules.iter().try_for_each(|module| {
                let mut clippy = checkout.cargo_locked(&["clippy", "--all-targets"]);
                process::run(clippy.arg("--package").args(*module).args(["--target", "wasm32-unknown-unknown", "--", "--deny", "warnings"]))
            })
        },
    },
    Step {
        name: "docs",
        what: "rustdoc without warnings",
        needs: &[Need::CCompiler],
        after: &[],
        run: |checkout, _| {
            let mut doc = checkout.cargo_locked(&["doc", "--workspace", "--no-deps", "--all-features"]);
            process::run(doc.env("RUSTDOCFLAGS", "--deny warnings"))
        },
    },
    Step {
        name: "vectors",
        what: "the vectors of identities by key, computed a second time by OpenSSL",
        needs: &[Need::OpenSsl],
        after: &[],
        run: |checkout, _| {
            let script = checkout.path("crypto/tests/vectors/check.py");
            process::run(Command::new(tools::python_with_openssl(checkout)).arg("-B").arg(script))
        },
    },
    Step {
        name: "pkg",
        what: "the npm package, its types and its size",
        needs: &[Need::Package],
        after: &[],
        run: |checkout, _| package::build(checkout),
    },
    Step {
        name: "server",
        what: "the server that the tests below start",
        needs: &[Need::CCompiler],
        after: &[],
        run: |checkout, _| process::run(&mut checkout.cargo_locked(&["build", "--package", "msr-server"])),
    },
    Step {
        name: "conformance",
        what: "Autobahn's WebSocket cases",
        needs: &[Need::CCompiler, Need::WebSocketCases],
        after: &[],
        run: |checkout, _| conformance::run(checkout),
    },
    Step {
        name: "rust",
        what: "unit, property, process and fault tests, examples in the documentation",
        needs: &[Need::CCompiler, Need::Package, Need::Faults],
        after: &["server"],
        run: |checkout, _| {
            let mut test = checkout.cargo_locked(&[
                "test",
                "--workspace",
                "--exclude",
                "msgsrouter",
                "--exclude",
                "msgsrouter-keys",
                "--all-features",
            ]);
            process::run(with_server(checkout, &mut test))
        },
    },
    Step {
        name: "wasm",
        what: "the client in a headless browser",
        needs: &[Need::Package, Need::Browser],
        after: &[],
        run: |checkout, _| {
            let mut test = checkout.command("wasm-pack");
            test.args(["test", "--headless", "--chrome", "--mode", "no-install", "client-wasm", "--locked"]);
            process::run(test.env("CARGO_PROFILE_DEV_DEBUG", "false"))
        },
    },
    Step {
        name: "package",
        what: "the packed npm package in Node and in bundlers",
        needs: &[Need::Package],
        after: &["pkg", "server"],
        run: |checkout, _| node_tests(checkout, "tests/package"),
    },
    Step {
        name: "browser",
        what: "the page and the package in Chromium, against the real server",
        needs: &[Need::Package, Need::Browser],
        after: &["pkg", "server"],
        run: |checkout, _| node_tests(checkout, "tests/browser"),
    },
    Step {
        name: "tree",
        what: "nothing was left behind in the checkout",
        needs: &[],
        after: &[],
        run: |checkout, before| before.require_none_new(checkout),
    },
];

/// The tests of a folder, as its package.json starts them.
fn node_tests(checkout: &Checkout, folder: &str) -> Result<()> {
    tools::install_packages(checkout, folder, "what these tests use")?;
    let mut npm = checkout.command("npm");
    npm.current_dir(checkout.path(folder)).args(["run", "--silent", "test"]);
    process::run(with_server(checkout, &mut npm))
}

fn with_server<'a>(checkout: &Checkout, command: &'a mut Command) -> &'a mut Command {
    command.env("MSR_SERVER_BIN", checkout.target("debug/msr-server"))
}
