//! docs/PROMISES.md names the test that shows each case; those tests are there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;

/// The cases that can be shown today: all but 24.
const CASES: [u32; 24] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 25];

#[test]
fn every_case_has_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = fs::read_to_string(root.join("docs/PROMISES.md")).unwrap();
    let mut cases = vec![];
    for row in text.lines().filter_map(|line| line.strip_prefix("| ")) {
        let cells: Vec<_> = row.trim_end_matches(" |").split(" | ").collect();
        let (Ok(case), [_, _, shown_by]) = (cells[0].parse::<u32>(), cells.as_slice()) else { continue };
        cases.push(case);
        let mut source = None;
        for name in shown_by.split('`').skip(1).step_by(2) {
            if name.ends_with(".rs") || name.ends_with(".mjs") {
                source = Some(fs::read_to_string(root.join(name)).unwrap_or_else(|error| panic!("case {case}: {name}: {error}")));
                continue;
            }
            let source = source.as_ref().unwrap_or_else(|| panic!("case {case}: {name} is in no file"));
            let spellings = [format!("fn {name}("), format!("test('{name}'")];
            assert!(spellings.iter().any(|spelling| source.contains(spelling)), "case {case}: no test {name}");
        }
        assert!(source.is_some(), "case {case} has no test");
    }
    assert_eq!(cases, CASES);
}
