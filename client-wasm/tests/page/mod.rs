//! A session in the browser, and a face and a WebSocket that the test plays.

#![allow(dead_code, reason = "each test uses a part")]

use js_sys::{Promise, Reflect};
use msgsrouter::{Face, Session, WireDraft, WireRows, WireSettings};
use msr_protocol::{JsonText, Message};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(module = "/tests/face.js")]
extern "C" {
    pub(crate) type FakeFace;
    #[wasm_bindgen(constructor)]
    pub(crate) fn new() -> FakeFace;
    #[wasm_bindgen(method)]
    pub(crate) fn opened(this: &FakeFace, subprotocol: Option<&str>);
    #[wasm_bindgen(method, js_name = cameBytes)]
    pub(crate) fn came_bytes(this: &FakeFace, bytes: &[u8]);
    #[wasm_bindgen(method, js_name = lastBytes)]
    pub(crate) fn last_bytes(this: &FakeFace) -> Vec<u8>;
    #[wasm_bindgen(method, js_name = lastTicket)]
    pub(crate) fn last_ticket(this: &FakeFace) -> f64;
    #[wasm_bindgen(method)]
    pub(crate) fn kept(this: &FakeFace) -> WireRows;
    #[wasm_bindgen(method)]
    pub(crate) fn question(this: &FakeFace) -> Vec<u8>;
    #[wasm_bindgen(method)]
    pub(crate) fn tag(this: &FakeFace) -> f64;
    #[wasm_bindgen(method)]
    pub(crate) fn came(this: &FakeFace, data: &JsValue);
    #[wasm_bindgen(method)]
    pub(crate) fn failed(this: &FakeFace);
    #[wasm_bindgen(method)]
    pub(crate) fn closed(this: &FakeFace, code: u16);
    #[wasm_bindgen(method, js_name = lastText)]
    pub(crate) fn last_text(this: &FakeFace) -> String;
    #[wasm_bindgen(method)]
    pub(crate) fn echo(this: &FakeFace, on: bool);
    #[wasm_bindgen(method)]
    pub(crate) fn throwing(this: &FakeFace, on: bool);
    #[wasm_bindgen(method)]
    pub(crate) fn refuse(this: &FakeFace, on: bool);
    #[wasm_bindgen(method)]
    pub(crate) fn deaf(this: &FakeFace, index: u32) -> bool;
    #[wasm_bindgen(method)]
    pub(crate) fn noted(this: &FakeFace) -> String;

    pub(crate) fn settings(server: &str, autoreconnect: bool) -> WireSettings;
    #[wasm_bindgen(js_name = settings)]
    pub(crate) fn settings_with(server: &str, autoreconnect: bool, secret: &str) -> WireSettings;
    pub(crate) fn draft(to: &str, content: &str, more: &JsValue) -> WireDraft;
}

pub(crate) const TO: &str = r#"["00000000000000000000000000000000"]"#;

/// A session and who hears from it.
pub(crate) struct Page {
    pub(crate) face: FakeFace,
    pub(crate) session: Session,
}

impl Page {
    pub(crate) fn new() -> Self {
        let face = FakeFace::new();
        let session = Session::new(JsValue::from(&face).unchecked_into::<Face>(), 7);
        Self { face, session }
    }

    /// Connects, and keeps what is to be kept before a server hears of it.
    pub(crate) fn connect(&self, server: &str) {
        self.session.connect(settings(server, true));
        let noted = self.face.noted();
        let (_, credential) = noted.rsplit_once("restore ").unwrap();
        self.session.restored(credential, &self.face.kept(), &[7; 32]);
        self.persist("persist strict +identity");
    }

    /// What is noted last is that; and it is kept.
    pub(crate) fn persist(&self, expected: &str) {
        let noted = self.face.noted();
        assert!(noted.ends_with(expected), "{noted}");
        self.session.persisted(self.face.last_ticket());
    }

    /// A page whose session is registered, with a server of version 1.
    pub(crate) fn registered() -> Self {
        let page = Self::new();
        page.connect("ws://relay.test");
        page.face.opened(None);
        page.answer(r#"{"status":1,"originTime":1}"#);
        assert!(page.face.noted().ends_with("state 2\nregistered"));
        page
    }

    pub(crate) fn answer(&self, content: &str) {
        self.hears(&message("register", content));
    }

    pub(crate) fn hears(&self, text: &str) {
        self.face.came(&JsValue::from_str(text));
    }

    pub(crate) fn status(&self, name: &str) -> f64 {
        let status: JsValue = self.session.status().into();
        Reflect::get(status.unchecked_ref(), &JsValue::from_str(name)).unwrap().as_f64().unwrap_or(f64::NAN)
    }

    pub(crate) fn send(&self) -> u32 {
        self.session.send(draft(TO, "1", &JsValue::UNDEFINED))
    }

    /// Waits until a note holds that text; gives all there is.
    pub(crate) async fn until(&self, expected: &str) -> String {
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
pub(crate) fn message(subject: &str, content: &str) -> String {
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
