//! A hostile server over the wire: a relay that reads every frame of the real one and changes what it likes. Each time it is
//! found, or harmless; and once it is honest again nothing that was accepted is missing. What needs no wire is shown in
//! crypto/tests/machine.

use msr_crypto::{AlarmKind, Input, KeyEvent, read_list};
use msr_protocol::Credential;
use msr_protocol::v2::{ClaimedKey, Delivery, Entry, Field as _, Frame, List, ListedDevices, PeerList, Rest, SignedList, Varint, frames};
use msr_tests::keyed::{Own, Person, Running, draft};
use msr_tests::relay::{From, Relay};
use msr_tests::{ServerProcess, Settings, within};

use crate::{online, secrets, through};

/// A server, and a relay that is one of its names.
async fn behind_relay() -> (Relay, ServerProcess) {
    let relay = Relay::new().await;
    let server = Settings::default().with("HOSTS", format!("127.0.0.1:{}", relay.port)).start().await;
    relay.lead_to(server.port);
    (relay, server)
}

/// Changes frames of the server; `None` passes one as it is.
fn lie(relay: &Relay, mut change: impl FnMut(&Frame<'_>) -> Option<Vec<u8>> + Send + 'static) {
    relay.with(move |from, frame, bytes, on| {
        let changed = if matches!(from, From::Server(_)) { change(frame) } else { None };
        on.extend_from_slice(changed.as_deref().unwrap_or(bytes));
        true
    });
}

fn spelled(frame: &Frame<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    frame.write(&mut out);
    out
}

/// The list of a peer as the server has it.
async fn list_of(server: &ServerProcess, peer: Credential) -> Vec<u8> {
    let mut asking = Own::new(&Person::new("Asking"), 200).register(server.port).await.ok().unwrap();
    asking.list_of(peer).await.unwrap()
}

/// Waits until so many messages wait to be sent.
async fn waiting(client: &Running, count: usize) {
    within("the outbox", client.client.watch().wait_for(|status| status.waiting == count)).await.unwrap();
}

/// Keys of Mallory's instead of those that are asked for: she would be able to open what is sealed with them.
#[tokio::test]
async fn swapped_keys_are_found() {
    let (relay, server) = behind_relay().await;
    let bob = Person::new("Bob");
    let (_bob_slot, mut bobs) = online(&server, &bob).await;
    let (ann_slot, anns) = through(relay.port, &server, &Person::new("Ann")).await;
    let mallory = Own::new(&Person::new("Mallory"), 66);
    let stolen = mallory.prekey(7, false);
    lie(&relay, move |frame| match frame {
        Frame::Claimed { ticket, code, keys } => {
            let keys = keys.0.iter().map(|claimed| ClaimedKey { device: claimed.device, key: &stolen });
            Some(spelled(&Frame::Claimed { ticket: *ticket, code: *code, keys: List(keys.collect()) }))
        }
        _ => None,
    });
    let held = anns.sending(draft(&[bob.credential()], "for Bob alone"));
    anns.alarm(bob.credential(), AlarmKind::ForgedKey).await;
    waiting(&anns, 1).await;
    assert!(!held.is_finished());
    let sent = relay.capture.all().iter().any(|(_, bytes)| frames(bytes).flatten().any(|frame| matches!(frame, Frame::Send { .. })));
    assert!(!sent, "nothing was sealed with them");
    relay.honest();
    held.abort();
    let _ = held.await;
    anns.kill(&ann_slot).await;
    let _anns = ann_slot.start(relay.port);
    assert_eq!(bobs.secret().await, "for Bob alone");
}

/// Other lists than the peer's own: somebody else's, one with a device more that the peer's account did not sign, half of one.
#[tokio::test]
async fn lists_that_the_peer_did_not_sign_are_found() {
    let (relay, server) = behind_relay().await;
    let mallory = Person::new("Mallory");
    let (_mallory_slot, _mallory) = online(&server, &mallory).await;
    let of_mallory = list_of(&server, mallory.credential()).await;
    let (_ann_slot, anns) = through(relay.port, &server, &Person::new("Ann")).await;
    for lie_number in 0..3 {
        let bob = Person::new(&format!("Bob {lie_number}"));
        let peer = bob.credential();
        let (_bob_slot, mut bobs) = online(&server, &bob).await;
        let truth = list_of(&server, peer).await;
        let lied = match lie_number {
            0 => of_mallory.clone(),
            1 => truth[..truth.len() - 1].to_vec(),
            _ => {
                let signed = SignedList::read(&mut truth.as_slice()).unwrap();
                let mut list = ListedDevices::read(&mut &*signed.body).unwrap();
                list.devices.0.push(Own::new(&mallory, 250).listed());
                list.devices.0.sort_unstable_by_key(|listed| listed.device);
                list.counter += 1;
                mallory.account().sign_list(&list)
            }
        };
        lie(&relay, move |frame| match frame {
            Frame::Lists { ticket, lists } if lists.0.iter().any(|list| list.peer == peer) => {
                let lists = List(vec![PeerList { peer, list: &lied }]);
                Some(spelled(&Frame::Lists { ticket: *ticket, lists }))
            }
            _ => None,
        });
        let held = anns.sending(draft(&[peer], &format!("to the true {lie_number}")));
        anns.alarm(peer, AlarmKind::ForgedList).await;
        waiting(&anns, 1).await;
        assert!(!held.is_finished());
        relay.honest();
        anns.tell_keys(Input::Refresh { credential: peer }).await;
        within("the acceptance", held).await.unwrap().unwrap();
        assert_eq!(bobs.secret().await, format!("to the true {lie_number}"));
    }
}

/// The list as it was before a device was revoked.
#[tokio::test]
async fn a_list_rolled_back_is_found() {
    let (relay, server) = behind_relay().await;
    let bob = Person::new("Bob");
    let peer = bob.credential();
    let (_bob_slot, mut bobs) = online(&server, &bob).await;
    let (_stolen_slot, stolen) = online(&server, &bob).await;
    let older = list_of(&server, peer).await;
    let (_ann_slot, anns) = through(relay.port, &server, &Person::new("Ann")).await;
    anns.send(peer, "first").await;
    assert_eq!(bobs.secret().await, "first");
    let device = stolen.told().device.unwrap();
    bobs.tell_keys(Input::Revoke { device }).await;
    bobs.heard("the revocation", |heard| heard.events.contains(&KeyEvent::Revoked { device })).await;
    anns.send(peer, "second").await;
    assert_eq!(bobs.secret().await, "second");
    let newer = list_of(&server, peer).await;
    assert!(read_list(&newer).unwrap().counter > read_list(&older).unwrap().counter);
    let say =
        |list: &[u8]| relay.say_to_client(0, spelled(&Frame::Lists { ticket: Varint(0), lists: List(vec![PeerList { peer, list }]) }));
    say(&older);
    anns.alarm(peer, AlarmKind::Rollback).await;
    let held = anns.sending(draft(&[peer], "third"));
    waiting(&anns, 1).await;
    say(&newer);
    within("the acceptance", held).await.unwrap().unwrap();
    assert_eq!(bobs.secret().await, "third");
    for (_, bytes) in relay.capture.all().into_iter().rev().take(2) {
        let for_stolen = |frame: Frame<'_>| matches!(frame, Frame::Send { device_headers, .. } if device_headers.0.iter().any(|header| header.device == device));
        assert!(!frames(&bytes).flatten().any(for_stolen));
    }
}

/// The same entry again, under its own sequence and under others; and once under another name.
#[tokio::test]
async fn a_replayed_letter_is_handled_once() {
    let (relay, server) = behind_relay().await;
    let (ann, bob) = (Person::new("Ann"), Person::new("Bob"));
    let (_ann_slot, anns) = online(&server, &ann).await;
    let (_bob_slot, mut bobs) = through(relay.port, &server, &bob).await;
    // Room between the sequences of the real server, for more of them.
    relay.with(move |from, frame, bytes, on| {
        match (from, frame) {
            (From::Server(_), Frame::Deliver { sequence, header, entry }) => {
                let sequence = sequence * 10;
                for sequence in [sequence, sequence, sequence + 1] {
                    Frame::Deliver { sequence, header, entry: *entry }.write(on);
                }
                if let Ok(Entry::Message(mut delivery)) = Entry::read(&mut &*entry.0) {
                    delivery.id.outbox_epoch ^= 1;
                    let mut renamed = Vec::new();
                    Entry::Message(delivery).write(&mut renamed);
                    Frame::Deliver { sequence: sequence + 2, header, entry: Rest(&renamed) }.write(on);
                }
            }
            (From::Client(_), Frame::Ack { sequence }) => Frame::Ack { sequence: sequence / 10 }.write(on),
            _ => on.extend_from_slice(bytes),
        }
        true
    });
    anns.send(bob.credential(), "once").await;
    assert_eq!(bobs.secret().await, "once");
    bobs.alarm(ann.credential(), AlarmKind::Replay).await;
    anns.send(bob.credential(), "and on").await;
    assert_eq!(bobs.secret().await, "and on");
    assert_eq!(bobs.untaken(), Vec::<String>::new());
}

/// The headers of two letters change places. Neither is opened with the other's, and both are read in the end.
#[tokio::test]
async fn swapped_headers_are_found_and_nothing_is_lost() {
    let (relay, server) = behind_relay().await;
    let (ann, bob) = (Person::new("Ann"), Person::new("Bob"));
    let (_ann_slot, mut anns) = online(&server, &ann).await;
    let (_bob_slot, mut bobs) = through(relay.port, &server, &bob).await;
    anns.send(bob.credential(), "before").await;
    assert_eq!(bobs.secret().await, "before");
    bobs.send(ann.credential(), "both ways").await;
    assert_eq!(anns.secret().await, "both ways");
    // The first message, and what came behind it, until the second is there: each sequence is higher than the one before.
    let mut first: Option<(u64, Vec<u8>, Vec<u8>)> = None;
    let (mut behind, mut done) = (Vec::new(), false);
    lie(&relay, move |frame| match frame {
        Frame::Deliver { sequence, header, entry } if !done => {
            let is_message = matches!(Entry::read(&mut &*entry.0), Ok(Entry::Message(_)));
            match (is_message, first.take()) {
                (true, None) => first = Some((*sequence, header.to_vec(), entry.0.to_vec())),
                (true, Some((of_first, first_header, first_entry))) => {
                    done = true;
                    let one = Frame::Deliver { sequence: of_first, header, entry: Rest(&first_entry) };
                    let two = Frame::Deliver { sequence: *sequence, header: &first_header, entry: *entry };
                    return Some([spelled(&one), behind.clone(), spelled(&two)].concat());
                }
                (false, None) => return None,
                (false, waiting) => {
                    first = waiting;
                    behind.extend(spelled(frame));
                }
            }
            Some(Vec::new())
        }
        _ => None,
    });
    anns.send(bob.credential(), "one").await;
    anns.send(bob.credential(), "two").await;
    let mut read = secrets(&mut bobs, 2).await;
    read.sort();
    assert_eq!(read, ["one", "two"]);
    bobs.alarm(ann.credential(), AlarmKind::ForgedLetter).await;
    relay.honest();
    anns.send(bob.credential(), "after").await;
    assert_eq!(bobs.secret().await, "after");
    assert_eq!(bobs.untaken(), Vec::<String>::new());
}

/// A letter is kept back for good, and those behind it are not. It is told, once it is late.
#[tokio::test]
async fn a_letter_that_is_dropped_is_told() {
    let (relay, server) = behind_relay().await;
    let (ann, bob) = (Person::new("Ann"), Person::new("Bob"));
    let (_ann_slot, anns) = online(&server, &ann).await;
    let (_bob_slot, mut bobs) = through(relay.port, &server, &bob).await;
    let mut count = 0;
    lie(&relay, move |frame| match frame {
        Frame::Deliver { entry, .. } if matches!(Entry::read(&mut &*entry.0), Ok(Entry::Message(_))) => {
            count += 1;
            (count == 2).then(Vec::new)
        }
        _ => None,
    });
    for text in ["one", "two", "three"] {
        anns.send(bob.credential(), text).await;
    }
    assert_eq!(secrets(&mut bobs, 2).await, ["one", "three"]);
    let device = anns.told().device.unwrap();
    bobs.pass(61_000).await;
    let gap = KeyEvent::Gap { credential: ann.credential(), device, missing: 1 };
    bobs.heard("the gap", |heard| heard.events.contains(&gap)).await;
}

/// A message is said to be somebody else's; another is made up. The one is not opened, the other comes as what it is: not encrypted.
#[tokio::test]
async fn another_sender_is_no_sender() {
    let (relay, server) = behind_relay().await;
    let (ann, bob, carol) = (Person::new("Ann"), Person::new("Bob"), Person::new("Carol"));
    let (_ann_slot, anns) = online(&server, &ann).await;
    let (_carol_slot, carols) = online(&server, &carol).await;
    let (_bob_slot, mut bobs) = through(relay.port, &server, &bob).await;
    let as_carol = carol.credential();
    let mut made_up = false;
    lie(&relay, move |frame| {
        let Frame::Deliver { sequence, header, entry } = frame else { return None };
        let Ok(Entry::Message(delivery)) = Entry::read(&mut &*entry.0) else { return None };
        let forged = if made_up {
            Delivery { from: as_carol, ..delivery }
        } else {
            made_up = true;
            Delivery { flags: 0, subject: "\"made up\"", payload: Rest(b"\"by the server\""), ..delivery }
        };
        let mut entry = Vec::new();
        Entry::Message(forged).write(&mut entry);
        Some(spelled(&Frame::Deliver { sequence: *sequence, header, entry: Rest(&entry) }))
    });
    anns.send(bob.credential(), "one").await;
    let got = bobs.message().await;
    assert_eq!((got.text.as_str(), got.encrypted), ("by the server", false));
    anns.send(bob.credential(), "two").await;
    // It has come when what another one sent after it has.
    carols.send(bob.credential(), "from Carol herself").await;
    assert_eq!(bobs.secret().await, "from Carol herself");
    relay.honest();
    anns.send(bob.credential(), "three").await;
    assert_eq!(bobs.secret().await, "three");
    assert_eq!(bobs.untaken(), Vec::<String>::new(), "nothing came in Carol's name");
}
