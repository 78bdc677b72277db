//! Whether something was made from exactly these files before. Contents are compared, never times: a checkout, a copy or a
//! clock set back cannot fool it.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folders that hold what was made, not what it was made from.
const GENERATED: &[&str] = &["node_modules", "target"];

/// A fingerprint of files and folders, their names and contents; a missing one is part of it.
pub(crate) fn fingerprint(paths: &[PathBuf]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        add(path, &mut hasher)?;
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// Whether the stamp was left for this.
pub(crate) fn is_current(stamp: &Path, text: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|found| found == text)
}

/// Leave a stamp.
pub(crate) fn leave(stamp: &Path, text: &str) -> Result<()> {
    if let Some(folder) = stamp.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(stamp, text).with_context(|| format!("cannot write {}", stamp.display()))
}

fn add(path: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    path.hash(hasher);
    if path.is_dir() {
        let mut entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        entries.retain(|entry| !GENERATED.iter().any(|name| entry.ends_with(name)));
        entries.sort();
        return entries.iter().try_for_each(|entry| add(entry, hasher));
    }
    match fs::read(path) {
        Ok(bytes) => bytes.hash(hasher),
        Err(error) if error.kind() == ErrorKind::NotFound => "missing".hash(hasher),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_contents_and_absence() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let sources = fingerprint(&[here.join("src")]).unwrap();
        assert_eq!(sources, fingerprint(&[here.join("src")]).unwrap());
        assert_ne!(sources, fingerprint(&[here.join("src"), here.join("no such file")]).unwrap());
    }
}
