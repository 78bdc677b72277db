//! What others than the queues have to say to connections, in one order with what the queues say.

use msr_protocol::v2::Frame;
use msr_protocol::{Code, Credential};

use crate::{ConnectionId, DeviceIndex, DeviceKey, Exchange, Now};

impl Exchange {
    /// Writes a frame to a connection.
    pub fn tell(&mut self, connection: ConnectionId, frame: &Frame<'_>) {
        self.frame(connection, frame);
    }

    /// Writes a frame to a device of that peer, if it is connected.
    pub fn tell_device(&mut self, peer: Credential, device: DeviceKey, frame: &Frame<'_>) {
        if let Some(index) = self.device_of_peer(peer, device) {
            self.frame_to(index, frame);
        }
    }

    /// Writes a frame to every connection of a peer but this one.
    pub fn tell_others(&mut self, peer: Credential, but: ConnectionId, frame: &Frame<'_>) {
        let theirs = self.by_peer.get(&peer).into_iter().flatten().filter_map(|index| self.devices.get(index));
        let others: Vec<ConnectionId> = theirs.filter_map(|device| device.connection).filter(|other| *other != but).collect();
        for connection in others {
            self.frame(connection, frame);
        }
    }

    /// A device of that peer is one no more: its connection is closed, its queue is freed as with a retired one.
    pub fn revoke(&mut self, peer: Credential, device: DeviceKey, now: Now) {
        let Some(index) = self.device_of_peer(peer, device) else { return };
        self.retire_as(index, Code::DeviceRevoked);
        self.free_retired(now);
        self.announce_devices(peer);
    }

    fn device_of_peer(&self, peer: Credential, device: DeviceKey) -> Option<DeviceIndex> {
        let index = *self.by_key.get(&device)?;
        self.devices.get(&index).filter(|device| device.credential == peer).map(|_| index)
    }
}

#[cfg(test)]
mod tests {
    use msr_protocol::v2::frames;

    use super::*;
    use crate::{Effect, Greeting, Recovering, Recovery};

    const NOW: Now = Now { monotonic_ms: 0, wall_ms: 1_000 };
    const ANN: Credential = Credential([1; 16]);
    const BOB: Credential = Credential([2; 16]);

    fn register(exchange: &mut Exchange, connection: u64, credential: Credential, device: u8) {
        let greeting = Greeting {
            credential,
            device: [device; 16],
            name: String::new(),
            outbox_epoch: 1,
            queue_epoch: None,
            start: 0,
            handled: 0,
            fresh_epoch: 1,
        };
        exchange.hello(ConnectionId(connection), &greeting, NOW).unwrap();
    }

    fn pongs(exchange: &mut Exchange) -> Vec<u64> {
        let mut told = Vec::new();
        while let Some(effect) = exchange.poll_effect() {
            let Effect::Frame { connection, frame } = effect else { continue };
            told.extend(frames(&frame).filter_map(|frame| matches!(frame, Ok(Frame::Pong { .. })).then_some(connection.0)));
        }
        told
    }

    #[test]
    fn who_is_told() {
        let mut exchange = Recovering::new(Recovery::default(), 1).finish();
        for (connection, peer, device) in [(1, ANN, 1), (2, ANN, 2), (3, BOB, 3)] {
            register(&mut exchange, connection, peer, device);
        }
        let pong = Frame::Pong { origin_time_ms: 1, receive_time_ms: 2 };
        exchange.tell_others(ANN, ConnectionId(1), &pong);
        assert_eq!(pongs(&mut exchange), [2]);
        exchange.tell_device(ANN, [1; 16], &pong);
        exchange.tell_device(ANN, [3; 16], &pong);
        assert_eq!(pongs(&mut exchange), [1], "the other device is not hers");
        exchange.disconnected(ConnectionId(2), NOW);
        exchange.tell_others(ANN, ConnectionId(1), &pong);
        exchange.tell_device(ANN, [2; 16], &pong);
        assert!(pongs(&mut exchange).is_empty());
    }

    #[test]
    fn who_is_revoked_is_closed_and_gone() {
        let mut exchange = Recovering::new(Recovery::default(), 1).finish();
        register(&mut exchange, 1, ANN, 1);
        register(&mut exchange, 2, BOB, 2);
        exchange.revoke(ANN, [2; 16], NOW);
        assert!(exchange.knows(BOB), "it is not hers to revoke");
        exchange.revoke(ANN, [1; 16], NOW);
        let mut closed = Vec::new();
        while let Some(effect) = exchange.poll_effect() {
            if let Effect::Close { connection, code } = effect {
                closed.push((connection, code));
            }
        }
        assert_eq!(closed, [(ConnectionId(1), Code::DeviceRevoked)]);
        assert!(!exchange.knows(ANN));
    }
}
