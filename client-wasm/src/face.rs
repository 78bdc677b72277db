//! Who is told what happened: the TypeScript face of one client. Its methods take note and return; none of them
//! throws, and none calls back into the session before the shell has returned.

use msr_client::{Event, Ticket};
use wasm_bindgen::prelude::*;
use web_sys::WebSocket;

use crate::settings::{PageError, PageReceipt, to_page};

#[wasm_bindgen(typescript_custom_section)]
const FACE: &str = r#"
export interface Status { state: number; offset: number; roundTrip?: number; outbox: number }
export interface Failure { code: number; reason: string; retry: boolean }
export interface Sent { to: string; timestamp: string; status: 'sent' }
export interface Face {
  open(url: string): WebSocket;
  probe(url: string): void;
  frame(direction: 'in' | 'out', text: string): void;
  state(state: number): void;
  registered(): void;
  refused(failure: Failure): void;
  message(text: string): void;
  sent(ticket: number, sent: Sent): void;
  notSent(ticket: number, failure: Failure): void;
  found(ticket: number, peers: string): void;
  notFound(ticket: number, failure: Failure): void;
  outbox(waiting: number): void;
  trouble(failure: Failure): void;
  lost(code: number, reason: string, retryInMs?: number): void;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// The TypeScript face of one client, `js/src/client.ts`.
    #[wasm_bindgen(typescript_type = "Face")]
    pub type Face;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn open(this: &Face, url: &str) -> Result<WebSocket, JsValue>;
    #[wasm_bindgen(method)]
    pub(crate) fn probe(this: &Face, url: &str);
    #[wasm_bindgen(method)]
    pub(crate) fn frame(this: &Face, direction: &str, text: &str);

    #[wasm_bindgen(method)]
    fn state(this: &Face, state: u8);
    #[wasm_bindgen(method)]
    fn registered(this: &Face);
    #[wasm_bindgen(method)]
    fn refused(this: &Face, failure: JsValue);
    #[wasm_bindgen(method)]
    fn message(this: &Face, text: &str);
    #[wasm_bindgen(method)]
    fn sent(this: &Face, ticket: u32, sent: JsValue);
    #[wasm_bindgen(method, js_name = notSent)]
    fn not_sent(this: &Face, ticket: u32, failure: JsValue);
    #[wasm_bindgen(method)]
    fn found(this: &Face, ticket: u32, peers: &str);
    #[wasm_bindgen(method, js_name = notFound)]
    fn not_found(this: &Face, ticket: u32, failure: JsValue);
    #[wasm_bindgen(method)]
    fn outbox(this: &Face, waiting: usize);
    #[wasm_bindgen(method)]
    fn trouble(this: &Face, failure: JsValue);
    #[wasm_bindgen(method)]
    fn lost(this: &Face, code: u16, reason: &str, retry_in_ms: Option<f64>);
}

impl Face {
    pub(crate) fn tell(&self, event: Event) {
        match event {
            Event::State(state) => self.state(state as u8),
            Event::Registered => self.registered(),
            Event::Refused(failure) => self.refused(error(failure)),
            Event::Message(message) => self.message(&message.to_text()),
            Event::Sent { ticket: Ticket(ticket), message } => self.sent(ticket, to_page(&PageReceipt::from(&message))),
            Event::NotSent { ticket: Ticket(ticket), failure } => self.not_sent(ticket, error(failure)),
            Event::Found { ticket: Ticket(ticket), peers } => self.found(ticket, &array(&peers)),
            Event::NotFound { ticket: Ticket(ticket), failure } => self.not_found(ticket, error(failure)),
            Event::Outbox { waiting } => self.outbox(waiting),
            Event::Trouble(failure) => self.trouble(error(failure)),
            Event::Lost { code, reason, retry_in_ms } => self.lost(code, &reason, retry_in_ms),
        }
    }
}

fn error(failure: msr_client::Failure) -> JsValue {
    to_page(&PageError::from(failure))
}

/// The JSON array of those values.
fn array(values: &[msr_protocol::JsonText]) -> String {
    let mut text = String::from("[");
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(value.as_str());
    }
    text.push(']');
    text
}
