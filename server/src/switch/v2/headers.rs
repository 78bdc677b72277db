//! What can be said of the headers of a message before the queues are asked: whether it is sealed as it must be.

use msr_delivery::limits::HEADER_BYTES_MOST;
use msr_protocol::Credential;
use msr_protocol::v2::{DeviceHeader, MessageId, flags};

use super::limits;

/// The headers, ascending, each device once; `None` when something is not as it must be. What a sealed message says beside
/// the payload would be said in the open.
pub(super) fn check<'a>(
    flags: u8,
    recipients: &[Credential],
    mut headers: Vec<DeviceHeader<'a>>,
    reply_to: Option<MessageId>,
    subject: &str,
) -> Option<Vec<DeviceHeader<'a>>> {
    if flags & flags::SEALED == 0 {
        return (headers.is_empty() && flags & flags::TARGETED == 0).then_some(headers);
    }
    headers.sort_unstable_by_key(|header| header.device);
    let each_once = headers.is_sorted_by(|one, next| one.device < next.device);
    let most = (recipients.len() + 1) * limits::HEADERS_PER_PEER;
    let fit = headers.len() <= most && headers.iter().all(|header| header.header.len() <= HEADER_BYTES_MOST);
    (each_once && fit && reply_to.is_none() && subject == "\"\"").then_some(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: u8 = 0;

    fn headers(devices: &[u8], bytes: &'static [u8]) -> Vec<DeviceHeader<'static>> {
        devices.iter().map(|device| DeviceHeader { device: [*device; 16], header: bytes }).collect()
    }

    #[test]
    fn sealed_as_it_must_be() {
        let to = [Credential([1; 16])];
        let longest: &[u8] = &[7; HEADER_BYTES_MOST];
        let sorted = check(flags::SEALED, &to, headers(&[2, 3, 1], longest), None, "\"\"");
        assert_eq!(sorted, Some(headers(&[1, 2, 3], longest)));
        assert!(check(flags::SEALED | flags::TARGETED, &to, Vec::new(), None, "\"\"").is_some());
        assert!(check(PLAIN, &to, Vec::new(), Some(id()), "\"s\"").is_some());
    }

    #[test]
    fn and_as_it_must_not() {
        let to = [Credential([1; 16])];
        let many: Vec<u8> = (0..=2 * limits::HEADERS_PER_PEER as u8).collect();
        for (flags, headers, reply_to, subject) in [
            (PLAIN, headers(&[1], b"h"), None, "\"s\""),
            (flags::TARGETED, Vec::new(), None, "\"s\""),
            (flags::SEALED, headers(&[1], &[7; HEADER_BYTES_MOST + 1]), None, "\"\""),
            (flags::SEALED, headers(&[1, 2, 1], b"h"), None, "\"\""),
            (flags::SEALED, headers(&many, b"h"), None, "\"\""),
            (flags::SEALED, headers(&[1], b"h"), None, "\"s\""),
            (flags::SEALED, headers(&[1], b"h"), Some(id()), "\"\""),
        ] {
            assert_eq!(check(flags, &to, headers, reply_to, subject), None, "{flags} {reply_to:?} {subject}");
        }
    }

    fn id() -> MessageId {
        MessageId { device: [1; 16], outbox_epoch: 1, number: msr_protocol::v2::Varint(1) }
    }
}
