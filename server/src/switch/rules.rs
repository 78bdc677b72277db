//! What a switch is told at its start.

use super::Rate;
use crate::own_hosts::OwnNames;

/// Which identities may register.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Identities {
    /// All: by key, and by MD5.
    #[default]
    Any,
    /// Those by key alone. Version 1 has none.
    Key,
}

/// Who may register, and how much each may send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// What one connection may send.
    pub rate: Rate,
    /// Which identities are taken.
    pub identities: Identities,
    /// The hosts in whose name a client may have dialled.
    pub names: OwnNames,
}
