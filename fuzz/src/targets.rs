//! What each fuzz target does with some bytes. No libFuzzer here, so that the tests run the same over the seeds.

use msr_protocol::v1::{Dialect, Incoming, Registration, Relayed, Search};
use msr_protocol::v2::{Entry, Field, Frame, HEADER_BYTES, frames};
use msr_protocol::{JsonText, hash_secret, is_json, spell};

/// Takes any bytes, and fails when something does not hold.
type Target = fn(&[u8]);

/// Every target, by the name of its folder of seeds.
pub(crate) const TARGETS: [(&str, Target); 3] = [("v1_json", v1_json), ("v2_frames", v2_frames), ("store_records", store_records)];

/// A text of version 1: read or refused, and what is passed on can be read again.
pub(crate) fn v1_json(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let spelled = spell(text);
    assert_eq!(is_json(text), spelled.is_ok(), "two readers of JSON disagree");
    if let Ok(once) = spelled {
        assert_eq!(spell(once.as_str()).ok(), Some(once), "spelling twice changes something");
    }
    message(text);
    // Few texts have the right checksum by chance.
    if let Some(members) = text.strip_prefix('{') {
        message(&format!("{{\"checksum\":\"{}\",{members}", hash_secret(text)));
    }
}

fn message(text: &str) {
    let Ok(incoming) = Incoming::read(text) else { return };
    let _ = (incoming.check_kinds(), incoming.subject(), incoming.recipients(), incoming.timestamp());
    let _ = (Registration::read(&incoming), Search::read(&incoming));
    for to in [Dialect::A, Dialect::B] {
        if let Ok(Relayed::Anew(anew)) = incoming.relayed(to, &JsonText::string("s")) {
            let again = Incoming::read(&anew).unwrap_or_else(|code| panic!("{code:?} of our own {anew}"));
            assert_eq!(again.dialect(), to);
            assert_eq!(again.from(), incoming.from());
        }
    }
}

/// A message of version 2: every frame that can be read is spelled in the one way there is.
pub(crate) fn v2_frames(data: &[u8]) {
    let mut rest = data;
    for frame in frames(data) {
        let Ok(frame) = frame else { return };
        let mut written = Vec::new();
        frame.write(&mut written);
        assert!(rest.starts_with(&written), "{frame:?} is spelled in two ways");
        assert!(written.len() >= HEADER_BYTES);
        rest = &rest[written.len()..];
        if let Frame::Deliver { entry, .. } | Frame::Realtime { entry, .. } = &frame {
            read_entry(entry.0);
        }
    }
    assert!(rest.is_empty(), "{} bytes were passed over", rest.len());
}

fn read_entry(bytes: &[u8]) {
    let mut rest = bytes;
    if let Ok(entry) = Entry::read(&mut rest) {
        let mut written = Vec::new();
        entry.write(&mut written);
        assert!(bytes.starts_with(&written) && written.len() + rest.len() == bytes.len(), "{entry:?} is spelled in two ways");
    }
}

/// A segment of the store, and the records of a batch behind their checksum: read or refused.
pub(crate) fn store_records(data: &[u8]) {
    let _ = msr_store::check_segment(1, data);
    let _ = msr_store::check_payload(data);
}
