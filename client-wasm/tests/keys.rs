//! What crosses the page between the session and the keys, in a browser: questions go out, answers come in.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod page;

use msr_protocol::Credential;
use msr_protocol::v2::{
    Answer, Bytes16, Delivery, DeviceHeader, Entry, Field, Frame, List, MessageId, Question, Rest, Varint, flags, frames,
};
use page::{Page, TO, draft, settings_with};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

const SECRET: &str = "\"ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"";
const NOBODY: Credential = Credential([0; 16]);
const HEADERS: [DeviceHeader<'_>; 1] = [DeviceHeader { device: [3; 16], header: b"header" }];

fn says(page: &Page, frame: &Frame<'_>) {
    let mut message = Vec::new();
    frame.write(&mut message);
    page.face.came_bytes(&message);
}

fn answers(page: &Page, answer: &Answer<'_>) {
    let mut bytes = Vec::new();
    answer.write(&mut bytes);
    let mut said = Vec::new();
    bytes.as_slice().write(&mut said);
    page.session.answer(&said);
}

/// A page whose session is greeted as an identity by key, and has asked for a proof.
fn greeted() -> (Page, [u8; 32], Bytes16) {
    let page = Page::new();
    page.session.connect(settings_with("ws://Relay.test", true, SECRET));
    let noted = page.face.noted();
    let (_, credential) = noted.rsplit_once("restore ").unwrap();
    page.session.restored(credential, &page.face.kept(), &[7; 32]);
    page.persist("persist strict +identity");
    page.face.opened(Some("msr.v2"));
    says(&page, &Frame::Challenge { nonce: [5; 32], time_ms: 0, server: "another name" });
    let question = page.face.question();
    let Ok(Question::Prove { credential: whose, device, nonce, host }) = Question::read(&mut question.as_slice()) else {
        panic!("{question:?}")
    };
    assert_eq!((whose.to_string().as_str(), nonce, host), (credential, [5; 32], "relay.test:80"));
    (page, nonce, device)
}

fn registered() -> Page {
    let (page, nonce, _) = greeted();
    answers(&page, &Answer::Proven { nonce, proof: Rest(b"proof") });
    let hello = page.face.last_bytes();
    let Some(Ok(Frame::Hello { proof, .. })) = frames(&hello).next() else { panic!("no Hello") };
    assert_eq!(proof, b"proof");
    says(
        &page,
        &Frame::Welcome {
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
        },
    );
    page.persist("registered\npersist +inbox");
    page.face.noted();
    page
}

#[wasm_bindgen_test]
fn who_cannot_prove_it_is_refused_and_told_why() {
    let (page, nonce, _) = greeted();
    page.face.noted();
    answers(&page, &Answer::NotProven { nonce, code: 461, detail: "the secret is not known here" });
    assert!(page.face.noted().contains("refused 461"));
}

#[wasm_bindgen_test]
fn a_message_is_sealed_before_it_is_sent() {
    let page = registered();
    let ticket = page.send();
    page.session.persisted(page.face.last_ticket());
    let question = page.face.question();
    let Ok(Question::Seal { ticket: seal, recipients, subject, payload, required, allow_plain, .. }) =
        Question::read(&mut question.as_slice())
    else {
        panic!("{question:?}")
    };
    assert_eq!((recipients.0.as_slice(), subject, payload.0, required, allow_plain), (&[NOBODY][..], "\"s\"", &b"1"[..], false, false));
    answers(&page, &Answer::Sealed { ticket: seal, headers: List(HEADERS.to_vec()), payload: Rest(b"sealed") });
    page.session.persisted(page.face.last_ticket());
    let sent = page.face.last_bytes();
    let Some(Ok(Frame::Send { number, flags: bits, device_headers, subject, payload, .. })) = frames(&sent).next() else {
        panic!("no Send")
    };
    assert_eq!((bits, subject, payload.0, device_headers.0.as_slice()), (flags::SEALED, "\"\"", &b"sealed"[..], &HEADERS[..]));
    page.face.noted();
    says(&page, &Frame::Accepted { number, timestamp_ms: 77, exceptions: List(vec![]) });
    assert!(page.face.noted().contains(&format!("accepted {ticket} ")));
}

#[wasm_bindgen_test]
fn what_the_page_asks_for_goes_with_the_question() {
    let page = registered();
    let more = js_sys::JSON::parse(r#"{"encrypt":"required","allowPlain":true}"#).unwrap();
    let ticket = page.session.send(draft(TO, "1", &more));
    page.session.persisted(page.face.last_ticket());
    let question = page.face.question();
    let Ok(Question::Seal { ticket: seal, required, allow_plain, .. }) = Question::read(&mut question.as_slice()) else {
        panic!("{question:?}")
    };
    assert!(required && allow_plain);
    page.face.noted();
    answers(&page, &Answer::NotSealed { ticket: seal, code: 459, detail: "no keys" });
    assert!(page.face.noted().contains(&format!("notSent {ticket} 459")));
    let off = js_sys::JSON::parse(r#"{"encrypt":"off"}"#).unwrap();
    let _ = page.session.send(draft(TO, "2", &off));
    page.session.persisted(page.face.last_ticket());
    assert!(!page.face.noted().contains("ask "));
}

#[wasm_bindgen_test]
fn a_sealed_message_is_opened_before_it_is_told() {
    let page = registered();
    let id = MessageId { device: [9; 16], outbox_epoch: 5, number: Varint(1) };
    let (recipients, payload) = (List(vec![NOBODY]), Rest(b"sealed"));
    let delivery =
        Delivery { from: NOBODY, id, timestamp_ms: 7, flags: flags::SEALED, recipients, reply_to: None, subject: "\"\"", payload };
    let mut entry = Vec::new();
    Entry::Message(delivery).write(&mut entry);
    says(&page, &Frame::Deliver { sequence: 1, header: b"header", entry: Rest(&entry) });
    let question = page.face.question();
    let Ok(Question::Open { tag, header, entry: asked }) = Question::read(&mut question.as_slice()) else { panic!("{question:?}") };
    assert_eq!((header, asked.0), (&b"header"[..], entry.as_slice()));
    page.face.noted();
    answers(&page, &Answer::Opened { tag, flags: 0, reply_to: None, subject: "\"s\"", payload: Rest(b"42") });
    assert!(page.face.noted().starts_with("message 42 encrypted"));
}

#[wasm_bindgen_test]
fn frames_of_keys_pass_both_ways() {
    let page = registered();
    says(&page, &Frame::Keys { ticket: Varint(0), code: 200, one_time: Varint(3) });
    let question = page.face.question();
    let Ok(Question::Frame { frame }) = Question::read(&mut question.as_slice()) else { panic!("{question:?}") };
    assert!(matches!(frames(frame.0).next(), Some(Ok(Frame::Keys { one_time: Varint(3), .. }))));
    let mut asked = Vec::new();
    Frame::GetLists { ticket: Varint(1), peers: List(vec![NOBODY]) }.write(&mut asked);
    answers(&page, &Answer::Frames { frames: Rest(&asked) });
    assert_eq!(page.face.last_bytes(), asked);
    // One that is none, and one that is cut off.
    page.session.answer(&[3, 99, 1, 2, 9, 1]);
}
