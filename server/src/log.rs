//! Log lines on standard error, and a bound on those that clients can cause.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Config, LogFormat};
use crate::limits::{LOG_LINES_PER_SECOND, LOG_TEXT_CHARS};

/// Starts logging for this process. Once; a second call changes nothing.
pub fn start(config: &Config) {
    let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let discreet = filter_fn(is_discreet);
    // A test that starts two servers in one process has started logging before.
    let _ = match config.log_format {
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).finish().with(discreet).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().with(discreet).try_init(),
    };
}

/// The WebSocket library traces whole frames, secrets and all: whatever the filter says, those lines are not written.
fn is_discreet(line: &Metadata<'_>) -> bool {
    *line.level() < Level::TRACE || !line.target().starts_with("tungstenite")
}

/// Text from outside, made harmless for a log: control characters escaped, and not longer than one line should be.
#[must_use]
pub fn escaped(bytes: &[u8]) -> String {
    let escaped: Vec<char> = bytes.escape_ascii().map(char::from).collect();
    let mut text: String = escaped.iter().take(LOG_TEXT_CHARS).collect();
    if escaped.len() > LOG_TEXT_CHARS {
        text.push('…');
    }
    text
}

/// Counts log lines of one kind, so that a flood of refusals does not become a flood of lines.
#[derive(Debug, Default)]
pub struct LogRate(Mutex<Option<Window>>);

#[derive(Debug)]
struct Window {
    since: Instant,
    lines: u32,
    suppressed: u64,
}

impl LogRate {
    /// Whether to write the next line; if so, how many were left out before it.
    pub fn next(&self) -> Option<u64> {
        let now = Instant::now();
        let mut window = self.0.lock();
        let window = window.get_or_insert(Window { since: now, lines: 0, suppressed: 0 });
        if now.duration_since(window.since) >= Duration::from_secs(1) {
            window.since = now;
            window.lines = 0;
        }
        if window.lines >= LOG_LINES_PER_SECOND {
            window.suppressed += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_becomes_a_count() {
        let rate = LogRate::default();
        let written = (0..LOG_LINES_PER_SECOND + 30).filter_map(|_| rate.next()).count();
        assert_eq!(written, LOG_LINES_PER_SECOND as usize);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(rate.next(), Some(30));
        assert_eq!(rate.next(), Some(0));
    }

    #[test]
    fn text_from_outside() {
        assert_eq!(escaped(b"http://x\r\n\x1b[31m\"\xff"), r#"http://x\r\n\x1b[31m\"\xff"#);
        assert_eq!(escaped(&[b'a'; 500]).chars().count(), LOG_TEXT_CHARS + 1);
    }
}
