//! What the page keeps for the session: records go out as changes, and come back when the store is opened. Keys are text,
//! values bytes; both are the session's own affair.

use js_sys::{Array, JsString, Uint8Array};
use msr_client::{Change, Snapshot};
use msr_protocol::Credential;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const RECORDS: &str = r#"
/** Keep this value, in place of what the key had; without a value, forget the key. */
export type Change = [key: string, value?: Uint8Array<ArrayBuffer>];
/** A key, and what is kept under it. */
export type Row = [key: string, value: Uint8Array<ArrayBuffer>];
"#;

#[wasm_bindgen]
extern "C" {
    /// Changes, in order.
    #[wasm_bindgen(typescript_type = "Change[]")]
    pub type WireChanges;
    /// What was kept, in any order.
    #[wasm_bindgen(typescript_type = "Row[]")]
    pub type WireRows;
}

/// The changes, as the page takes them.
pub(crate) fn to_page(changes: Vec<Change>) -> WireChanges {
    let pairs: Array = changes
        .into_iter()
        .map(|change| match change {
            Change::Put { key, value } => Array::of2(&key.into(), &Uint8Array::from(value.as_slice())),
            Change::Delete { key } => Array::of1(&key.into()),
        })
        .collect();
    pairs.unchecked_into()
}

/// What the page kept for that peer; `None` when the credential is none.
pub(crate) fn from_page(credential: &str, rows: &WireRows, entropy: &[u8]) -> Option<Snapshot> {
    let credential: Credential = credential.parse().ok()?;
    let records = rows.unchecked_ref::<Array>().iter().filter_map(|row| {
        let row = row.dyn_into::<Array>().ok()?;
        Some((row.get(0).dyn_into::<JsString>().ok()?.into(), row.get(1).dyn_into::<Uint8Array>().ok()?.to_vec()))
    });
    Some(Snapshot { credential, records: records.collect(), entropy: entropy.try_into().ok()? })
}

/// A number that counts up, for the page: exact for longer than any page lives.
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

/// A time, ms since 1970, for the page.
pub(crate) fn time(time_ms: i64) -> f64 {
    time_ms as f64
}

/// The number that [`number`] gave.
pub(crate) fn count(number: f64) -> u64 {
    number as u64
}
