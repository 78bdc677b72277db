//! How long to wait before the next attempt: full jitter (Marc Brooker, "Exponential Backoff And Jitter"), so that the
//! clients of a server that went away do not come back all at once.

use fastrand::Rng;

use crate::limits::{BACKOFF_BASE_MS, BACKOFF_CAP_MS};

/// After so many doublings the cap is long reached; counting stops there.
const DOUBLINGS: u32 = 16;

/// Counts attempts that failed one after the other.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure: uniform between 0 and min(cap, base · 2ⁿ), n failures after the first.
    pub(crate) fn next_ms(&mut self, rng: &mut Rng) -> f64 {
        let ceiling_ms = f64::from(1_u32 << self.failures) * BACKOFF_BASE_MS;
        self.failures = (self.failures + 1).min(DOUBLINGS);
        rng.f64() * ceiling_ms.min(BACKOFF_CAP_MS)
    }

    /// It worked.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_spread_over_the_whole_range() {
        let mut longest = [0.0_f64; 12];
        let mut shortest = [f64::MAX; 12];
        for seed in 0..2_000 {
            let (mut backoff, mut rng) = (Backoff::default(), Rng::with_seed(seed));
            for n in 0..longest.len() {
                let wait = backoff.next_ms(&mut rng);
                longest[n] = longest[n].max(wait);
                shortest[n] = shortest[n].min(wait);
            }
        }
        for (n, (&longest, &shortest)) in longest.iter().zip(&shortest).enumerate() {
            let ceiling = (BACKOFF_BASE_MS * f64::from(1 << n)).min(BACKOFF_CAP_MS);
            assert!(longest <= ceiling && longest > 0.98 * ceiling, "{n}: {longest} of {ceiling}");
            assert!(shortest < 0.02 * ceiling, "{n}: {shortest}");
        }
    }

    #[test]
    fn never_overflows_and_starts_anew_after_a_success() {
        let (mut backoff, mut rng) = (Backoff::default(), Rng::with_seed(7));
        for _ in 0..1_000 {
            assert!(backoff.next_ms(&mut rng) <= BACKOFF_CAP_MS);
        }
        backoff.reset();
        assert!(backoff.next_ms(&mut rng) <= BACKOFF_BASE_MS);
    }
}
