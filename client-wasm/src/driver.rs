//! Turns what happens in the page into inputs of the session and carries out its outputs, in order.
//!
//! Nothing outside is called while the session is borrowed, and one loop alone drains it: whoever comes in while that
//! loop runs leaves an input behind and returns.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use gloo_timers::callback::Timeout;
use js_sys::Uint8Array;
use msr_client::{Input, Moment, Output, Session};
use msr_protocol::v2::names;
use wasm_bindgen::prelude::*;

use crate::face::Face;
use crate::socket::{ABNORMAL_CLOSE, Data, Listener, Socket};
use crate::{keys, reader, records};

/// The longest wait that `setTimeout` knows; longer ones are armed again when it is over.
const LONGEST_TIMEOUT_MS: f64 = i32::MAX as f64;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn monotonic_ms() -> f64;
}

/// Both clocks, now.
pub(crate) fn now() -> Moment {
    Moment { monotonic_ms: monotonic_ms(), wall_ms: js_sys::Date::now() }
}

pub(crate) struct Driver {
    session: RefCell<Session>,
    socket: RefCell<Option<Socket>>,
    timer: RefCell<Option<Timer>>,
    draining: Cell<bool>,
    tracing: Cell<bool>,
    face: Face,
    this: Weak<Self>,
}

/// The one timer, armed for the session's next time-out.
struct Timer {
    deadline_ms: f64,
    _timeout: Timeout,
}

impl Driver {
    pub(crate) fn new(face: Face, seed: u64) -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            session: RefCell::new(Session::new(seed)),
            socket: RefCell::new(None),
            timer: RefCell::new(None),
            draining: Cell::new(false),
            tracing: Cell::new(false),
            face,
            this: this.clone(),
        })
    }

    /// Something happened.
    pub(crate) fn input(&self, input: Input) {
        self.with(|session, now| session.handle_input(input, now));
    }

    /// Changes the session, then does what it wants done.
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut Session, Moment) -> T) -> T {
        let result = change(&mut self.session.borrow_mut(), now());
        self.drain();
        result
    }

    /// Reads something off the session.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Session) -> T) -> T {
        read(&self.session.borrow())
    }

    /// Whether the face is told every frame.
    pub(crate) fn trace(&self, on: bool) {
        self.tracing.set(on);
    }

    fn drain(&self) {
        if self.draining.replace(true) {
            return;
        }
        while let Some(output) = self.next_output() {
            self.perform(output);
        }
        self.draining.set(false);
        self.arm_timer();
    }

    fn next_output(&self) -> Option<Output> {
        self.session.borrow_mut().poll_output()
    }

    fn perform(&self, output: Output) {
        match output {
            Output::OpenSocket { url, subprotocol } => self.open(&url, subprotocol),
            Output::Transmit(text) => self.transmit(&text),
            Output::TransmitFrames(message) => self.transmit_frames(&message),
            Output::CloseSocket { code } => {
                if let Some(socket) = self.socket.take() {
                    socket.close(code);
                }
            }
            Output::ProbeOrigin { url } => self.face.probe(&url),
            Output::Restore { credential } => self.face.restore(&credential.to_hex()),
            Output::Persist { ticket, changes, strict } => self.face.persist(records::number(ticket.0), records::to_page(changes), strict),
            Output::Event(event) => self.face.tell(event),
            Output::Prove { .. }
            | Output::Seal { .. }
            | Output::Unseal { .. }
            | Output::Open { .. }
            | Output::Keys(_)
            | Output::LateHandled { .. } => {
                if let Some(question) = keys::question(&output) {
                    self.face.ask(question);
                }
            }
        }
    }

    fn open(&self, url: &str, subprotocol: Option<&str>) {
        let Some(this) = self.this.upgrade() else { return };
        match self.face.open(url, subprotocol) {
            Ok(web_socket) => drop(self.socket.replace(Some(Socket::new(web_socket, this)))),
            // What a page may not open (mixed content, a policy) looks like what cannot be reached.
            Err(_) => self.closed(ABNORMAL_CLOSE, String::new()),
        }
    }

    fn transmit(&self, text: &str) {
        if let Some(socket) = self.socket.borrow().as_ref() {
            socket.send(text);
        }
        if self.tracing.get() {
            self.face.frame("out", text, JsValue::UNDEFINED);
        }
    }

    fn transmit_frames(&self, message: &[u8]) {
        // A copy: some sockets read what they are given only later.
        let message = Uint8Array::from(message);
        if let Some(socket) = self.socket.borrow().as_ref() {
            socket.send_bytes(&message);
        }
        self.trace_frames("out", &message);
    }

    fn trace_frames(&self, direction: &str, message: &Uint8Array) {
        if self.tracing.get() {
            self.face.frame(direction, &list(&message.to_vec()), message.into());
        }
    }

    fn arm_timer(&self) {
        let deadline_ms = self.read(Session::poll_timeout);
        if self.timer.borrow().as_ref().map(|timer| timer.deadline_ms) == deadline_ms {
            return;
        }
        drop(self.timer.replace(deadline_ms.and_then(|deadline_ms| self.timer_for(deadline_ms))));
    }

    fn timer_for(&self, deadline_ms: f64) -> Option<Timer> {
        let this = self.this.upgrade()?;
        let wait_ms = (deadline_ms - monotonic_ms()).ceil().clamp(0.0, LONGEST_TIMEOUT_MS);
        let timeout = Timeout::new(wait_ms as u32, move || this.timed_out());
        Some(Timer { deadline_ms, _timeout: timeout })
    }

    fn timed_out(&self) {
        drop(self.timer.take());
        self.with(|session, now| session.handle_timeout(now));
    }
}

impl Listener for Driver {
    fn opened(&self, subprotocol: String) {
        self.input(Input::SocketOpened { subprotocol: Some(subprotocol).filter(|chosen| !chosen.is_empty()) });
    }

    fn came(&self, data: Data) {
        self.input(match data {
            Data::Text(text) => {
                if self.tracing.get() {
                    self.face.frame("in", &text, JsValue::UNDEFINED);
                }
                reader::read(&text).map_or(Input::Unreadable, |received| Input::Received(Box::new(received)))
            }
            Data::Bytes(message) => {
                self.trace_frames("in", &message);
                Input::FrameReceived(message.to_vec())
            }
        });
    }

    fn closed(&self, code: u16, reason: String) {
        drop(self.socket.take());
        self.input(Input::SocketClosed { code, reason });
    }
}

/// The names of a message's frames, one a line.
fn list(message: &[u8]) -> String {
    let mut text = String::new();
    for name in names(message) {
        text.push_str(name.unwrap_or("?"));
        text.push('\n');
    }
    text
}
