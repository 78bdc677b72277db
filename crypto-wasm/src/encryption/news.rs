//! What the page is told of keys: plain objects.

use js_sys::{Array, Object, Reflect};
use msr_crypto::{AlarmKind, Failure, Identity, KeyEvent, PeerChange, PeerView, qr_text};
use msr_protocol::v2::Bytes16;
use msr_protocol::{Code, Credential, Disposition};
use wasm_bindgen::prelude::*;

use super::qr::svg;

/// The object that an event is; `None` for what the page has no use for yet.
pub(super) fn event(event: KeyEvent) -> Option<JsValue> {
    Some(match event {
        KeyEvent::PeerChanged { credential, change, holds } => {
            let (change, device) = change_of(change);
            object(&[
                ("kind", "peerchange".into()),
                ("credential", credential.to_string().into()),
                ("change", change.into()),
                ("device", device.map_or(JsValue::UNDEFINED, id)),
                ("held", holds.into()),
            ])
        }
        KeyEvent::Alarm { credential, kind } => error(Code::ListForged, alarm(kind), Some(credential)),
        KeyEvent::NoKeys { ticket: _, credential } => {
            error(Code::NoKeys, "A message waits until its recipient has keys, or allowPlain lets it go unencrypted", Some(credential))
        }
        KeyEvent::Held { .. } => object(&[("kind", "held".into())]),
        KeyEvent::Revoked { device } => object(&[("kind", "revoked".into()), ("device", id(device))]),
        KeyEvent::RevokeFailed { device, code } => {
            object(&[("kind", "revoked".into()), ("device", id(device)), ("code", code.number().into()), ("reason", code.reason().into())])
        }
        KeyEvent::Gap { .. } => object(&[("kind", "gap".into())]),
        KeyEvent::GroupKey { .. } => return None,
        KeyEvent::Trouble(Failure { code, detail }) => error(code, &detail, None),
    })
}

fn error(code: Code, reason: &str, about: Option<Credential>) -> JsValue {
    let retry = code.disposition() == Disposition::Retry;
    object(&[
        ("kind", "error".into()),
        ("code", code.number().into()),
        ("reason", reason.into()),
        ("retry", retry.into()),
        ("credential", about.map_or(JsValue::UNDEFINED, |peer| id(peer.0))),
    ])
}

fn change_of(change: PeerChange) -> (&'static str, Option<Bytes16>) {
    match change {
        PeerChange::NewPeer => ("new-peer", None),
        PeerChange::NewKey => ("new-key", None),
        PeerChange::DeviceAdded(device) => ("device-added", Some(device)),
        PeerChange::DeviceRemoved(device) => ("device-removed", Some(device)),
        PeerChange::OwnDeviceAdded(device) => ("own-device-added", Some(device)),
        PeerChange::OwnDeviceRemoved(device) => ("own-device-removed", Some(device)),
    }
}

fn alarm(kind: AlarmKind) -> &'static str {
    match kind {
        AlarmKind::Rollback => "The server showed an older list of devices than before",
        AlarmKind::Fork => "There are two lists of devices under one number",
        AlarmKind::ForgedList => "The server showed a list of devices that is not the peer's",
        AlarmKind::ListDenied => "The server shows no list of a peer that had one",
        AlarmKind::Unrevoked => "A device that was revoked is listed again",
        AlarmKind::ForgedKey => "The server gave out a key that is not the device's",
        AlarmKind::OldKey => "The server gave out an old key of a device",
        AlarmKind::ForgedLetter => "A message is not what it says it is",
        AlarmKind::Replay => "A message came again",
    }
}

/// What two people compare.
pub(super) fn safety_number(own: &Identity, other: &Identity) -> JsValue {
    let qr = qr_text(own, other);
    let svg = svg(&qr).unwrap_or_default();
    object(&[("digits", msr_crypto::safety_number(own, other).into()), ("qr", qr.into()), ("svg", svg.into())])
}

/// What is known of the keys of a peer.
pub(super) fn peer_keys(peer: &PeerView<'_>) -> JsValue {
    object(&[("devices", peer_devices(peer).into()), ("verified", peer.verified.into()), ("held", peer.holds.into())])
}

/// Its devices, those that wait for a person among them.
fn peer_devices(peer: &PeerView<'_>) -> Array {
    let held = peer.held.iter().flat_map(|list| &list.devices).filter(|held| peer.list.enrolment(held.device) != Some(&held.enrolment));
    let all = peer.list.devices.iter().map(|listed| (listed, true)).chain(held.map(|listed| (listed, false)));
    all.map(|(listed, trusted)| {
        let enrolled = listed.enrolment.enrolled_ms as f64;
        object(&[("id", id(listed.device)), ("enrolled", enrolled.into()), ("trusted", trusted.into())])
    })
    .collect()
}

/// An id, as the page has it.
pub(super) fn id(device: Bytes16) -> JsValue {
    Credential(device).to_string().into()
}

/// A plain object with these members, without those that are undefined.
pub(super) fn object(members: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_undefined()) {
        // A plain object takes every member.
        let _ = Reflect::set(&object, &JsValue::from_str(name), value);
    }
    object.into()
}
