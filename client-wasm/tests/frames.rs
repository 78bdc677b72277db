//! Version 2 in a browser: frames both ways, and what is kept before they go.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod page;

use msr_protocol::Credential;
use msr_protocol::v2::{Bytes16, Delivery, Device, Entry, Exception, Field, Frame, List, MessageId, Receipt, Rest, Varint, frames};
use page::{Page, TO, draft};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

const NOBODY: Credential = Credential([0; 16]);
const SENDER: Bytes16 = [9; 16];

fn says(page: &Page, frames: &[Frame<'_>]) {
    let mut message = Vec::new();
    for frame in frames {
        frame.write(&mut message);
    }
    page.face.came_bytes(&message);
}

fn welcome() -> Frame<'static> {
    Frame::Welcome {
        origin_time_ms: 0,
        receive_time_ms: 1_000,
        process_time_us: Varint(0),
        queue_epoch: 1,
        start: 1,
        accepted: Varint(0),
        waiting: Varint(0),
        gap: false,
        window_entries: Varint(8),
        window_bytes: Varint(1 << 20),
        message_bytes: Varint(1 << 20),
        piece_bytes: Varint(32_768),
        heartbeat_ms: Varint(10_000),
    }
}

/// A page that is registered with a server of version 2; gives its device and the epoch of its outbox.
fn registered() -> (Page, Bytes16, u64) {
    let page = Page::new();
    page.connect("ws://relay.test");
    page.face.opened(Some("msr.v2"));
    says(&page, &[Frame::Challenge { nonce: [0; 32], time_ms: 0, server: "relay" }]);
    let hello = page.face.last_bytes();
    let Some(Ok(Frame::Hello { device, device_name, outbox_epoch, .. })) = frames(&hello).next() else { panic!("no Hello") };
    assert_eq!(device_name, "desk");
    says(&page, &[welcome()]);
    page.persist("registered\npersist +inbox");
    assert_eq!(page.face.noted(), "");
    (page, device, outbox_epoch)
}

/// An entry of the queue, from the sender's outbox.
fn deliver(sequence: u64, flags: u8, reply_to: Option<MessageId>, payload: &[u8]) -> Vec<u8> {
    let id = MessageId { device: SENDER, outbox_epoch: 5, number: Varint(sequence) };
    let (subject, recipients, payload) = ("\"s\"", List(vec![NOBODY]), Rest(payload));
    let delivery = Delivery { from: NOBODY, id, timestamp_ms: 7, flags, recipients, reply_to, subject, payload };
    written(&Entry::Message(delivery))
}

fn written<'a>(entry: &impl Field<'a>) -> Vec<u8> {
    let mut bytes = Vec::new();
    entry.write(&mut bytes);
    bytes
}

#[wasm_bindgen_test]
fn a_message_is_kept_before_it_is_sent() {
    let (page, ..) = registered();
    let ticket = page.send();
    page.persist("persist strict +identity +out:0000\noutbox 1");
    assert!(page.face.noted().starts_with("send "));
    let sent = page.face.last_bytes();
    let Some(Ok(Frame::Send { number, subject, payload, .. })) = frames(&sent).next() else { panic!("no Send") };
    assert_eq!((number.0, subject, payload.0), (1, "\"s\"", &b"1"[..]));

    let exceptions = List(vec![Exception { recipient: Varint(0), code: 415 }]);
    says(&page, &[Frame::Accepted { number: Varint(1), timestamp_ms: 77, exceptions }]);
    let recipients = r#"[{"to":"00000000000000000000000000000000","status":"error","code":415,"reason":"No such recipient"}]"#;
    page.persist(&format!("accepted {ticket} 1 77 {recipients}\npersist -out:0000\noutbox 0"));
}

#[wasm_bindgen_test]
fn what_cannot_be_kept_is_not_sent() {
    let (page, ..) = registered();
    let ticket = page.send();
    assert!(page.face.noted().starts_with("persist strict"));
    page.session.persist_failed(page.face.last_ticket(), "the disk is full".to_owned());
    let noted = page.face.noted();
    assert!(noted.starts_with(&format!("notSent {ticket} 553")) && !noted.contains("send "), "{noted}");
}

#[wasm_bindgen_test]
fn what_was_kept_goes_on_in_the_next_session() {
    let page = Page::new();
    page.connect("ws://relay.test");
    let more = js_sys::JSON::parse(r#"{"id":"mine"}"#).unwrap();
    let _ = page.session.send(draft(TO, "1", &more));
    assert!(page.face.noted().contains("+out:0000"));
    page.session.persisted(page.face.last_ticket());
    let rows = page.face.kept();
    page.session.close();

    let next = Page::new();
    next.session.connect(page::settings("ws://relay.test", true));
    let noted = next.face.noted();
    let (_, credential) = noted.rsplit_once("restore ").unwrap();
    next.session.restored(credential, &rows, &[8; 32]);
    assert_eq!(next.face.noted(), "open ws://relay.test msr.v2\nrestored 1 mine\noutbox 1");
}

#[wasm_bindgen_test]
fn a_message_is_acknowledged_when_it_is_handled_and_that_is_kept() {
    let (page, ..) = registered();
    let (first, second) = (deliver(3, 0, None, b"1"), deliver(4, 4, None, &[1, 2]));
    says(
        &page,
        &[
            Frame::Deliver { sequence: 3, header: &[], entry: Rest(&first) },
            Frame::Deliver { sequence: 4, header: &[], entry: Rest(&second) },
        ],
    );
    assert_eq!(page.face.noted(), "message 1");
    page.session.handled(page.face.tag());
    let noted = page.face.noted();
    assert!(noted.starts_with("message of 2 bytes\npersist +inbox +mark:090"), "{noted}");
    page.session.handled(page.face.tag());
    page.session.persisted(page.face.last_ticket());
    assert!(page.face.noted().contains("persist +inbox"));
}

#[wasm_bindgen_test]
fn receipts_replies_gaps_and_devices_are_told() {
    let (page, device, outbox_epoch) = registered();
    let more = js_sys::JSON::parse(r#"{"request":60000}"#).unwrap();
    let ticket = page.session.send(draft(TO, "1", &more));
    page.session.persisted(page.face.last_ticket());
    page.face.noted();
    says(&page, &[Frame::Accepted { number: Varint(1), timestamp_ms: 7, exceptions: List(vec![]) }]);
    page.face.noted();

    says(&page, &[Frame::Progress { number: Varint(1), recipient: NOBODY, bytes: Varint(5) }]);
    let to = "00000000000000000000000000000000";
    assert_eq!(page.face.noted(), format!(r#"receipt {ticket} 1 undefined {{"to":"{to}","status":"receiving","bytes":5}}"#));
    let receipt = Receipt { outbox_epoch, number: Varint(1), recipient: NOBODY, code: 200, timestamp_ms: 9 };
    says(&page, &[Frame::Deliver { sequence: 1, header: &[], entry: Rest(&written(&Entry::Receipt(receipt))) }]);
    assert!(page.face.noted().starts_with(&format!(r#"receipt {ticket} 1 9 {{"to":"{to}","status":"delivered"}}"#)));

    let request = MessageId { device, outbox_epoch, number: Varint(1) };
    says(&page, &[Frame::Deliver { sequence: 2, header: &[], entry: Rest(&deliver(2, 0, Some(request), b"\"yes\"")) }]);
    let noted = page.face.noted();
    assert!(noted.contains(&format!("reply {ticket} yes")), "{noted}");

    let devices = List(vec![Device { device, name: "desk", online: true, seen_ms: 5, waiting: Varint(2) }]);
    says(&page, &[Frame::Devices { revision: Varint(1), devices }]);
    let id = Credential(device);
    let told = format!(r#"devices [{{"id":"{id}","name":"desk","online":true,"seen":5,"waiting":2,"isThis":true}}]"#);
    assert_eq!(page.face.noted(), told);
    assert!(page.session.retire(&id.to_string()) && !page.session.retire("nonsense"));
    assert!(page.face.noted().starts_with("send "));
}

#[wasm_bindgen_test]
fn an_answer_names_what_it_answers() {
    let (page, ..) = registered();
    let reply_to = "09090909090909090909090909090909000000000000000500000000000000ff";
    let more = js_sys::JSON::parse(&format!(r#"{{"replyTo":"{reply_to}"}}"#)).unwrap();
    let _ = page.session.send(draft(TO, "1", &more));
    page.session.persisted(page.face.last_ticket());
    let sent = page.face.last_bytes();
    let Some(Ok(Frame::Send { reply_to, .. })) = frames(&sent).next() else { panic!("no Send") };
    assert_eq!(reply_to, Some(MessageId { device: SENDER, outbox_epoch: 5, number: Varint(255) }));
}

#[wasm_bindgen_test]
fn bytes_go_out_as_they_are() {
    let (page, ..) = registered();
    let more = js_sys::Object::new();
    js_sys::Reflect::set(&more, &JsValue::from_str("bytes"), &js_sys::Uint8Array::from(&[1_u8, 0, 255][..])).unwrap();
    let _ = page.session.send(draft(TO, "null", &more));
    page.session.persisted(page.face.last_ticket());
    let sent = page.face.last_bytes();
    let Some(Ok(Frame::Send { flags, payload, .. })) = frames(&sent).next() else { panic!("no Send") };
    assert_eq!((flags, payload.0), (4, &[1, 0, 255][..]));
}

#[wasm_bindgen_test]
fn frames_are_named_on_demand() {
    let (page, ..) = registered();
    page.session.trace(true);
    let devices = List(vec![]);
    says(&page, &[Frame::Pong { origin_time_ms: 1, receive_time_ms: 2 }, Frame::Devices { revision: Varint(1), devices }]);
    assert_eq!(page.face.noted(), "frame in Pong\nDevices in 26 bytes\ndevices []");
}
