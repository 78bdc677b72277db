//! What the package costs a page to load.

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;
use crate::process;

/// Files that a page loads together, and how large they may be, compressed by gzip.
struct Part {
    what: &'static str,
    files: &'static [&'static str],
    budget_gzip_bytes: usize,
}

/// What every page loads, and what is loaded when it is needed.
const PARTS: &[Part] = &[
    Part { what: "every page", files: &["index.js", "msgsrouter_bg.wasm"], budget_gzip_bytes: 92_000 },
    Part { what: "to derive a key", files: &["identity-worker.js", "identity.js", "identity_bg.wasm"], budget_gzip_bytes: 12_200 },
    Part { what: "for pass phrases", files: &["passphrase.js", "passphrase_bg.wasm"], budget_gzip_bytes: 13_900 },
    Part { what: "to encrypt", files: &["encryption.js", "encryption_bg.wasm"], budget_gzip_bytes: 147_500 },
];

/// Node has both compressors, so this program needs none. Prints a line `raw gzip brotli` a file.
const MEASURE: &str = "
const { readFileSync } = require('node:fs');
const { brotliCompressSync, gzipSync } = require('node:zlib');
for (const file of process.argv.slice(1)) {
  const bytes = readFileSync(file);
  console.log(bytes.length, gzipSync(bytes, { level: 9 }).length, brotliCompressSync(bytes).length);
}";

/// Bytes as they are, and compressed.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Size {
    raw: usize,
    gzip: usize,
    brotli: usize,
}

/// Print the sizes; fail over a budget.
pub(crate) fn check(checkout: &Checkout) -> Result<()> {
    let over: Vec<_> = PARTS.iter().filter_map(|part| check_part(checkout, part).transpose()).collect::<Result<_>>()?;
    if over.is_empty() { Ok(()) } else { bail!("{}", over.join("; ")) }
}

/// Print the sizes of a part; what is to be said if it is over its budget.
fn check_part(checkout: &Checkout, part: &Part) -> Result<Option<String>> {
    let Part { what, files, budget_gzip_bytes } = part;
    let paths = files.iter().map(|name| checkout.path("pkg").join(name));
    let measured = process::output(checkout.command("node").arg("--eval").arg(MEASURE).arg("--").args(paths));
    let text = measured.with_context(|| format!("cannot measure pkg/{}", files.join(" and pkg/")))?;

    let mut total = Size::default();
    println!("    {:<22}{:>11}{:>11}{:>11}", format!("{what} (bytes)"), "raw", "gzip", "brotli");
    for (name, line) in files.iter().zip(text.lines()) {
        let size = Size::read(line).with_context(|| format!("cannot read the size of {name} in: {line}"))?;
        size.print(name);
        total = total.plus(size);
    }
    total.print("together");
    let is_over = total.gzip > *budget_gzip_bytes;
    Ok(is_over.then(|| format!("{} take {} bytes of gzip; {budget_gzip_bytes} is the budget", files.join(" and "), total.gzip)))
}

impl Size {
    fn read(line: &str) -> Option<Self> {
        let mut numbers = line.split(' ').map(|number| number.parse().ok());
        Some(Self { raw: numbers.next()??, gzip: numbers.next()??, brotli: numbers.next()?? })
    }

    fn plus(self, other: Self) -> Self {
        Self { raw: self.raw + other.raw, gzip: self.gzip + other.gzip, brotli: self.brotli + other.brotli }
    }

    fn print(self, name: &str) {
        println!("    {name:<22}{:>11}{:>11}{:>11}", self.raw, self.gzip, self.brotli);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_node_prints() {
        assert_eq!(Size::read("3 2 1"), Some(Size { raw: 3, gzip: 2, brotli: 1 }));
        assert_eq!(Size::read("3 2"), None);
    }
}
