//! How much one connection may send: two token buckets, one of messages, one of bytes. Generous, so that only who is
//! broken or hostile meets them; the connection is closed then, because a sender that is told nothing never learns.

use std::time::Duration;

use tokio::time::Instant;

use super::limits;

/// What a connection may send. A message costs one, and one more for every [`limits::COPIES_PER_COST`] copies; a
/// search costs [`limits::SEARCH_COST_MESSAGES`], a message that is dropped, and a second registration,
/// [`limits::DROP_COST_MESSAGES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// For long, in messages a second.
    pub messages_per_second: u32,
    /// At once, in messages.
    pub message_burst: u32,
    /// For long, in bytes a second.
    pub bytes_per_second: u32,
    /// At once, in bytes.
    pub byte_burst: u32,
}

impl Default for Rate {
    fn default() -> Self {
        Self {
            messages_per_second: limits::MESSAGES_PER_SECOND,
            message_burst: limits::MESSAGE_BURST,
            bytes_per_second: limits::BYTES_PER_SECOND,
            byte_burst: limits::BYTE_BURST,
        }
    }
}

/// What is left of a [`Rate`].
pub(super) struct Allowance {
    rate: Rate,
    messages: f64,
    bytes: f64,
    filled: Instant,
}

/// More was sent than the rate allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exceeded;

impl Allowance {
    pub(super) fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, messages: rate.message_burst.into(), bytes: rate.byte_burst.into(), filled: now }
    }

    /// Takes that much. The clock is asked only when the buckets look empty.
    pub(super) fn take(&mut self, messages: u32, bytes: usize, now: impl FnOnce() -> Instant) -> Result<(), Exceeded> {
        let (messages, bytes) = (f64::from(messages), bytes as f64);
        if self.messages < messages || self.bytes < bytes {
            self.fill(now());
        }
        if self.messages < messages || self.bytes < bytes {
            return Err(Exceeded);
        }
        self.messages -= messages;
        self.bytes -= bytes;
        Ok(())
    }

    /// Takes that much, whether it is there or not: whoever can be slowed down need not be cut off.
    pub(super) fn spend(&mut self, messages: u32, bytes: usize) {
        self.messages -= f64::from(messages);
        self.bytes -= bytes as f64;
    }

    /// How long it takes until as much has come in as was spent; `None` when nothing is owed.
    pub(super) fn debt(&mut self, now: Instant) -> Option<Duration> {
        if self.messages >= 0.0 && self.bytes >= 0.0 {
            return None;
        }
        self.fill(now);
        let seconds = |owed: f64, per_second: u32| (-owed).max(0.0) / f64::from(per_second.max(1));
        let messages_seconds = seconds(self.messages, self.rate.messages_per_second);
        let owed_seconds = messages_seconds.max(seconds(self.bytes, self.rate.bytes_per_second));
        (owed_seconds > 0.0).then(|| Duration::from_secs_f64(owed_seconds))
    }

    fn fill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.messages = f64::from(self.rate.message_burst).min(self.messages + seconds * f64::from(self.rate.messages_per_second));
        self.bytes = f64::from(self.rate.byte_burst).min(self.bytes + seconds * f64::from(self.rate.bytes_per_second));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { messages_per_second: 10, message_burst: 20, bytes_per_second: 1_000, byte_burst: 5_000 };

    #[test]
    fn a_burst_then_the_rate() {
        let start = Instant::now();
        let mut allowance = Allowance::new(RATE, start);
        for _ in 0..20 {
            assert_eq!(allowance.take(1, 10, || start), Ok(()));
        }
        assert_eq!(allowance.take(1, 10, || start), Err(Exceeded));
        let later = start + Duration::from_millis(100);
        assert_eq!(allowance.take(1, 10, || later), Ok(()));
        assert_eq!(allowance.take(1, 10, || later), Err(Exceeded));
        let much_later = start + Duration::from_secs(3_600);
        assert_eq!(allowance.take(20, 10, || much_later), Ok(()));
        assert_eq!(allowance.take(1, 10, || much_later), Err(Exceeded), "never more than the burst");
    }

    #[test]
    fn who_owes_waits() {
        let start = Instant::now();
        let mut allowance = Allowance::new(RATE, start);
        allowance.spend(20, 6_000);
        assert_eq!(allowance.debt(start), Some(Duration::from_secs(1)));
        assert_eq!(allowance.debt(start + Duration::from_secs(1)), None);
    }

    #[test]
    fn bytes_count_too() {
        let start = Instant::now();
        let mut allowance = Allowance::new(RATE, start);
        assert_eq!(allowance.take(1, 5_000, || start), Ok(()));
        assert_eq!(allowance.take(1, 1, || start), Err(Exceeded));
    }
}
