//! One WebSocket of the page. Dropping it takes its handlers off first, so that nothing an old socket still has to say
//! reaches a session that has moved on.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::Uint8Array;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

/// The close code for a connection that ended without saying why (RFC 6455, 7.1.5).
pub(crate) const ABNORMAL_CLOSE: u16 = 1006;

/// What a message of the socket is.
pub(crate) enum Data {
    /// Text.
    Text(String),
    /// Binary.
    Bytes(Uint8Array),
}

/// Who hears from the socket.
pub(crate) trait Listener: 'static {
    /// It is open; `subprotocol` is the one that the server chose, or empty.
    fn opened(&self, subprotocol: String);
    /// A message came.
    fn came(&self, data: Data);
    /// It is closed, or never opened.
    fn closed(&self, code: u16, reason: String);
}

pub(crate) struct Socket {
    web_socket: WebSocket,
    _on_open: Closure<dyn Fn()>,
    _on_message: Closure<dyn Fn(MessageEvent)>,
    _on_close: Closure<dyn Fn(CloseEvent)>,
    _on_error: Closure<dyn Fn()>,
}

impl Socket {
    pub(crate) fn new(web_socket: WebSocket, listener: Rc<impl Listener>) -> Self {
        web_socket.set_binary_type(BinaryType::Arraybuffer);
        let has_opened = Rc::new(Cell::new(false));
        let on_open = Closure::<dyn Fn()>::new({
            let (listener, has_opened, web_socket) = (Rc::clone(&listener), Rc::clone(&has_opened), web_socket.clone());
            move || {
                has_opened.set(true);
                listener.opened(web_socket.protocol());
            }
        });
        // A socket that a policy of the page forbids has an error event alone; every other one is closed after it.
        let on_error = Closure::<dyn Fn()>::new({
            let listener = Rc::clone(&listener);
            move || {
                if !has_opened.get() {
                    listener.closed(ABNORMAL_CLOSE, String::new());
                }
            }
        });
        let on_message = Closure::<dyn Fn(MessageEvent)>::new({
            let listener = Rc::clone(&listener);
            move |event: MessageEvent| listener.came(read(&event.data()))
        });
        let on_close = Closure::<dyn Fn(CloseEvent)>::new(move |event: CloseEvent| listener.closed(event.code(), event.reason()));
        web_socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        web_socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        web_socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        web_socket.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Self { web_socket, _on_open: on_open, _on_message: on_message, _on_close: on_close, _on_error: on_error }
    }

    /// A socket that is closing takes nothing more; its end is told by its close event.
    pub(crate) fn send(&self, text: &str) {
        let _ = self.web_socket.send_with_str(text);
    }

    /// As [`Socket::send`].
    pub(crate) fn send_bytes(&self, message: &Uint8Array) {
        let _ = self.web_socket.send_with_js_u8_array(message);
    }

    /// Says good-bye and hears no more.
    pub(crate) fn close(self, code: u16) {
        let web_socket = self.web_socket.clone();
        drop(self);
        let _ = web_socket.close_with_code(code);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.web_socket.set_onopen(None);
        self.web_socket.set_onmessage(None);
        self.web_socket.set_onclose(None);
        self.web_socket.set_onerror(None);
    }
}

fn read(data: &JsValue) -> Data {
    data.as_string().map_or_else(|| Data::Bytes(Uint8Array::new(data)), Data::Text)
}
