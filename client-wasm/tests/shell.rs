//! The shell in a browser, over a WebSocket that the test plays.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use js_sys::{Promise, Reflect};
use msgsrouter::{Face, Session, WireSettings};
use msr_protocol::{JsonText, Message};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen(module = "/tests/face.js")]
extern "C" {
    type FakeFace;
    #[wasm_bindgen(constructor)]
    fn new() -> FakeFace;
    #[wasm_bindgen(method)]
    fn opened(this: &FakeFace);
    #[wasm_bindgen(method)]
    fn came(this: &FakeFace, data: &JsValue);
    #[wasm_bindgen(method)]
    fn failed(this: &FakeFace);
    #[wasm_bindgen(method)]
    fn closed(this: &FakeFace, code: u16);
    #[wasm_bindgen(method, js_name = lastText)]
    fn last_text(this: &FakeFace) -> String;
    #[wasm_bindgen(method)]
    fn echo(this: &FakeFace, on: bool);
    #[wasm_bindgen(method)]
    fn throwing(this: &FakeFace, on: bool);
    #[wasm_bindgen(method)]
    fn refuse(this: &FakeFace, on: bool);
    #[wasm_bindgen(method)]
    fn deaf(this: &FakeFace, index: u32) -> bool;
    #[wasm_bindgen(method)]
    fn noted(this: &FakeFace) -> String;

    fn settings(server: &str, autoreconnect: bool) -> WireSettings;
}

/// A session and who hears from it.
struct Page {
    face: FakeFace,
    session: Session,
}

impl Page {
    fn new() -> Self {
        let face = FakeFace::new();
        let session = Session::new(JsValue::from(&face).unchecked_into::<Face>(), 7);
        Self { face, session }
    }

    /// A page whose session is registered.
    fn registered() -> Self {
        let page = Self::new();
        page.session.connect(settings("ws://relay.test", true));
        page.face.opened();
        page.answer(r#"{"status":1,"originTime":1}"#);
        assert!(page.face.noted().ends_with("state 2\nregistered"));
        page
    }

    fn answer(&self, content: &str) {
        self.hears(&message("register", content));
    }

    fn hears(&self, text: &str) {
        self.face.came(&JsValue::from_str(text));
    }

    fn status(&self, name: &str) -> f64 {
        let status: JsValue = self.session.status().into();
        Reflect::get(status.unchecked_ref(), &JsValue::from_str(name)).unwrap().as_f64().unwrap_or(f64::NAN)
    }

    fn send(&self) -> u32 {
        self.session.send(r#"["x"]"#.to_owned(), r#""s""#.to_owned(), "1".to_owned(), None, false)
    }

    /// Waits until a note holds that text; gives all there is.
    async fn until(&self, expected: &str) -> String {
        let mut noted = String::new();
        for _ in 0..2_000 {
            noted = noted + "\n" + &self.face.noted();
            if noted.contains(expected) {
                return noted;
            }
            tick().await;
        }
        panic!("in vain waited for {expected}, noted {noted}");
    }
}

/// The text of a message to the peer itself.
fn message(subject: &str, content: &str) -> String {
    let text = |text: &str| JsonText::from_spelled(text.to_owned());
    let (to, from, subject) = (text("[\"x\"]"), text("\"x\""), text(&format!("\"{subject}\"")));
    Message { to, from, subject, timestamp: JsonText::milliseconds(1_000), content: text(content) }.to_text()
}

/// One turn of the event loop, 5 ms long.
async fn tick() {
    let promise = Promise::new(&mut |resolve, _| {
        gloo_timers::callback::Timeout::new(5, move || drop(resolve.call0(&JsValue::UNDEFINED))).forget();
    });
    drop(JsFuture::from(promise).await);
}

#[wasm_bindgen_test]
fn registers_and_knows_its_clock() {
    let page = Page::new();
    page.session.connect(settings("ws://relay.test", true));
    assert_eq!(page.face.noted(), "open ws://relay.test");
    page.face.opened();
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
    page.face.opened();
    page.answer(r#"{"status":1}"#);
    let noted = page.face.noted();
    assert!(noted.ends_with(&format!("registered\nsend s\nsent {second} sent [\"x\"] true\noutbox 0")), "{noted}");
}

#[wasm_bindgen_test]
fn a_message_that_comes_while_one_is_sent_is_told_after_it() {
    let page = Page::registered();
    page.face.echo(true);
    let ticket = page.send();
    assert_eq!(page.face.noted(), format!("send s\nsent {ticket} sent [\"x\"] true\nmessage 1"));
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
    page.face.opened();
    page.answer(r#"{"status":1}"#);
    assert!(page.face.noted().ends_with("registered"));
}

#[wasm_bindgen_test]
async fn a_message_expires_by_the_timer() {
    let page = Page::new();
    let ticket = page.session.send("[]".to_owned(), "\"s\"".to_owned(), "1".to_owned(), Some(1.0), false);
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
    page.session.connect(settings("ws://relay.test:1", true));
    page.face.closed(1006);
    assert_eq!(page.face.noted(), "open ws://relay.test:1\nprobe http://relay.test:1/origin");
    page.session.origin_probed(true);
    assert_eq!(page.face.noted(), "refused 410");
}

#[wasm_bindgen_test]
fn a_socket_that_the_page_may_not_open_counts_as_one_that_did_not() {
    let page = Page::new();
    page.face.refuse(true);
    page.session.connect(settings("ws://relay.test", true));
    assert_eq!(page.face.noted(), "probe http://relay.test/origin");
    page.session.origin_probed(false);
    assert!(page.face.noted().starts_with("lost 1006"));
    page.session.close();
    assert_eq!(page.face.noted(), "refused 453");
}

#[wasm_bindgen_test]
fn an_error_alone_ends_a_socket_that_never_opened_and_no_other() {
    let page = Page::new();
    page.session.connect(settings("ws://relay.test", true));
    page.face.failed();
    assert_eq!(page.face.noted(), "open ws://relay.test\nprobe http://relay.test/origin");
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
    assert_eq!(page.face.noted(), format!("sent {ticket} sent [\"x\"] true"));
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
    assert_eq!(page.face.noted(), format!("send s\nframe out {written}\nsent {ticket} sent [\"x\"] true"));
    page.session.trace(false);
    page.hears(&text);
    assert_eq!(page.face.noted(), "message 1");
}
