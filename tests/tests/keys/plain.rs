//! Old peers without keys: they are reached where that is allowed, and it is said. A peer that was seen with keys never gets
//! plain text.

use msr_client::{Draft, Encrypt, Event};
use msr_crypto::{AlarmKind, KeyEvent};
use msr_protocol::Code;
use msr_protocol::v2::{Frame, List, PeerList, flags};
use msr_tests::frames::Device;
use msr_tests::keyed::{Person, draft};
use msr_tests::relay::{From, Relay};
use msr_tests::{ServerProcess, Settings, within};

use crate::{online, through};

/// Whether what was accepted last was encrypted.
async fn accepted(client: &mut msr_tests::keyed::Running) -> bool {
    client.event("the acceptance", |event| if let Event::Accepted { encrypted, .. } = event { Some(*encrypted) } else { None }).await
}

#[tokio::test]
async fn a_peer_without_keys_is_held_for_unless_plain_is_allowed() {
    let server = ServerProcess::start().await;
    let mut old_device = Device::new("Carol", "phone");
    let carol = old_device.credential();
    let mut old = old_device.connect(server.port).await;
    let (ann, bob) = (Person::new("Ann"), Person::new("Bob"));
    let (_ann_slot, mut careful) = online(&server, &ann).await;
    let (_bob_slot, mut open) = online(&server, &bob).await;
    // Held, and told. What is for others passes.
    let held = careful.sending(draft(&[carol], "not in plain"));
    let names = |event: &KeyEvent| matches!(event, KeyEvent::NoKeys { credential, .. } if *credential == carol);
    careful.heard("that there are no keys", |heard| heard.events.iter().any(names)).await;
    careful.send(bob.credential(), "passes").await;
    assert_eq!(open.secret().await, "passes");
    assert!(accepted(&mut careful).await);
    assert_eq!(careful.client.status().waiting, 1);
    assert!(!held.is_finished());
    // Allowed: it goes, and the receipt says how.
    let allowed = Draft { allow_plain: true, ..draft(&[carol], "in plain") };
    within("the acceptance", open.client.send(allowed)).await.unwrap();
    assert!(!accepted(&mut open).await);
    assert_eq!(old.message().await.text(), "\"in plain\"");
    // Required: refused.
    let required = Draft { encrypt: Encrypt::Required, allow_plain: true, ..draft(&[carol], "never") };
    assert_eq!(within("the refusal", open.client.send(required)).await.unwrap_err().code, Code::NoKeys);
    // To both: in plain text it would reach a peer that has keys.
    let both = Draft { allow_plain: true, ..draft(&[carol, ann.credential()], "never to both") };
    assert_eq!(within("the refusal", open.client.send(both)).await.unwrap_err().code, Code::NoKeys);
    // The other way round nothing is held, and it is said that it came in plain.
    old.send(1, &[ann.credential()], "\"from the old world\"").await;
    old.accepted(1).await;
    let got = careful.message().await;
    assert_eq!((got.text.as_str(), got.encrypted), ("from the old world", false));
    let more = old.until_pong().await;
    assert!(!more.iter().any(|heard| matches!(heard, msr_tests::frames::Heard::Message(_))), "{more:?}");
}

/// The server denies the list of a peer that had one, to get plain text out of who allows it.
#[tokio::test]
async fn a_peer_seen_with_keys_never_gets_plain_text() {
    let relay = Relay::new().await;
    let server = Settings::default().with("HOSTS", format!("127.0.0.1:{}", relay.port)).start().await;
    relay.lead_to(server.port);
    let (ann, bob) = (Person::new("Ann"), Person::new("Bob"));
    let bobs = bob.credential();
    let (_bob_slot, mut receiver) = online(&server, &bob).await;
    let (ann_slot, sender) = through(relay.port, &server, &ann).await;
    let plain_allowed = |text: &str| Draft { allow_plain: true, ..draft(&[bobs], text) };
    within("the acceptance", sender.client.send(plain_allowed("first"))).await.unwrap();
    assert_eq!(receiver.secret().await, "first");
    // From now on there is no list of Bob, and the server takes plain text gladly.
    relay.with(move |from, frame, bytes, on| {
        match (from, frame) {
            (From::Server(_), Frame::Lists { ticket, lists }) => {
                let deny = |list: &PeerList<'_>| list.peer == bobs;
                let all = lists.0.iter().map(|list| PeerList { peer: list.peer, list: if deny(list) { b"" } else { list.list } });
                Frame::Lists { ticket: *ticket, lists: List(all.collect()) }.write(on);
            }
            _ => on.extend_from_slice(bytes),
        }
        true
    });
    sender.kill(&ann_slot).await;
    let mut sender = ann_slot.start(relay.port);
    sender.listed().await;
    sender.tell_keys(msr_crypto::Input::Refresh { credential: bobs }).await;
    sender.alarm(bobs, AlarmKind::ListDenied).await;
    let held = sender.sending(plain_allowed("second"));
    within("the outbox", sender.client.watch().wait_for(|status| status.waiting == 1)).await.unwrap();
    // An answer to a question of one's own comes after all that the keys wanted: nothing was sent.
    sender.send(ann.credential(), "to herself").await;
    assert_eq!(sender.secret().await, "to herself");
    assert!(!held.is_finished());
    // The truth again.
    relay.honest();
    sender.tell_keys(msr_crypto::Input::Refresh { credential: bobs }).await;
    within("the acceptance", held).await.unwrap().unwrap();
    assert_eq!(receiver.secret().await, "second");
    for (from, bytes) in relay.capture.all() {
        for frame in msr_protocol::v2::frames(&bytes).flatten() {
            if let (From::Client(_), Frame::Send { flags: said, .. }) = (from, frame) {
                assert_ne!(said & flags::SEALED, 0, "plain text was sent");
            }
        }
    }
}
