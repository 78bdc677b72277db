//! The shell in a browser, over a WebSocket that the test plays: version 1.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod page;

use page::{Page, TO, draft, message, settings};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
fn registers_and_knows_its_clock() {
    let page = Page::new();
    page.connect("ws://relay.test");
    assert_eq!(page.face.noted(), "open ws://relay.test msr.v2");
    page.face.opened(None);
    assert_eq!(page.face.noted(), "state 1\nsend register");
    page.answer(r#"{"status":1,"originTime":1}"#);
    assert_eq!(page.face.noted(), "state 2\nregistered");
    assert_eq!(page.status("state"), 2.0);
    assert!(page.status("offset").is_finite() && page.status("offset") > 1e12, "the server's clock stands in 1970");
    assert!(page.status("roundTrip") >= 0.0);
}

#[wasm_bindgen_test]
fn sends_what_waited_and_tells_each() {
    let page = Page::new();
    let (first, second) = (page.send(), page.send());
    assert_ne!(first, second);
    assert_eq!(page.face.noted(), "outbox 1\noutbox 2");
    page.session.cancel(first);
    assert_eq!(page.face.noted(), format!("notSent {first} 452\noutbox 1"));
    page.session.connect(settings("ws://relay.test", true));
    let noted = page.face.noted();
    let (_, credential) = noted.rsplit_once("restore ").unwrap();
    page.session.restored(credential, &page.face.kept(), &[7; 32]);
    page.persist("persist strict +identity +out:0000");
    page.face.opened(None);
    page.answer(r#"{"status":1}"#);
    let noted = page.face.noted();
    let told = format!("registered\nsend s\nsent {second} sent {TO} true\npersist strict +identity -out:0000\noutbox 0");
    assert!(noted.ends_with(&told), "{noted}");
}

#[wasm_bindgen_test]
fn a_message_that_comes_while_one_is_sent_is_told_after_it() {
    let page = Page::registered();
    page.face.echo(true);
    let ticket = page.send();
    assert_eq!(page.face.noted(), format!("send s\nsent {ticket} sent {TO} true\nmessage 1"));
}

#[wasm_bindgen_test]
fn what_is_no_message_is_reported() {
    let page = Page::registered();
    page.hears("nonsense");
    page.face.came(&js_sys::Uint8Array::new_with_length(2));
    page.hears(&message("s", "1").replace("\"s\"", "\"t\""));
    page.hears(&message("s", "2"));
    assert_eq!(page.face.noted(), "trouble 400\ntrouble 400\ntrouble 407\nmessage 2");
}

#[wasm_bindgen_test]
fn searches() {
    let page = Page::registered();
    let ticket = page.session.find("\"q\"".to_owned());
    assert_eq!(page.face.noted(), "send find");
    let found = r#"{"status":200,"originTime":ORIGIN,"total":2,"peer":{"name":"N"}}"#;
    let request = msgsrouter::read(&page.face.last_text()).unwrap();
    let answer = found.replace("ORIGIN", request.message.timestamp.as_str());
    page.hears(&message("find", &answer.replace('N', "a")));
    page.hears(&message("find", &answer.replace('N', "b")));
    assert_eq!(page.face.noted(), format!(r#"found {ticket} [{{"name":"a"}},{{"name":"b"}}]"#));
}

#[wasm_bindgen_test]
async fn comes_back_by_its_own_timer_and_forgets_the_old_socket() {
    let page = Page::registered();
    page.face.closed(1006);
    assert!(page.face.noted().starts_with("state 0\nlost 1006"));
    assert!(page.face.deaf(0));
    page.until("open ws://relay.test").await;
    page.face.opened(None);
    page.answer(r#"{"status":1}"#);
    assert!(page.face.noted().ends_with("registered"));
}

#[wasm_bindgen_test]
async fn a_message_expires_by_the_timer() {
    let page = Page::new();
    let more = js_sys::JSON::parse(r#"{"expireAfter":1}"#).unwrap();
    let ticket = page.session.send(draft("[]", "1", &more));
    page.until(&format!("notSent {ticket} 551\noutbox 0")).await;
}

#[wasm_bindgen_test]
fn close_and_bye_take_the_handlers_off() {
    let page = Page::registered();
    page.session.close();
    assert_eq!(page.face.noted(), "close 1000\nstate 0");
    assert!(page.face.deaf(0));
    let page = Page::registered();
    page.session.bye();
    assert_eq!(page.face.noted(), "send bye\nclose 1000\nstate 0");
    assert!(page.face.deaf(0));
}

#[wasm_bindgen_test]
fn asks_why_a_connection_did_not_open_and_believes_a_refusal() {
    let page = Page::new();
    page.connect("ws://relay.test:1");
    page.face.closed(1006);
    assert_eq!(page.face.noted(), "open ws://relay.test:1 msr.v2\nprobe http://relay.test:1/origin");
    page.session.origin_probed(true, Some(true));
    assert_eq!(page.face.noted(), "refused 410");
}

#[wasm_bindgen_test]
fn a_socket_that_the_page_may_not_open_counts_as_one_that_did_not() {
    let page = Page::new();
    page.face.refuse(true);
    page.connect("ws://relay.test");
    assert_eq!(page.face.noted(), "probe http://relay.test/origin");
    page.session.origin_probed(false, None);
    assert!(page.face.noted().starts_with("lost 1006"));
    page.session.close();
    assert_eq!(page.face.noted(), "refused 453");
}

#[wasm_bindgen_test]
fn an_error_alone_ends_a_socket_that_never_opened_and_no_other() {
    let page = Page::new();
    page.connect("ws://relay.test");
    page.face.failed();
    assert_eq!(page.face.noted(), "open ws://relay.test msr.v2\nprobe http://relay.test/origin");
    assert!(page.face.deaf(0));
    page.session.close();

    let page = Page::registered();
    page.face.failed();
    assert_eq!(page.face.noted(), "");
    page.face.closed(1009);
    assert!(page.face.noted().contains("refused 413"));
}

#[wasm_bindgen_test]
fn a_socket_that_throws_harms_nobody() {
    let page = Page::registered();
    page.face.throwing(true);
    let ticket = page.send();
    assert_eq!(page.face.noted(), format!("sent {ticket} sent {TO} true"));
    page.face.closed(1006);
    assert!(page.face.noted().contains("lost 1006"));
    page.session.close();
}

#[wasm_bindgen_test]
fn tells_frames_on_demand() {
    let page = Page::registered();
    page.session.trace(true);
    let text = message("s", "1");
    page.hears(&text);
    assert_eq!(page.face.noted(), format!("frame in {text}\nmessage 1"));
    let ticket = page.send();
    let written = page.face.last_text();
    assert_eq!(page.face.noted(), format!("send s\nframe out {written}\nsent {ticket} sent {TO} true"));
    page.session.trace(false);
    page.hears(&text);
    assert_eq!(page.face.noted(), "message 1");
}
