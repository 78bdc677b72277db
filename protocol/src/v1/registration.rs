//! The request a connection opens with.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::incoming::{credential_of, spelled};
use super::{Dialect, Incoming};
use crate::{Code, Credential, JsonText, Location, Peer, limits};

/// Who wants to register, or which session is to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The dialect to answer in, and to speak from then on.
    pub dialect: Dialect,
    /// The peer, valid and hashing to the credential, if the request names one.
    pub peer: Option<(Credential, Peer)>,
    /// The id of an earlier session (dialect B); never empty.
    pub session: Option<String>,
    /// The timestamp of the request, to be echoed.
    pub origin_time: JsonText,
    /// What the request says in `sessid`, whatever it is, to be echoed (dialect B).
    pub sessid: Option<JsonText>,
}

#[derive(Deserialize)]
struct ContentA<'a> {
    credential: &'a RawValue,
    name: &'a RawValue,
    email: &'a RawValue,
    secret: &'a RawValue,
    #[serde(borrow, default)]
    location: Option<&'a RawValue>,
    #[serde(default)]
    publish: bool,
}

#[derive(Deserialize)]
struct PeerB<'a> {
    credential: &'a RawValue,
    name: &'a RawValue,
    contact: &'a RawValue,
    secret: &'a RawValue,
    #[serde(borrow, default)]
    location: Option<&'a RawValue>,
    #[serde(default)]
    hidden: bool,
}

#[derive(Deserialize)]
struct ContentB<'a> {
    #[serde(borrow, default)]
    peer: Option<PeerB<'a>>,
    #[serde(borrow, default)]
    sessid: Option<&'a RawValue>,
}

impl Registration {
    /// Reads the content of a `register` message. The peer must hash to its credential; in dialect A, and in B where no
    /// session is resumed, `from` and `to` must name that credential too.
    ///
    /// # Errors
    /// [`Code::InvalidRegistration`], with the dialect to say it in.
    pub fn read(incoming: &Incoming<'_>) -> Result<Self, (Dialect, Code)> {
        // A peer of dialect A stands in the content itself, so its dialect shows in the message and in the content.
        let read = match incoming.dialect() {
            Dialect::A => Self::read_a(incoming),
            Dialect::B => Self::read_b(incoming),
        };
        read.map_err(|_| (incoming.dialect(), Code::InvalidRegistration))
    }

    fn read_a(incoming: &Incoming<'_>) -> Result<Self, Code> {
        let content: ContentA<'_> = serde_json::from_str(incoming.content().get()).map_err(|_| Code::InvalidRegistration)?;
        let peer = Peer {
            name: field(content.name)?,
            email: field(content.email)?,
            secret: field(content.secret)?,
            location: location(content.location)?,
            publish: content.publish,
        };
        let credential =
            credential_of(content.credential).filter(|&credential| credential == peer.credential()).ok_or(Code::InvalidRegistration)?;
        if incoming.from() != Some(credential) || incoming.recipients()? != [credential] {
            return Err(Code::InvalidRegistration);
        }
        Ok(Self { dialect: Dialect::A, peer: Some((credential, peer)), session: None, origin_time: incoming.timestamp()?, sessid: None })
    }

    fn read_b(incoming: &Incoming<'_>) -> Result<Self, Code> {
        let content: ContentB<'_> = serde_json::from_str(incoming.content().get()).map_err(|_| Code::InvalidRegistration)?;
        let peer = content.peer.map(peer_b).transpose()?;
        if let Some((credential, _)) = &peer
            && (incoming.from() != Some(*credential) || incoming.recipients()? != [*credential])
        {
            return Err(Code::InvalidRegistration);
        }
        let session = content.sessid.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok()).filter(|id| !id.is_empty());
        if peer.is_none() && session.is_none() {
            return Err(Code::InvalidRegistration);
        }
        let sessid = content.sessid.map(spelled).transpose()?;
        Ok(Self { dialect: Dialect::B, peer, session, origin_time: incoming.timestamp()?, sessid })
    }
}

fn peer_b(content: PeerB<'_>) -> Result<(Credential, Peer), Code> {
    let peer = Peer {
        name: field(content.name)?,
        email: field(content.contact)?,
        secret: field(content.secret)?,
        location: location(content.location)?,
        publish: !content.hidden,
    };
    let empty = JsonText::empty_string();
    if [&peer.name, &peer.email, &peer.secret].contains(&&empty) {
        return Err(Code::InvalidRegistration);
    }
    let credential = credential_of(content.credential).filter(|&credential| credential == peer.credential_b());
    Ok((credential.ok_or(Code::InvalidRegistration)?, peer))
}

/// A name, e-mail address or secret: a string, and not too long.
fn field(raw: &RawValue) -> Result<JsonText, Code> {
    let text = spelled(raw)?;
    let fits = text.as_str().starts_with('"') && text.as_str().len() <= limits::PEER_FIELD_BYTES;
    fits.then_some(text).ok_or(Code::InvalidRegistration)
}

fn location(raw: Option<&RawValue>) -> Result<Location, Code> {
    let Some(raw) = raw else { return Ok(Location::default()) };
    let text = spelled(raw)?;
    let fits = text.as_str().starts_with('{') && text.as_str().len() <= limits::LOCATION_BYTES;
    if fits { Ok(Location(text)) } else { Err(Code::InvalidRegistration) }
}
