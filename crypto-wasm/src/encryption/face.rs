//! Who hears what the keys say: `client-wasm/js/src/keys/keys.ts`. Its methods take note and return.

use js_sys::{Array, JsString, Uint8Array};
use msr_crypto::Change;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const FACE: &str = r#"
export type Change = [key: string, value?: Uint8Array<ArrayBuffer>];
export type Row = [key: string, value: Uint8Array<ArrayBuffer>];
export type PeerChangeKind =
  'new-peer' | 'new-key' | 'device-added' | 'device-removed' | 'own-device-added' | 'own-device-removed';
export type KeyEvent =
  | { kind: 'peerchange'; credential: string; change: PeerChangeKind; device?: string; held: boolean }
  | { kind: 'gap' }
  | { kind: 'held' }
  | { kind: 'revoked'; device: string; code?: number; reason?: string }
  | { kind: 'error'; code: number; reason: string; retry: boolean; credential?: string };
/** `trusted`: messages are encrypted for it. */
export interface PeerDevice { id: string; enrolled: number; trusted: boolean }
/** `verified`: a person compared its safety number; `held`: messages for it wait for a person. */
export interface PeerKeys { devices: PeerDevice[]; verified: boolean; held: boolean }
/** 60 digits, what a QR code says, and a picture of that code. */
export interface SafetyNumber { digits: string; qr: string; svg: string }
export interface KeysFace {
  answer(answers: Uint8Array<ArrayBuffer>): void;
  persist(ticket: number, changes: Change[], strict: boolean): void;
  tell(event: KeyEvent): void;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// Who hears.
    #[wasm_bindgen(typescript_type = "KeysFace")]
    pub type KeysFace;
    /// What was kept, in any order.
    #[wasm_bindgen(typescript_type = "Row[]")]
    pub type WireRows;

    /// What is known of the keys of a peer.
    #[wasm_bindgen(typescript_type = "PeerKeys")]
    pub type WirePeerKeys;
    /// What two people compare.
    #[wasm_bindgen(typescript_type = "SafetyNumber")]
    pub type WireSafetyNumber;

    #[wasm_bindgen(method)]
    pub(super) fn answer(this: &KeysFace, answers: Vec<u8>);
    #[wasm_bindgen(method)]
    pub(super) fn persist(this: &KeysFace, ticket: f64, changes: Array, strict: bool);
    #[wasm_bindgen(method)]
    pub(super) fn tell(this: &KeysFace, event: JsValue);
}

/// Changes, as the page keeps them.
pub(super) fn changes_to_page(changes: Vec<Change>) -> Array {
    let pair = |change| match change {
        Change::Put { key, value } => Array::of2(&key.into(), &Uint8Array::from(value.as_slice())),
        Change::Delete { key } => Array::of1(&key.into()),
    };
    changes.into_iter().map(pair).collect()
}

/// What the page kept.
pub(super) fn records_from_page(rows: &WireRows) -> Vec<(String, Vec<u8>)> {
    let record = |row: JsValue| {
        let row = row.dyn_into::<Array>().ok()?;
        Some((row.get(0).dyn_into::<JsString>().ok()?.into(), row.get(1).dyn_into::<Uint8Array>().ok()?.to_vec()))
    };
    rows.unchecked_ref::<Array>().iter().filter_map(record).collect()
}
