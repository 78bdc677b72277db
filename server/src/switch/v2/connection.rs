//! One connection of version 2: every frame it has sent is judged here. Nothing here waits, reads a socket or writes to
//! one.

use std::ops::ControlFlow;
use std::sync::Arc;

use msr_delivery::ConnectionId;
use msr_protocol::v1::{Dialect, Search};
use msr_protocol::v2::{Frame, List, Varint, frames};
use msr_protocol::{Code, Credential};
use tokio::time::Instant;
use tracing::{debug, info, trace};

use super::keys::ByKey;
use super::limits;
use super::sending::Act;
use super::uploads::Uploads;
use crate::delivery::{Outgoing, Queues};
use crate::switch::ending::Ending;
use crate::switch::place::Place;
use crate::switch::queue::SendQueue;
use crate::switch::rate::Allowance;
use crate::switch::{Shared, Wire, limits as switch_limits};

/// A connection, from the opening of its socket to its end. Dropping it signs out.
pub(in crate::switch) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Arc<SendQueue<Outgoing>>,
    pub(super) place: Option<Place>,
    /// Who is registered.
    pub(super) registered: Option<Credential>,
    /// Its keys, when it has registered by key.
    pub(super) by_key: Option<ByKey>,
    /// What a proof must cover; used once.
    pub(super) nonce: Option<[u8; 32]>,
    /// Shared by the requests of this connection that wait for the disk.
    pub(super) requests: Arc<()>,
    pub(super) uploads: Uploads,
    pub(super) allowance: Allowance,
    id: u64,
}

impl Connection {
    pub(in crate::switch) fn admit(shared: &Arc<Shared>, place: Option<Place>) -> Self {
        let queue = Arc::new(SendQueue::new(Arc::clone(&shared.pool)));
        let id = shared.take_in(Wire::Frames(Arc::clone(&queue)));
        let mut connection = Self {
            shared: Arc::clone(shared),
            queue,
            place,
            registered: None,
            by_key: None,
            nonce: None,
            requests: Arc::default(),
            uploads: Uploads::new(shared.uploads.clone()),
            allowance: Allowance::new(shared.rules.rate, Instant::now()),
            id,
        };
        connection.challenge();
        connection
    }

    pub(in crate::switch) fn id(&self) -> u64 {
        self.id
    }

    /// What the queues know it by.
    pub(super) fn name(&self) -> ConnectionId {
        ConnectionId(self.id)
    }

    pub(super) fn queue(&self) -> &Arc<SendQueue<Outgoing>> {
        &self.queue
    }

    pub(super) fn queues(&self) -> &Queues {
        &self.shared.queues
    }

    /// A binary message came: a run of frames.
    pub(super) fn receive(&mut self, message: &[u8]) {
        self.allowance.spend(1, message.len());
        self.give_up_idle_uploads();
        let mut acts = Vec::new();
        for frame in frames(message) {
            let heard = match (frame, self.registered) {
                (Ok(frame), Some(sender)) => self.hear(sender, frame, &mut acts),
                (Ok(frame), None) => self.hear_first(frame),
                (Err(error), _) => {
                    info!(%error, "not a frame");
                    self.break_off(Code::BadMessage)
                }
            };
            if heard.is_break() {
                break;
            }
        }
        self.do_all(acts);
    }

    /// A ping or a pong of the WebSocket came: all that counts is that there are not too many.
    pub(super) fn receive_control(&mut self) {
        self.allowance.spend(1, 0);
    }

    fn hear_first(&mut self, frame: Frame<'_>) -> ControlFlow<()> {
        match frame {
            Frame::Hello { .. } => self.register(frame),
            _ => self.refuse_registration(Code::NotRegistered),
        }
        if self.registered.is_some() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn hear<'a>(&mut self, sender: Credential, frame: Frame<'a>, acts: &mut Vec<Act<'a>>) -> ControlFlow<()> {
        match frame {
            Frame::Ping { time_ms } => self.pong(time_ms),
            Frame::Send { .. } => self.send(sender, frame, acts),
            Frame::Begin { upload, total_bytes } => self.begin_upload(upload.0, total_bytes.0)?,
            Frame::Piece { upload, offset, payload } => self.take_piece(upload.0, offset.0, payload.0)?,
            Frame::Finish { upload, number } => {
                self.do_all(std::mem::take(acts));
                self.finish_upload(sender, upload.0, number.0)?;
            }
            Frame::Void { number } => self.void(sender, number.0, acts),
            Frame::Ack { sequence } => acts.push(Act::Acknowledge(sequence)),
            Frame::Find { ticket, keyword } => self.find(ticket, keyword),
            Frame::Retire { device } => {
                self.allowance.spend(1, 0);
                acts.push(Act::Retire(device));
            }
            Frame::Bye {} => {
                self.do_all(std::mem::take(acts));
                self.end(Ending::Bye);
                return ControlFlow::Break(());
            }
            Frame::PutList { .. } | Frame::GetLists { .. } | Frame::PutKeys { .. } | Frame::Claim { .. } => self.hear_of_keys(&frame)?,
            Frame::Hello { .. } => return self.break_off(Code::DuplicateRegistration),
            Frame::Challenge { .. }
            | Frame::Welcome { .. }
            | Frame::Refused { .. }
            | Frame::Pong { .. }
            | Frame::Accepted { .. }
            | Frame::Rejected { .. }
            | Frame::Declined { .. }
            | Frame::Deliver { .. }
            | Frame::DeliverBegin { .. }
            | Frame::DeliverPiece { .. }
            | Frame::Progress { .. }
            | Frame::Realtime { .. }
            | Frame::Found { .. }
            | Frame::Devices { .. }
            | Frame::Trouble { .. }
            | Frame::ListPut { .. }
            | Frame::Lists { .. }
            | Frame::Keys { .. }
            | Frame::Claimed { .. } => return self.break_off(Code::BadMessage),
        }
        ControlFlow::Continue(())
    }

    fn pong(&mut self, origin_time_ms: i64) {
        self.allowance.spend(1, 0);
        self.answer(&Frame::Pong { origin_time_ms, receive_time_ms: (self.shared.clock)() });
    }

    /// Looks for peers, of either version.
    fn find(&mut self, ticket: Varint, keyword: &str) {
        self.allowance.spend(switch_limits::SEARCH_COST_MESSAGES, 0);
        if keyword.len() > limits::KEYWORD_BYTES {
            return self.trouble(Code::InvalidArgument, "the keyword is too long");
        }
        let found = self.shared.registry.find(&Search::for_text(keyword));
        trace!(found = found.len(), "searched");
        let peers: Vec<String> = found.iter().map(|peer| peer.to_text(Dialect::A)).collect();
        self.answer(&Frame::Found { ticket, peers: List(peers.iter().map(String::as_str).collect()) });
    }

    /// Something was not done, and no other frame says so.
    pub(super) fn trouble(&self, code: Code, reason: &str) {
        self.shared.counters.refused.add(1);
        info!(code = code.number(), reason, "not done");
        self.answer(&Frame::Trouble { code: code.number(), reason });
    }

    /// Puts an answer into the connection's own queue.
    pub(super) fn answer(&self, frame: &Frame<'_>) {
        if self.queue.push(Outgoing::frame(frame)).is_err() {
            debug!("an answer found the connection ending");
        }
    }

    /// Closes the connection; what came after in the same message is not looked at.
    pub(super) fn break_off(&self, code: Code) -> ControlFlow<()> {
        self.refuse(code);
        ControlFlow::Break(())
    }

    /// Closes the connection.
    pub(super) fn refuse(&self, code: Code) {
        self.end(Ending::Refused(code));
    }

    pub(super) fn end(&self, ending: Ending) {
        self.queue.end(ending);
    }

    /// Signs out, and says in the log why the connection ended.
    pub(super) fn leave(&mut self, ending: Ending) {
        self.shared.note(ending);
        self.sign_out();
    }

    fn sign_out(&mut self) {
        let Some(credential) = self.registered.take() else { return };
        self.queues().leave(self.name());
        self.shared.registry.sign_out(credential, self.id, (self.shared.clock)());
        info!(%credential, "signed out");
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.sign_out();
        self.shared.let_go(self.id);
    }
}
