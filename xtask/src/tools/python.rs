//! Python programs, each in an environment of its own inside the checkout.

use std::path::PathBuf;

use anyhow::Result;

use crate::checkout::Checkout;
use crate::process;

/// A package, in the version that was tried.
struct Package {
    name: &'static str,
    version: &'static str,
    why: &'static str,
}

const KOSOKU: Package = Package { name: "kosoku", version: "0.1.0", why: "Autobahn's WebSocket cases" };
const CRYPTOGRAPHY: Package = Package { name: "cryptography", version: "50.0.2", why: "OpenSSL, to compute the vectors a second time" };

/// Where the suite of WebSocket cases is.
pub(crate) fn kosoku(checkout: &Checkout) -> PathBuf {
    checkout.tools().join("kosoku/bin/kosoku")
}

/// The Python that has OpenSSL.
pub(crate) fn python_with_openssl(checkout: &Checkout) -> PathBuf {
    checkout.tools().join("cryptography/bin/python")
}

/// Installs the suite unless it is there.
pub(super) fn ensure_kosoku(checkout: &Checkout) -> Result<()> {
    ensure(checkout, &KOSOKU)
}

/// Installs OpenSSL for Python unless it is there.
pub(super) fn ensure_openssl(checkout: &Checkout) -> Result<()> {
    ensure(checkout, &CRYPTOGRAPHY)
}

fn ensure(checkout: &Checkout, Package { name, version, why }: &Package) -> Result<()> {
    let folder = checkout.tools().join(name);
    let pip = folder.join("bin/pip");
    let shown = pip.to_str().and_then(|pip| process::output(checkout.command(pip).args(["show", name])));
    if shown.is_some_and(|text| text.lines().any(|line| line.strip_prefix("Version: ") == Some(version))) {
        return Ok(());
    }
    process::step(&format!("pip install {name} {version}"), why, || {
        process::run(checkout.command("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut install = std::process::Command::new(&pip);
        process::run(install.args(["install", "--quiet", "--disable-pip-version-check", &format!("{name}=={version}")]))
    })
}
