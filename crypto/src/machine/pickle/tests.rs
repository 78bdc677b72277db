//! Every state goes through and comes back; nothing that was damaged makes a panic.

use serde::Serialize;
use serde::de::DeserializeOwned;
use vodozemac::megolm::{
    GroupSession, GroupSessionPickle, InboundGroupSession, InboundGroupSessionPickle, MegolmMessage, SessionConfig as GroupConfig,
};
use vodozemac::olm::{Account, AccountPickle, Message, OlmMessage, Session, SessionConfig, SessionPickle};

use super::{pack, unpack};

/// States that were written with vodozemac 0.11, each a line of hex: an account, a session and what it opens next, one that
/// answered last, and a group's two sides with what the second opens next.
const EARLIER: &str = include_str!("earlier.txt");

/// What the messages of [`EARLIER`] say.
const TEXT: &[u8] = b"written earlier";

struct Pair {
    account: Account,
    ours: Session,
    theirs: Session,
}

/// Two devices that wrote to each other; one message was skipped on the way.
fn pair() -> Pair {
    let ann = Account::new();
    let mut account = Account::new();
    account.generate_one_time_keys(7);
    account.generate_fallback_key();
    let prekey = *account.one_time_keys().values().next().unwrap();
    let mut ours = ann.create_outbound_session(SessionConfig::version_1(), account.curve25519_key(), prekey).unwrap();
    account.mark_keys_as_published();
    account.generate_fallback_key();
    let OlmMessage::PreKey(first) = ours.encrypt(b"first").unwrap() else { panic!("the first message begins the session") };
    let mut theirs = account.create_inbound_session(SessionConfig::version_1(), ann.curve25519_key(), &first).unwrap().session;
    let skipped = ours.encrypt(b"skipped").unwrap();
    theirs.decrypt(&ours.encrypt(b"third").unwrap()).unwrap();
    ours.decrypt(&theirs.encrypt(b"answer").unwrap()).unwrap();
    drop(skipped);
    Pair { account, ours, theirs }
}

fn sealed(message: OlmMessage) -> Vec<u8> {
    let OlmMessage::Normal(message) = message else { panic!("it was answered") };
    message.to_bytes()
}

/// What is read is written as it was; no part of it is read; whatever else is read does not panic.
fn check<T: Serialize + DeserializeOwned>(pickle: &T) {
    let bytes = pack(pickle).unwrap();
    assert_eq!(unpack::<T>(&bytes).and_then(|again| pack(&again)).unwrap(), bytes);
    for length in 0..bytes.len() {
        assert!(unpack::<T>(&bytes[..length]).is_none(), "{length} of {}", bytes.len());
    }
    assert!(unpack::<T>(&[&bytes[..], &[0]].concat()).is_none());
    for bit in 0..8 * bytes.len() {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        unpack::<T>(&damaged);
    }
}

#[test]
fn states_of_olm_come_back() {
    let Pair { account, ours, theirs } = pair();
    check(&Account::new().pickle());
    check(&account.pickle());
    check(&theirs.pickle());
    check(&ours.pickle());
}

#[test]
fn states_of_megolm_come_back() {
    let mut group = GroupSession::new(GroupConfig::version_1());
    check(&group.pickle());
    group.encrypt("text");
    check(&group.pickle());
    check(&InboundGroupSession::new(&group.session_key(), GroupConfig::version_1()).pickle());
}

#[test]
fn sessions_go_on_from_what_was_packed() {
    let Pair { mut ours, mut theirs, .. } = pair();
    for round in 0..20_u8 {
        ours = Session::from_pickle(unpack(&pack(&ours.pickle()).unwrap()).unwrap());
        theirs = Session::from_pickle(unpack(&pack(&theirs.pickle()).unwrap()).unwrap());
        let (from, to) = if round % 3 == 0 { (&mut theirs, &mut ours) } else { (&mut ours, &mut theirs) };
        let message = from.encrypt([round]).unwrap();
        assert_eq!(to.decrypt(&message).unwrap(), [round]);
    }
}

/// When this fails with another vodozemac, that has moved fields or variants: records have to be read as before.
#[test]
fn reads_what_was_written_earlier() {
    let lines: Vec<_> = EARLIER.lines().map(|line| hex::decode(line).unwrap()).collect();
    let [account, session, message, answering, group, inbound, group_message] = &lines[..] else { panic!("seven lines") };

    let account = Account::from_pickle(unpack::<AccountPickle>(account).unwrap());
    assert_eq!(account.stored_one_time_key_count(), 6);
    let mut session = Session::from_pickle(unpack::<SessionPickle>(session).unwrap());
    assert_eq!(session.decrypt(&OlmMessage::Normal(Message::from_bytes(message).unwrap())).unwrap(), TEXT);
    let mut answering = Session::from_pickle(unpack::<SessionPickle>(answering).unwrap());
    assert_eq!(answering.session_id(), session.session_id());
    assert_eq!(session.decrypt(&answering.encrypt(TEXT).unwrap()).unwrap(), TEXT);

    let group = GroupSession::from_pickle(unpack::<GroupSessionPickle>(group).unwrap());
    let mut inbound = InboundGroupSession::from_pickle(unpack::<InboundGroupSessionPickle>(inbound).unwrap());
    assert_eq!((group.session_id(), group.message_index()), (inbound.session_id(), 2));
    assert_eq!(inbound.decrypt(&MegolmMessage::from_bytes(group_message).unwrap()).unwrap().plaintext, TEXT);
}

/// Writes that file anew, for a change of the form that is meant.
#[test]
#[ignore = "writes a file of the repository"]
fn write_what_is_read_later() {
    let Pair { account, mut ours, theirs } = pair();
    let session = pack(&theirs.pickle()).unwrap();
    let message = sealed(ours.encrypt(TEXT).unwrap());
    let mut group = GroupSession::new(GroupConfig::version_1());
    group.encrypt("first");
    let inbound = InboundGroupSession::new(&group.session_key(), GroupConfig::version_1());
    let group_message = group.encrypt(TEXT).to_bytes();
    let states = [pack(&account.pickle()).unwrap(), session, message, pack(&ours.pickle()).unwrap(), pack(&group.pickle()).unwrap()];
    let states = states.into_iter().chain([pack(&inbound.pickle()).unwrap(), group_message]);
    let lines: String = states.map(|bytes| hex::encode(bytes) + "\n").collect();
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/machine/pickle/earlier.txt"), lines).unwrap();
}
