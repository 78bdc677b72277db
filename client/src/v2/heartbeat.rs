//! Whether the other side is still there, and what time it is there.

use crate::limits::WAKE_TIMEOUT_MS;
use crate::queue::Queue;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beat {
    /// A `Ping`.
    Ping,
    /// The connection is to be made anew: nothing was heard for too long.
    Dead,
}

#[derive(Debug)]
struct Ping {
    time_ms: i64,
    sent_ms: f64,
    /// The bytes of the upload that were written before it.
    uploaded: u64,
}

/// The heart of one connection.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    interval_ms: f64,
    heard_ms: f64,
    pinged_ms: f64,
    /// When the silence is over: set by the first `Ping` that nothing was heard after.
    dead_at_ms: f64,
    pings: Queue<Ping>,
}

impl Heartbeat {
    pub(crate) fn new(interval_ms: f64, now_ms: f64) -> Self {
        Self { interval_ms, heard_ms: now_ms, pinged_ms: now_ms, dead_at_ms: f64::INFINITY, pings: Queue::default() }
    }

    /// A `Ping` of that time is written.
    pub(crate) fn pinged(&mut self, time_ms: i64, uploaded: u64, now_ms: f64) {
        self.pings.push(Ping { time_ms, sent_ms: now_ms, uploaded });
        self.pinged_ms = now_ms;
        // Two intervals after the last word; but a timer that comes late, in a page that slept, is no silence: whoever is
        // asked late has half an interval to answer.
        let dead_at_ms = (self.heard_ms + 2.0 * self.interval_ms).max(now_ms + self.interval_ms / 2.0);
        self.dead_at_ms = self.dead_at_ms.min(dead_at_ms);
    }

    /// The network may have changed: whoever is still there answers soon.
    pub(crate) fn hasten(&mut self, now_ms: f64) {
        self.dead_at_ms = self.dead_at_ms.min(now_ms + WAKE_TIMEOUT_MS);
    }

    /// Something came.
    pub(crate) fn heard(&mut self, now_ms: f64) {
        self.heard_ms = now_ms;
        self.dead_at_ms = f64::INFINITY;
    }

    /// A `Pong` came; gives when its `Ping` was written, and how much of the upload had been before. `None` when nobody
    /// asked.
    pub(crate) fn ponged(&mut self, time_ms: i64) -> Option<(f64, u64)> {
        self.pings.iter().find(|ping| ping.time_ms == time_ms)?;
        loop {
            let ping = self.pings.pop()?;
            if ping.time_ms == time_ms {
                return Some((ping.sent_ms, ping.uploaded));
            }
        }
    }

    /// What is due now.
    pub(crate) fn beat(&self, now_ms: f64) -> Option<Beat> {
        if self.dead_at_ms <= now_ms {
            return Some(Beat::Dead);
        }
        (self.next_ping_ms() <= now_ms).then_some(Beat::Ping)
    }

    /// When something will be due.
    pub(crate) fn deadline_ms(&self) -> f64 {
        self.dead_at_ms.min(self.next_ping_ms())
    }

    fn next_ping_ms(&self) -> f64 {
        self.pinged_ms + self.interval_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_found_within_two_intervals() {
        let mut heart = Heartbeat::new(10.0, 0.0);
        assert_eq!((heart.beat(9.0), heart.beat(10.0)), (None, Some(Beat::Ping)));
        heart.pinged(1, 0, 10.0);
        assert_eq!(heart.deadline_ms(), 20.0);
        assert_eq!(heart.beat(20.0), Some(Beat::Dead));
        heart.heard(12.0);
        assert_eq!(heart.ponged(1), Some((10.0, 0)));
        assert_eq!(heart.ponged(1), None);
        assert_eq!(heart.beat(20.0), Some(Beat::Ping));
    }

    #[test]
    fn a_late_timer_is_no_silence() {
        let mut heart = Heartbeat::new(10.0, 0.0);
        assert_eq!(heart.beat(1_000.0), Some(Beat::Ping));
        heart.pinged(1, 0, 1_000.0);
        assert_eq!(heart.beat(1_004.0), None);
        assert_eq!(heart.beat(1_005.0), Some(Beat::Dead));
    }

    #[test]
    fn after_a_wake_the_answer_is_due_soon() {
        let mut heart = Heartbeat::new(60_000.0, 0.0);
        heart.pinged(1, 0, 0.0);
        heart.hasten(0.0);
        assert_eq!(heart.deadline_ms(), WAKE_TIMEOUT_MS);
        heart.heard(1.0);
        assert_eq!(heart.deadline_ms(), 60_000.0);
    }

    #[test]
    fn a_later_answer_stands_for_the_earlier_ones() {
        let mut heart = Heartbeat::new(10.0, 0.0);
        heart.pinged(1, 100, 1.0);
        heart.pinged(2, 200, 2.0);
        assert_eq!(heart.ponged(2), Some((2.0, 200)));
        assert_eq!(heart.ponged(1), None);
    }
}
