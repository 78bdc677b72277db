//! A Python program in an environment of its own inside the checkout.

use std::path::PathBuf;

use anyhow::Result;

use crate::checkout::Checkout;
use crate::process;

/// The version that was tried.
const KOSOKU: &str = "0.1.0";

/// Where the suite of WebSocket cases is.
pub(crate) fn kosoku(checkout: &Checkout) -> PathBuf {
    checkout.tools().join("kosoku/bin/kosoku")
}

/// Installs the suite unless it is there.
pub(super) fn ensure_kosoku(checkout: &Checkout) -> Result<()> {
    let folder = checkout.tools().join("kosoku");
    let pip = folder.join("bin/pip");
    let shown = pip.to_str().and_then(|pip| process::output(checkout.command(pip).args(["show", "kosoku"])));
    if shown.is_some_and(|text| text.lines().any(|line| line == format!("Version: {KOSOKU}"))) {
        return Ok(());
    }
    process::step(&format!("pip install kosoku {KOSOKU}"), "Autobahn's WebSocket cases", || {
        process::run(checkout.command("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut install = std::process::Command::new(&pip);
        process::run(install.args(["install", "--quiet", "--disable-pip-version-check", &format!("kosoku=={KOSOKU}")]))
    })
}
