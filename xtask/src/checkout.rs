//! Where things are, and commands that start there.

use std::env;
use std::path::{self, Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// The checkout this command was started in.
pub(crate) struct Checkout {
    root: PathBuf,
    target: PathBuf,
}

impl Checkout {
    /// Found through what cargo tells the programs it runs, so that the folder it was called from does not matter.
    pub(crate) fn locate() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.parent().context("the folder of xtask has no parent")?.to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => path::absolute(folder)?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// A path inside the checkout.
    pub(crate) fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        self.root.join(inside)
    }

    /// A path inside cargo's target folder: everything these commands make, except `node_modules` and `pkg`, is there.
    pub(crate) fn target(&self, inside: impl AsRef<Path>) -> PathBuf {
        self.target.join(inside)
    }

    /// Where tools are installed that the machine lacks; nothing outside the checkout is changed for them.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target("tools")
    }

    /// A command that starts at the root, finds the tools of the checkout first, and never waits for a keyboard.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).stdin(Stdio::null()).env("PATH", self.search_path()).env("CARGO_TARGET_DIR", &self.target);
        // What cargo says to this program about its own package would make build scripts run again that watch it.
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&*name);
            }
        }
        command
    }

    /// `cargo`, as [`Self::command`].
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("cargo");
        command.args(arguments);
        command
    }

    /// Same, with the dependencies exactly as in Cargo.lock.
    pub(crate) fn cargo_locked(&self, arguments: &[&str]) -> Command {
        let mut command = self.cargo(arguments);
        command.arg("--locked");
        command
    }

    fn search_path(&self) -> std::ffi::OsString {
        let inherited = env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.tools().join("bin")).chain(env::split_paths(&inherited));
        // A folder whose name cannot stand in a search path: do without our own tools rather than without any.
        env::join_paths(folders).unwrap_or(inherited)
    }
}
