//! The frames of one WebSocket message, one after the other: whole, as the server reads them, or as far as a client or its
//! keys are told any.

use super::field::{Field, FieldError, Reader};
use super::frame::{Frame, FrameError, ear};

/// The frames of one WebSocket message, in order; after an error nothing more.
#[must_use]
pub fn frames(message: &[u8]) -> Frames<'_> {
    Frames { rest: message, read_body: Frame::read_body::<{ ear::ALL }> }
}

/// The same, as a client reads it: what a client alone says is no frame. The browser module then goes without the code that
/// reads it.
#[must_use]
pub fn frames_for_client(message: &[u8]) -> Frames<'_> {
    Frames { rest: message, read_body: Frame::read_body::<{ ear::CLIENT }> }
}

/// The same, as the keys of a client read it: what the server says of keys.
#[must_use]
pub fn frames_for_keys(message: &[u8]) -> Frames<'_> {
    Frames { rest: message, read_body: Frame::read_body::<{ ear::KEYS }> }
}

/// The names of the frames of one WebSocket message, whose bodies nobody looks at; `None` for what is no frame, and the end.
pub fn names(mut message: &[u8]) -> impl Iterator<Item = Option<&'static str>> {
    std::iter::from_fn(move || {
        (!message.is_empty()).then(|| {
            let name = split(&mut message).ok().and_then(|(tag, _)| Frame::TAGS.iter().find(|(other, _)| *other == tag));
            if name.is_none() {
                message = &[];
            }
            name.map(|(_, name)| *name)
        })
    })
}

/// Takes a frame off the front: its tag, and its body.
fn split<'a>(message: &mut &'a [u8]) -> Result<(u8, &'a [u8]), FieldError> {
    let [tag, low, middle, high] = Field::read(message)?;
    let length = u32::from_le_bytes([low, middle, high, 0]) as usize;
    let (body, rest) = message.split_at_checked(length).ok_or(FieldError::Short)?;
    *message = rest;
    Ok((tag, body))
}

/// Reads the body of the frame that has that tag.
type ReadBody<'a> = fn(u8, &mut Reader<'a>) -> Result<Frame<'a>, FrameError>;

/// See [`frames`].
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    rest: &'a [u8],
    read_body: ReadBody<'a>,
}

impl<'a> Frames<'a> {
    fn read_one(&mut self) -> Result<Frame<'a>, FrameError> {
        let (tag, body) = split(&mut self.rest)?;
        let mut reader = Reader::new(body);
        let frame = (self.read_body)(tag, &mut reader)?;
        let left = reader.end()?;
        if left.is_empty() { Ok(frame) } else { Err(FrameError::LeftOver(left.len())) }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let read = self.read_one();
        if read.is_err() {
            self.rest = &[];
        }
        Some(read)
    }
}

#[cfg(test)]
mod tests;
