//! Node and npm, and the packages of a folder.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;
use crate::{process, stamp};

/// The oldest Node that will do.
const OLDEST_NODE: u32 = 20;

/// Node cannot be had from every distribution in a version that will do, so it is never installed from here.
pub(super) fn ensure(checkout: &Checkout) -> Result<()> {
    let found = process::output(checkout.command("node").arg("--version"));
    match found.as_deref().map(major) {
        Some(Some(version)) if version >= OLDEST_NODE => {}
        Some(_) => bail!("Node {OLDEST_NODE} or later is needed, found {}. See https://nodejs.org/en/download", found.unwrap_or_default()),
        None => bail!("Node {OLDEST_NODE} or later is needed, and `node` is missing. See https://nodejs.org/en/download"),
    }
    if process::output(checkout.command("npm").arg("--version")).is_none() {
        bail!("`npm` is missing; it comes with Node from https://nodejs.org/en/download");
    }
    Ok(())
}

/// `npm ci` in a folder of the checkout, unless its packages are those of the lock file already.
pub(crate) fn install_packages(checkout: &Checkout, folder: &str, why: &str) -> Result<()> {
    let folder = checkout.path(folder);
    let lock_file = folder.join("package-lock.json");
    let lock = fs::read_to_string(&lock_file).with_context(|| format!("cannot read {}", lock_file.display()))?;
    let installed = folder.join("node_modules/.installed-lock.json");
    if stamp::is_current(&installed, &lock) {
        return Ok(());
    }
    process::step(&format!("npm ci in {}", shown(checkout, &folder)), why, || {
        process::run(checkout.command("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel", "error"]).current_dir(&folder))?;
        stamp::leave(&installed, &lock)
    })
}

fn shown(checkout: &Checkout, folder: &Path) -> String {
    folder.strip_prefix(checkout.path("")).unwrap_or(folder).display().to_string()
}

/// The 20 of `v20.1.2`.
fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_version_of_node() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("20"), None);
    }
}
