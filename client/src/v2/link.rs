//! One connection of version 2: frames on their way out, many to a message of the socket; a large message in pieces, no
//! more of them ahead than the other side has seen; the heart beat.

use msr_protocol::v2::{Frame, HEADER_BYTES, Rest, Varint};

use super::heartbeat::{Beat, Heartbeat};
use super::line::Window;
use crate::Moment;
use crate::limits::{HEARTBEAT_MS, TRANSMIT_BYTES, UPLOAD_PING_BYTES};

/// A large message on its way.
#[derive(Debug)]
struct Upload {
    upload: u64,
    frame: Vec<u8>,
    /// How much of the frame is written, its header included.
    written: usize,
}

/// A connection from its opening to its end.
#[derive(Debug)]
pub(crate) struct Link {
    /// The last of them is open for more.
    messages: Vec<Vec<u8>>,
    pub(crate) window: Window,
    /// What the server wants to see signed, once it has said so.
    pub(crate) nonce: [u8; 32],
    pub(crate) heart: Heartbeat,
    last_ping_ms: i64,
    upload: Option<Upload>,
    /// Bytes of large messages that were written on this connection, and that the other side has read for sure.
    uploaded: u64,
    upload_read: u64,
    upload_pinged: u64,
}

impl Link {
    pub(crate) fn new(now: Moment) -> Self {
        Self {
            messages: Vec::new(),
            nonce: [0; 32],
            window: Window { entries: 1, bytes: 0, message_bytes: 0, piece_bytes: 1 },
            heart: Heartbeat::new(HEARTBEAT_MS, now.monotonic_ms),
            last_ping_ms: i64::MIN,
            upload: None,
            uploaded: 0,
            upload_read: 0,
            upload_pinged: 0,
        }
    }

    /// The registration holds.
    pub(crate) fn welcome(&mut self, window: Window, heartbeat_ms: f64, now: Moment) {
        self.window = window;
        self.heart = Heartbeat::new(heartbeat_ms, now.monotonic_ms);
    }

    /// Writes a frame.
    pub(crate) fn write(&mut self, frame: &Frame<'_>) {
        frame.write(self.open());
    }

    /// Writes a `Ping`.
    pub(crate) fn ping(&mut self, now: Moment) {
        // Each has a time of its own, so that its answer can be told from others.
        let time_ms = (now.wall_ms.round() as i64).max(self.last_ping_ms.saturating_add(1));
        self.last_ping_ms = time_ms;
        self.upload_pinged = self.uploaded;
        self.write(&Frame::Ping { time_ms });
        self.heart.pinged(time_ms, self.uploaded, now.monotonic_ms);
    }

    /// A `Pong` came; gives when its `Ping` was written.
    pub(crate) fn ponged(&mut self, time_ms: i64) -> Option<f64> {
        let (sent_ms, uploaded) = self.heart.ponged(time_ms)?;
        self.upload_read = self.upload_read.max(uploaded);
        Some(sent_ms)
    }

    /// Does what the heart has to do; `true` when the other side is taken for dead.
    pub(crate) fn beat(&mut self, now: Moment) -> bool {
        match self.heart.beat(now.monotonic_ms) {
            Some(Beat::Dead) => return true,
            Some(Beat::Ping) => self.ping(now),
            None => {}
        }
        false
    }

    /// Writes whole frames.
    pub(crate) fn send(&mut self, frames: &[u8]) {
        self.open().extend_from_slice(frames);
    }

    /// Begins to write a `Send` frame in pieces.
    pub(crate) fn begin(&mut self, upload: u64, frame: Vec<u8>) {
        let total_bytes = Varint((frame.len() - HEADER_BYTES) as u64);
        self.write(&Frame::Begin { upload: Varint(upload), total_bytes });
        self.upload = Some(Upload { upload, frame, written: HEADER_BYTES });
    }

    /// Writes as many pieces of the large message as the other side keeps up with; gives the upload once all are written.
    pub(crate) fn go_on(&mut self, now: Moment) -> Option<u64> {
        loop {
            let ahead = self.uploaded - self.upload_read;
            let is_full = ahead > 0 && ahead + self.window.piece_bytes as u64 > self.window.bytes as u64;
            let unasked = self.uploaded - self.upload_pinged;
            if unasked >= UPLOAD_PING_BYTES || (is_full && unasked > 0) {
                self.ping(now);
            }
            let upload = self.upload.as_mut().filter(|_| !is_full)?;
            let end = upload.frame.len().min(upload.written + self.window.piece_bytes);
            let offset = Varint((upload.written - HEADER_BYTES) as u64);
            let piece = Frame::Piece { upload: Varint(upload.upload), offset, payload: Rest(&upload.frame[upload.written..end]) };
            piece.write(open(&mut self.messages));
            self.uploaded += (end - upload.written) as u64;
            upload.written = end;
            if end == upload.frame.len() {
                return self.upload.take().map(|whole| whole.upload);
            }
        }
    }

    /// What is left of that upload is not written.
    pub(crate) fn abort(&mut self, upload: u64) {
        self.upload.take_if(|current| current.upload == upload);
    }

    /// What is to be sent.
    pub(crate) fn take(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.messages)
    }

    fn open(&mut self) -> &mut Vec<u8> {
        open(&mut self.messages)
    }
}

/// The message that the next frame goes into.
fn open(messages: &mut Vec<Vec<u8>>) -> &mut Vec<u8> {
    if messages.last().is_none_or(|last| last.len() >= TRANSMIT_BYTES) {
        messages.push(Vec::new());
    }
    let last = messages.len() - 1;
    &mut messages[last]
}

#[cfg(test)]
mod tests {
    use msr_protocol::v2::frames;

    use super::*;

    fn at(ms: f64) -> Moment {
        Moment { monotonic_ms: ms, wall_ms: ms }
    }

    #[test]
    fn a_large_message_travels_in_pieces_that_the_other_side_keeps_up_with() {
        let mut link = Link::new(at(0.0));
        let window = Window { entries: 8, bytes: 100_000, message_bytes: 1 << 24, piece_bytes: 10_000 };
        link.welcome(window, 10_000.0, at(0.0));
        let body: Vec<u8> = (0..1_000_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        link.begin(7, [&[0; HEADER_BYTES][..], &body].concat());
        let (mut came, mut rounds) = (Vec::new(), 0);
        while came.len() < body.len() {
            let whole = link.go_on(at(0.0));
            let (before, mut pings) = (came.len(), Vec::new());
            for message in link.take() {
                assert!(message.len() < TRANSMIT_BYTES + 2 * window.piece_bytes);
                for frame in frames(&message) {
                    match frame.unwrap() {
                        Frame::Begin { upload, total_bytes } => assert_eq!((upload.0, total_bytes.0), (7, 1_000_000)),
                        Frame::Piece { upload, offset, payload } => {
                            assert_eq!((upload.0, offset.0), (7, came.len() as u64));
                            came.extend_from_slice(payload.0);
                        }
                        Frame::Ping { time_ms } => pings.push(time_ms),
                        other => panic!("{other:?}"),
                    }
                }
            }
            assert!(came.len() - before <= window.bytes);
            assert_eq!(whole, (came.len() == body.len()).then_some(7));
            for time_ms in pings {
                link.ponged(time_ms).unwrap();
            }
            rounds += 1;
            assert!(rounds < 1_000);
        }
        assert_eq!(came, body);
    }
}
