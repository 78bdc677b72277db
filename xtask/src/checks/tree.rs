//! That building and testing leave nothing behind which git would take for part of the project.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use crate::checkout::Checkout;
use crate::process;

/// The files git neither tracks nor ignores; `None` outside a git checkout.
pub(super) struct Untracked(Option<BTreeSet<String>>);

impl Untracked {
    /// As they are now.
    pub(super) fn list(checkout: &Checkout) -> Self {
        let listed = process::output(checkout.command("git").args(["ls-files", "--others", "--exclude-standard"]));
        Self(listed.map(|text| text.lines().map(str::to_owned).collect()))
    }

    /// Fail when there are more of them than before.
    pub(super) fn require_none_new(&self, checkout: &Checkout) -> Result<()> {
        let (Some(before), Some(now)) = (&self.0, Self::list(checkout).0) else {
            println!("    no git checkout: nothing to compare");
            return Ok(());
        };
        let new: Vec<_> = now.difference(before).map(String::as_str).collect();
        if !new.is_empty() {
            bail!("left behind: {}", new.join(", "));
        }
        Ok(())
    }
}
