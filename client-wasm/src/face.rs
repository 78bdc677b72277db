//! Who is told what happened: the TypeScript face of one client. Its methods take note and return; none of them
//! throws, and none calls back into the session before the shell has returned.

use msr_client::{Event, Ticket};
use wasm_bindgen::prelude::*;
use web_sys::WebSocket;

use crate::records::WireChanges;
use crate::{news, settings};

#[wasm_bindgen(typescript_custom_section)]
const FACE: &str = r#"
export interface Status { state: number; offset: number; roundTrip?: number; outbox: number }
export interface Failure { code: number; reason: string; retry: boolean }
export interface Sent { to: string; timestamp: string; status: 'sent'; encrypted: boolean }
export interface Face {
  open(url: string, subprotocol?: string): WebSocket;
  probe(url: string): void;
  restore(credential: string): void;
  persist(ticket: number, changes: Change[], strict: boolean): void;
  ask(question: Uint8Array<ArrayBuffer>): void;
  frame(direction: 'in' | 'out', text: string, bytes?: Uint8Array<ArrayBuffer>): void;
  state(state: number): void;
  registered(): void;
  refused(failure: Failure): void;
  message(incoming: Incoming, bytes?: Uint8Array<ArrayBuffer>): void;
  accepted(ticket: number, acceptance: Acceptance): void;
  receipt(news: ReceiptNews): void;
  reply(ticket: number, incoming: Incoming, bytes?: Uint8Array<ArrayBuffer>): void;
  noReply(ticket: number, failure: Failure): void;
  restored(ticket: number, id?: string): void;
  gap(): void;
  devices(devices: DeviceNews[]): void;
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
    pub(crate) fn open(this: &Face, url: &str, subprotocol: Option<&str>) -> Result<WebSocket, JsValue>;
    #[wasm_bindgen(method)]
    pub(crate) fn probe(this: &Face, url: &str);
    #[wasm_bindgen(method)]
    pub(crate) fn restore(this: &Face, credential: &str);
    #[wasm_bindgen(method)]
    pub(crate) fn persist(this: &Face, ticket: f64, changes: WireChanges, strict: bool);
    /// Something for the keys: see [`crate::keys`].
    #[wasm_bindgen(method)]
    pub(crate) fn ask(this: &Face, question: Vec<u8>);
    #[wasm_bindgen(method)]
    pub(crate) fn frame(this: &Face, direction: &str, text: &str, bytes: JsValue);

    #[wasm_bindgen(method)]
    fn state(this: &Face, state: u8);
    #[wasm_bindgen(method)]
    fn registered(this: &Face);
    #[wasm_bindgen(method)]
    fn refused(this: &Face, failure: JsValue);
    #[wasm_bindgen(method)]
    fn message(this: &Face, incoming: JsValue, bytes: Option<Vec<u8>>);
    #[wasm_bindgen(method)]
    fn accepted(this: &Face, ticket: u32, acceptance: JsValue);
    #[wasm_bindgen(method)]
    fn receipt(this: &Face, news: JsValue);
    #[wasm_bindgen(method)]
    fn reply(this: &Face, ticket: u32, incoming: JsValue, bytes: Option<Vec<u8>>);
    #[wasm_bindgen(method, js_name = noReply)]
    fn no_reply(this: &Face, ticket: u32, failure: JsValue);
    #[wasm_bindgen(method)]
    fn restored(this: &Face, ticket: u32, id: Option<String>);
    #[wasm_bindgen(method)]
    fn gap(this: &Face);
    #[wasm_bindgen(method)]
    fn devices(this: &Face, devices: JsValue);
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
            Event::Message(inbound) => self.message(news::incoming(&inbound).to_page(), inbound.bytes),
            Event::Accepted { ticket: Ticket(ticket), id, timestamp_ms, recipients, encrypted } => {
                self.accepted(ticket, news::acceptance(&id, timestamp_ms, recipients, encrypted).to_page());
            }
            Event::Receipt(receipt) => self.receipt(news::receipt(&receipt).to_page()),
            Event::Reply { ticket: Ticket(ticket), message } => {
                self.reply(ticket, news::incoming(&message).to_page(), message.bytes);
            }
            Event::NoReply { ticket: Ticket(ticket), failure } => self.no_reply(ticket, error(failure)),
            Event::Restored { ticket: Ticket(ticket), id } => self.restored(ticket, id),
            Event::Gap => self.gap(),
            Event::Devices { revision: _, devices } => {
                self.devices(news::devices(devices).to_page());
            }
            Event::Sent { ticket: Ticket(ticket), message, encrypted } => {
                self.sent(ticket, settings::sent(message, encrypted).to_page());
            }
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
    settings::error(failure).to_page()
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
