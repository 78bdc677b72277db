//! The outbox as one registered connection knows it: what the server has, what is under way to it, what it refused.

use crate::queue::Queue;

/// What the server said it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
    pub(crate) message_bytes: usize,
    pub(crate) piece_bytes: usize,
}

/// The outbox as one registered connection knows it.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) window: Window,
    /// The server has everything up to this number.
    pub(super) accepted: u64,
    /// The next number to write.
    next: u64,
    /// Numbers that are written and not answered, and what they take of the window.
    under_way: Queue<(u64, usize)>,
    /// Until this number is accepted, nothing else is written.
    refused: Option<Refused>,
    /// The message that goes up in pieces, or has, and is not finished.
    pub(super) upload: Option<Upload>,
    last_upload: u64,
    /// No upload begins before.
    pub(super) upload_at_ms: f64,
}

/// A message in pieces.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Upload {
    /// Its name on the connection.
    pub(super) upload: u64,
    /// The message.
    pub(super) position: u64,
    /// All of it is written.
    pub(super) is_whole: bool,
}

/// A number that the server did not take.
#[derive(Debug)]
struct Refused {
    number: u64,
    retry_at_ms: f64,
    /// It was written again.
    asked: bool,
    /// Nothing has that number any more.
    is_void: bool,
}

impl Line {
    /// The server has everything up to `accepted`; `next` is to be written.
    pub(super) fn new(window: Window, accepted: u64, next: u64) -> Self {
        let (upload, last_upload, upload_at_ms) = (None, 0, f64::NEG_INFINITY);
        Self { window, accepted, next, under_way: Queue::default(), refused: None, upload, last_upload, upload_at_ms }
    }

    /// Whether an upload may begin; from then on it is not the time that holds it up.
    pub(super) fn may_upload(&mut self, now_ms: f64) -> bool {
        let may = self.upload_at_ms <= now_ms;
        if may {
            self.upload_at_ms = f64::NEG_INFINITY;
        }
        may
    }

    /// The message at that position goes up; gives its name on the connection.
    pub(super) fn begin(&mut self, position: u64) -> u64 {
        self.last_upload += 1;
        self.upload = Some(Upload { upload: self.last_upload, position, is_whole: false });
        self.last_upload
    }

    /// The number to write next; `None` while a refused one is not due, or not answered.
    pub(super) fn due(&mut self, now_ms: f64) -> Option<u64> {
        match &mut self.refused {
            Some(refused) if refused.asked || refused.retry_at_ms > now_ms => None,
            Some(refused) => {
                // From here on it is not the time that holds it up.
                refused.retry_at_ms = f64::NEG_INFINITY;
                Some(refused.number)
            }
            None => Some(self.next),
        }
    }

    /// Goes on from that number, refused or not.
    pub(super) fn skip_to(&mut self, number: u64) {
        (self.refused, self.next) = (None, number);
    }

    /// Whether so many bytes more may be under way. One message always may.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let taken: usize = self.under_way.iter().map(|(_, bytes)| bytes).sum();
        self.under_way.len() == 0 || (self.under_way.len() < self.window.entries && taken + bytes <= self.window.bytes)
    }

    /// That number is written, and takes so much of the window.
    pub(super) fn wrote(&mut self, number: u64, bytes: usize) {
        self.under_way.push((number, bytes));
        match &mut self.refused {
            Some(refused) => (refused.asked, refused.retry_at_ms) = (true, f64::NEG_INFINITY),
            None => self.next = number + 1,
        }
    }

    /// The server has everything up to that number. `None` for one that was never written; else whether a refusal is over.
    pub(super) fn accept(&mut self, number: u64) -> Option<bool> {
        let written = self.refused.as_ref().map_or(self.next, |refused| refused.number + u64::from(refused.asked));
        if number >= written.max(self.accepted + 1) {
            return None;
        }
        self.accepted = self.accepted.max(number);
        while self.under_way.iter().next().is_some_and(|(first, _)| *first <= number) {
            self.under_way.pop();
        }
        let is_over = self.refused.take_if(|refused| refused.number <= number).is_some();
        if is_over {
            self.next = number + 1;
        }
        Some(is_over)
    }

    /// Whether a refusal of that number is to be acted on. What was written after a refused number is refused too, and
    /// those answers may come later than its own.
    pub(super) fn is_refusable(&self, number: u64) -> bool {
        match &self.refused {
            Some(refused) => (refused.asked && refused.number == number) || (self.accepted < number && number < refused.number),
            None => number < self.next && self.under_way.iter().any(|(under_way, _)| *under_way == number),
        }
    }

    /// The server did not take that number; it is written again then.
    pub(super) fn refuse(&mut self, number: u64, retry_at_ms: f64) {
        self.under_way = Queue::default();
        self.refused = Some(Refused { number, retry_at_ms, asked: false, is_void: false });
    }

    /// The server did not take that number, and nothing will have it: it hears so, and nothing else before it has.
    pub(super) fn give_up(&mut self, number: u64) {
        self.under_way = Queue::default();
        self.refused = Some(Refused { number, retry_at_ms: f64::NEG_INFINITY, asked: false, is_void: true });
    }

    /// Whether the number to write next was given up.
    pub(super) fn is_given_up(&self) -> bool {
        self.refused.as_ref().is_some_and(|refused| refused.is_void)
    }

    /// When a refused number, or upload, is to be written again.
    pub(super) fn deadline_ms(&self) -> f64 {
        let refused_ms = self.refused.as_ref().map(|refused| refused.retry_at_ms);
        refused_ms.into_iter().chain([self.upload_at_ms]).filter(|at_ms| at_ms.is_finite()).fold(f64::INFINITY, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        let mut line = Line::new(Window { entries: 3, bytes: 100, message_bytes: 100, piece_bytes: 50 }, 10, 11);
        for number in 11..=13 {
            assert_eq!(line.due(0.0), Some(number));
            assert!(line.has_room(10));
            line.wrote(number, 10);
        }
        line
    }

    #[test]
    fn a_window() {
        let mut line = line();
        assert!(!line.has_room(0), "three are under way");
        assert_eq!(line.accept(11), Some(false));
        assert!(line.has_room(80) && !line.has_room(81));
        assert_eq!(line.accept(14), None, "never written");
        assert_eq!(line.accept(13), Some(false));
        assert!(line.has_room(1_000), "one always may");
    }

    #[test]
    fn after_a_refusal_one_at_a_time() {
        let mut line = line();
        assert!(line.is_refusable(12) && !line.is_refusable(14));
        line.refuse(12, 5.0);
        assert!(!line.is_refusable(13), "it follows from the first");
        assert_eq!((line.deadline_ms(), line.due(4.0), line.due(5.0)), (5.0, None, Some(12)));
        line.wrote(12, 10);
        assert_eq!((line.due(6.0), line.is_refusable(13)), (None, false));
        assert!(line.is_refusable(11), "an earlier one, that was still being written down");
        assert_eq!(line.accept(12), Some(true));
        assert_eq!(line.due(6.0), Some(13));
    }
}
