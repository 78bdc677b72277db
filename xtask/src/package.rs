//! The npm package in `pkg/`: the client and its keys compiled to WebAssembly, and their JavaScript.

use std::env;

use anyhow::Result;

use crate::checkout::Checkout;
use crate::tools::{self, Need};
use crate::{process, size, stamp};

/// What the package is made from.
const SOURCES: &[&str] = &[
    ".cargo/config.toml",
    "Cargo.lock",
    "Cargo.toml",
    "client",
    "client-wasm",
    "crypto",
    "crypto-wasm",
    "pkg/README.md",
    "pkg/package.json",
    "protocol",
];

/// A WebAssembly module of the package: the crate, what it is called, and with which features.
struct Module {
    krate: &'static str,
    name: &'static str,
    folder: &'static str,
    features: &'static [&'static str],
}

/// The core, and what is loaded when it is needed.
const MODULES: &[Module] = &[
    Module { krate: "client-wasm", name: "msgsrouter", folder: "core", features: &[] },
    Module { krate: "crypto-wasm", name: "identity", folder: "identity", features: &[] },
    Module { krate: "crypto-wasm", name: "passphrase", folder: "passphrase", features: &["--features", "passphrase"] },
    Module { krate: "crypto-wasm", name: "encryption", folder: "encryption", features: &["--features", "encryption"] },
];

/// Build it unless it is up to date, print its size, and fail when that is over the budget.
pub(crate) fn build(checkout: &Checkout) -> Result<()> {
    tools::ensure(checkout, &[Need::Package])?;
    tools::install_packages(checkout, "client-wasm/js", "wasm-opt, the bundler and the TypeScript compiler")?;

    let mark = checkout.target("pkg.stamp");
    if stamp::is_current(&mark, &state(checkout)?) {
        println!("==> pkg: up to date");
    } else {
        for module in MODULES {
            process::step(&format!("wasm-pack build {}", module.name), "compiles for the page", || compile(checkout, module))?;
        }
        process::step("build.mjs", "optimises, bundles and checks the types", || {
            process::run(checkout.command("node").arg("client-wasm/js/build.mjs"))
        })?;
        stamp::leave(&mark, &state(checkout)?)?;
    }
    size::check(checkout)
}

/// WebAssembly and bindings, to where build.mjs looks for them. Optimising is left to it, which has the wasm-opt that the
/// lock file of npm names.
fn compile(checkout: &Checkout, module: &Module) -> Result<()> {
    let mut build = checkout.command("wasm-pack");
    build.args(["build", module.krate, "--target", "web", "--mode", "no-install", "--no-pack", "--no-opt"]);
    build.args(["--profile", "wasm", "--out-name", module.name, "--out-dir"]).arg(checkout.path("target/wasm-pack").join(module.folder));
    build.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", rust_flags());
    process::run(build.args(["--", "--locked"]).args(module.features))
}

/// SHA-2 and AES in loops rather than written out, for that is small; and panics name the file they come from: where the builder keeps it
/// is nobody's business, and makes builds differ.
fn rust_flags() -> String {
    let compact = ["sha2", "aes"].map(|name| format!("--cfg={name}_backend_soft=\"compact\"")).join(" ");
    crate_sources().map_or(compact.clone(), |sources| format!("{compact} --remap-path-prefix={sources}=crates"))
}

/// Where cargo keeps the sources of other crates; `None` where the path has a space, at which cargo would split the flag.
fn crate_sources() -> Option<String> {
    let home = env::var("CARGO_HOME").or_else(|_| env::var("HOME").map(|home| format!("{home}/.cargo"))).ok()?;
    let sources = format!("{home}/registry/src");
    (!sources.contains(' ')).then_some(sources)
}

/// Everything that went in and came out, and the compiler.
fn state(checkout: &Checkout) -> Result<String> {
    let mut paths: Vec<_> = SOURCES.iter().map(|source| checkout.path(source)).collect();
    paths.push(checkout.path("pkg"));
    let compiler = process::output(checkout.command("rustc").arg("--version")).unwrap_or_default();
    Ok(format!("{} {compiler}", stamp::fingerprint(&paths)?))
}
