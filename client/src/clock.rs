//! What time it is, here and at the server.
//!
//! Time-outs and round trips run on the monotonic clock, timestamps on the wall clock corrected by the offset. The offset
//! is measured at each registration; a wall clock that is set in between is corrected at the next one. What a driver says
//! about time is taken with care: the monotonic clock never goes backward here, and neither clock is ever not a number.

use msr_protocol::JsonText;

use crate::Moment;

/// The latest time a JavaScript `Date` knows; every whole number up to it is exact in a double.
const LATEST_MS: f64 = 8.64e15;

/// Both clocks, and the offset between this one and the server's.
#[derive(Debug)]
pub(crate) struct Clock {
    last: Moment,
    offset_ms: f64,
    /// How long the way was over which the offset was measured.
    measured_over_ms: f64,
    round_trip_ms: Option<f64>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { last: Moment { monotonic_ms: 0.0, wall_ms: 0.0 }, offset_ms: 0.0, measured_over_ms: 0.0, round_trip_ms: None }
    }
}

impl Clock {
    /// The time, as far as it can be believed.
    pub(crate) fn read(&mut self, now: Moment) -> Moment {
        if now.monotonic_ms.is_finite() && now.monotonic_ms > self.last.monotonic_ms {
            self.last.monotonic_ms = now.monotonic_ms.min(LATEST_MS);
        }
        if now.wall_ms.is_finite() {
            self.last.wall_ms = now.wall_ms.clamp(-LATEST_MS, LATEST_MS);
        }
        self.last
    }

    /// Takes the answer to a registration: `offset` = receive time − message timestamp − half the round trip less the
    /// time spent in the server. A timestamp that is no number leaves the offset as it was.
    pub(crate) fn measure(&mut self, sent_ms: f64, received: Moment, timestamp: &JsonText, process_time_ms: Option<f64>) {
        self.measure_against(sent_ms, received, whole_ms(timestamp), process_time_ms.unwrap_or(0.0));
    }

    /// As [`Clock::measure`], the server's time being a number already.
    pub(crate) fn measure_against(&mut self, sent_ms: f64, received: Moment, server_ms: Option<f64>, process_time_ms: f64) {
        let round_trip_ms = received.monotonic_ms - sent_ms;
        self.round_trip_ms = Some(round_trip_ms);
        if let Some(server_ms) = server_ms.filter(|server_ms| server_ms.abs() <= LATEST_MS) {
            // NaN.clamp gives NaN, and max takes the other one.
            let travel_ms = round_trip_ms - process_time_ms.max(0.0).min(round_trip_ms);
            self.offset_ms = (received.wall_ms - server_ms - travel_ms / 2.0).round();
            self.measured_over_ms = travel_ms;
        }
    }

    /// Takes another look at the server's clock. The offset lies within half the round trip of what is measured: one that
    /// does already, and was measured over a shorter way, is the better one.
    pub(crate) fn remeasure(&mut self, sent_ms: f64, received: Moment, server_ms: f64) {
        let (known_ms, known_over_ms) = (self.offset_ms, self.measured_over_ms);
        self.measure_against(sent_ms, received, Some(server_ms), 0.0);
        if known_over_ms <= self.measured_over_ms && (known_ms - self.offset_ms).abs() <= self.measured_over_ms / 2.0 + 1.0 {
            (self.offset_ms, self.measured_over_ms) = (known_ms, known_over_ms);
        }
    }

    /// How far this clock is ahead of the server's, in whole ms.
    pub(crate) fn offset_ms(&self) -> f64 {
        self.offset_ms
    }

    /// The last round trip.
    pub(crate) fn round_trip_ms(&self) -> Option<f64> {
        self.round_trip_ms
    }

    /// The timestamp of a registration: the wall clock as it is.
    pub(crate) fn local_ms(now: Moment) -> i64 {
        now.wall_ms.round() as i64
    }

    /// The timestamp of every other message: the time at the server, as far as it is known.
    pub(crate) fn server_ms(&self, now: Moment) -> i64 {
        (now.wall_ms - self.offset_ms).round() as i64
    }
}

/// A timestamp to the ms. What follows a decimal point is not worth a parser of floating-point numbers in the page.
fn whole_ms(timestamp: &JsonText) -> Option<f64> {
    let text = timestamp.as_str();
    let whole = text.split_once('.').map_or(text, |(whole, fraction)| if fraction.contains('e') { "" } else { whole });
    let value_ms = whole.parse::<i64>().ok()? as f64;
    (value_ms.abs() <= LATEST_MS).then_some(value_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(monotonic_ms: f64, wall_ms: f64) -> Moment {
        Moment { monotonic_ms, wall_ms }
    }

    fn text(text: &str) -> JsonText {
        JsonText::from_spelled(text.to_owned())
    }

    #[test]
    fn the_offset_of_the_wire_format() {
        let mut clock = Clock::default();
        clock.measure(1_000.0, at(1_080.0, 500_000.0), &text("400000"), None);
        assert_eq!((clock.offset_ms(), clock.round_trip_ms()), (99_960.0, Some(80.0)));
        clock.measure(1_000.0, at(1_080.0, 500_000.0), &text("400000"), Some(30.0));
        assert_eq!(clock.offset_ms(), 99_975.0);
        assert_eq!(clock.server_ms(at(0.0, 500_000.0)), 400_025);
    }

    #[test]
    fn a_slow_answer_does_not_spoil_what_a_fast_one_said() {
        let mut clock = Clock::default();
        clock.measure_against(0.0, at(20.0, 1_000.0), Some(900.0), 0.0);
        assert_eq!(clock.offset_ms(), 90.0);
        clock.remeasure(100.0, at(300.0, 1_280.0), 1_190.0 - 90.0);
        assert_eq!((clock.offset_ms(), clock.round_trip_ms()), (90.0, Some(200.0)), "it lies within what the slow one says");
        clock.remeasure(300.0, at(500.0, 87_000_000.0), 1_400.0);
        assert_eq!(clock.offset_ms(), 87_000_000.0 - 1_400.0 - 100.0, "the clock on the wall was set");
    }

    #[test]
    fn what_makes_no_sense_changes_nothing() {
        let mut clock = Clock::default();
        for timestamp in ["null", "\"1\"", "1e21", "1.5e300", "99999999999999999999", "9000000000000000000", "", "{}", "-"] {
            clock.measure(0.0, at(10.0, 1_000.0), &text(timestamp), None);
            assert_eq!(clock.offset_ms(), 0.0, "{timestamp}");
        }
        for process in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -5.0] {
            clock.measure(0.0, at(10.0, 1_000.0), &text("900.75"), Some(process));
            assert!((95.0..=100.0).contains(&clock.offset_ms()), "{process}");
        }
    }

    #[test]
    fn clocks_that_cannot_be_are_not_believed() {
        let mut clock = Clock::default();
        assert_eq!(clock.read(at(5.0, 7.0)), at(5.0, 7.0));
        assert_eq!(clock.read(at(f64::NAN, f64::NAN)), at(5.0, 7.0));
        assert_eq!(clock.read(at(3.0, -7.0)), at(5.0, -7.0));
        assert_eq!(clock.read(at(f64::INFINITY, f64::INFINITY)), at(5.0, -7.0));
        assert_eq!(clock.read(at(f64::MAX, f64::MAX)), at(LATEST_MS, LATEST_MS));
    }
}
