//! Large entries on their way out of one connection: one at a time, piece by piece, so that whatever else is to be
//! written goes between them. What is in memory of one is a few pieces, whoever is slow.

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::pin::Pin;

use bytes::{Buf as _, Bytes};
use futures_util::FutureExt as _;
use msr_delivery::ConnectionId;
use msr_delivery::limits::PIECE_BYTES;
use msr_protocol::v2::{Frame, Rest, Varint};
use msr_protocol::{Code, Credential};
use msr_store::StoreError;
use tracing::{error, info};

use crate::delivery::{Large, Queues};
use crate::switch::ending::Ending;

type Reading = Pin<Box<dyn Future<Output = Result<Option<Bytes>, StoreError>> + Send>>;

/// The large entries of one connection.
pub(super) struct Transfers {
    queues: Queues,
    connection: ConnectionId,
    waiting: VecDeque<Large>,
    current: Option<Transfer>,
}

struct Transfer {
    large: Large,
    /// Where `part` begins.
    offset: u32,
    part: Bytes,
    reading: Option<Reading>,
}

impl Transfers {
    pub(super) fn new(queues: Queues, connection: ConnectionId) -> Self {
        Self { queues, connection, waiting: VecDeque::new(), current: None }
    }

    /// The `DeliverBegin` of this entry is being written.
    pub(super) fn begin(&mut self, large: Large) {
        self.waiting.push_back(large);
        self.go_on();
    }

    /// Whether a piece can be written now.
    pub(super) fn has_piece(&self) -> bool {
        self.current.as_ref().is_some_and(|transfer| !transfer.part.is_empty())
    }

    /// Waits until a piece can be written.
    ///
    /// # Errors
    /// When there will be no more pieces of an entry that has begun: the connection ends, and the device comes back to a
    /// queue without that entry.
    pub(super) async fn piece(&mut self) -> Result<(), Ending> {
        let Some(transfer) = &mut self.current else { return pending().await };
        let Some(reading) = &mut transfer.reading else { return Ok(()) };
        let read = reading.await;
        transfer.reading = None;
        let arrival = transfer.large.arrival;
        match read {
            Ok(Some(part)) if !part.is_empty() => {
                transfer.part = part;
                Ok(())
            }
            Ok(_) => {
                info!(arrival, "an entry expired while it was being delivered");
                Err(Ending::Refused(Code::SlowConsumer))
            }
            Err(error) => {
                error!(arrival, %error, "a message is lost");
                let connection = self.connection;
                self.queues.act(|exchange, _now| {
                    if let Some(device) = exchange.device_of(connection) {
                        exchange.lose(device, arrival);
                    }
                });
                Err(Ending::Refused(Code::SlowConsumer))
            }
        }
    }

    /// As [`Transfers::piece`], without waiting.
    pub(super) fn poll_piece(&mut self) -> Result<(), Ending> {
        self.piece().now_or_never().unwrap_or(Ok(()))
    }

    /// Appends the next piece, if there is one. Gives how far the entry is, after every few pieces.
    pub(super) fn write(&mut self, out: &mut Vec<u8>) -> Option<(u64, u64)> {
        let transfer = self.current.as_mut().filter(|transfer| !transfer.part.is_empty())?;
        let length = transfer.part.len().min(PIECE_BYTES as usize);
        let (sequence, offset) = (transfer.large.arrival, Varint(u64::from(transfer.offset)));
        Frame::DeliverPiece { sequence, offset, payload: Rest(&transfer.part[..length]) }.write(out);
        transfer.part.advance(length);
        transfer.offset += length as u32;
        let (so_far, total) = (transfer.offset, transfer.large.bytes);
        let part_is_written = transfer.part.is_empty();
        if so_far >= total {
            self.current = None;
        }
        self.go_on();
        part_is_written.then_some((sequence, u64::from(so_far)))
    }

    /// Tells the sender how far it is.
    pub(super) fn report(&self, recipient: Credential, (arrival, bytes): (u64, u64)) {
        self.queues.act(|exchange, _now| exchange.progress(recipient, arrival, bytes));
    }

    fn go_on(&mut self) {
        if self.current.is_none() {
            self.current = self.waiting.pop_front().map(|large| Transfer { large, offset: 0, part: Bytes::new(), reading: None });
        }
        if let Some(transfer) = &mut self.current
            && transfer.part.is_empty()
            && transfer.reading.is_none()
        {
            let (queues, large, offset) = (self.queues.clone(), transfer.large, transfer.offset);
            transfer.reading = Some(Box::pin(async move { queues.part(large, offset).await }));
        }
    }
}
