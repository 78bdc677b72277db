//! As much of RFC 6455 as a load generator needs: frames to send are made once, frames received are counted.

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Binary,
    Close,
    Ping,
    Other,
}

/// A client's frame. Its mask is 0, which is legal on the wire, and lets a text be sent again and again as it is.
pub(crate) fn client_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// A text of a client.
pub(crate) fn client_text(text: &str) -> Vec<u8> {
    client_frame(1, text.as_bytes())
}

/// The answer to a ping.
pub(crate) fn client_pong(payload: &[u8]) -> Vec<u8> {
    client_frame(10, payload)
}

/// A server's frame at the beginning of `bytes`: what it is, where its payload starts, and where it ends. `None` while
/// it is not there in full.
pub(crate) fn server_frame(bytes: &[u8]) -> Option<(Kind, usize, usize)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (start, length): (usize, usize) = match second & 0x7f {
        126 => (4, u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?) as usize),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        length => (2, usize::from(length)),
    };
    let kind = match first & 0x0f {
        1 => Kind::Text,
        2 => Kind::Binary,
        8 => Kind::Close,
        9 => Kind::Ping,
        _ => Kind::Other,
    };
    let end = start.checked_add(length)?;
    (bytes.len() >= end).then_some((kind, start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_when_they_are_there() {
        let mut bytes = vec![0x81, 126, 0, 200];
        bytes.extend([b'x'; 200]);
        bytes.extend([0x89, 2, 1, 2]);
        for part in 0..204 {
            assert_eq!(server_frame(&bytes[..part]), None);
        }
        assert_eq!(server_frame(&bytes), Some((Kind::Text, 4, 204)));
        assert_eq!(server_frame(&bytes[204..]), Some((Kind::Ping, 2, 4)));
    }

    #[test]
    fn lengths() {
        assert_eq!(client_text("hi"), [0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
        assert_eq!(client_frame(1, &[0; 300])[..4], [0x81, 0xfe, 1, 44]);
        assert_eq!(client_frame(1, &[0; 70_000])[..10], [0x81, 0xff, 0, 0, 0, 0, 0, 1, 0x11, 0x70]);
    }
}
