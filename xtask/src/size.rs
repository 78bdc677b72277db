//! What the package costs a page to load.

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;
use crate::process;

/// The files a page loads.
const LOADED: &[&str] = &["index.js", "msgsrouter_bg.wasm"];

/// How large they may be together, compressed by gzip.
const BUDGET_GZIP_BYTES: usize = 97_000;

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

/// Print the sizes; fail over the budget.
pub(crate) fn check(checkout: &Checkout) -> Result<()> {
    let files = LOADED.iter().map(|name| checkout.path("pkg").join(name));
    let measured = process::output(checkout.command("node").arg("--eval").arg(MEASURE).arg("--").args(files));
    let text = measured.with_context(|| format!("cannot measure pkg/{}", LOADED.join(" and pkg/")))?;

    let mut total = Size::default();
    println!("    {:<22}{:>11}{:>11}{:>11}", "a page loads (bytes)", "raw", "gzip", "brotli");
    for (name, line) in LOADED.iter().zip(text.lines()) {
        let size = Size::read(line).with_context(|| format!("cannot read the size of {name} in: {line}"))?;
        size.print(name);
        total = total.plus(size);
    }
    total.print("together");
    if total.gzip > BUDGET_GZIP_BYTES {
        bail!("the package takes {} bytes of gzip; {BUDGET_GZIP_BYTES} is the budget", total.gzip);
    }
    Ok(())
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
