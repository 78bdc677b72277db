//! Several devices of one peer: what they have in common, and who reads what.

use msr_crypto::PeerChange;
use msr_tests::ServerProcess;
use msr_tests::keyed::{Person, Slot};
use tokio::task::JoinSet;

use crate::{online, secrets};

/// The same three words on two machines, each with a store of its own: the key is derived on both.
#[tokio::test]
async fn the_same_words_on_two_machines_are_one_peer() {
    let server = ServerProcess::start().await;
    let words = || Person::derived("Ann", "ann@example.org", "correct horse battery staple");
    let (here, there) = (words(), words());
    assert_eq!(here.credential(), there.credential());
    assert_ne!(here.credential(), Person::derived("Ann", "ann@example.org", "correct horse battery stable").credential());
    let (_bob_slot, mut bob) = online(&server, &Person::new("Bob")).await;
    let bobs = Person::new("Bob").credential();
    let (_laptop_slot, mut laptop) = online(&server, &here).await;
    let (_phone_slot, mut phone) = online(&server, &there).await;
    let (first, second) = (laptop.told().device.unwrap(), phone.told().device.unwrap());
    assert_ne!(first, second);
    laptop.peer_change(here.credential(), PeerChange::OwnDeviceAdded(second)).await;
    for device in [&laptop, &phone] {
        let both = device.heard("both devices on one list", |heard| heard.listed.len() == 2).await.listed;
        assert!(both.contains(&first) && both.contains(&second));
    }
    for number in 0..10 {
        bob.send(here.credential(), &format!("to both {number}")).await;
    }
    let expected: Vec<_> = (0..10).map(|number| format!("to both {number}")).collect();
    assert_eq!(secrets(&mut laptop, 10).await, expected);
    assert_eq!(secrets(&mut phone, 10).await, expected);
    // What one of them says the other reads too.
    laptop.send(bobs, "from the laptop").await;
    phone.send(bobs, "from the phone").await;
    assert_eq!(phone.secret().await, "from the laptop");
    assert_eq!(laptop.secret().await, "from the phone");
    let mut read = secrets(&mut bob, 2).await;
    read.sort();
    assert_eq!(read, ["from the laptop", "from the phone"]);
}

/// What was sealed before a device was there it cannot open. It gets it sealed again by a device of its own peer; whoever
/// sent it is gone.
#[tokio::test]
async fn a_new_device_gets_what_waits_from_an_old_one() {
    const MESSAGES: usize = 12;
    let server = ServerProcess::start().await;
    let (ann, bob) = (Person::new("Ann"), Person::new("Bob"));
    let (_old_slot, mut old) = online(&server, &ann).await;
    // A device that is away keeps the messages waiting.
    let (away_slot, away) = online(&server, &ann).await;
    away.kill(&away_slot).await;
    let (bob_slot, sender) = online(&server, &bob).await;
    let texts: Vec<_> = (0..MESSAGES).map(|number| format!("before {number}")).collect();
    for text in &texts {
        sender.send(ann.credential(), text).await;
    }
    sender.kill(&bob_slot).await;
    assert_eq!(secrets(&mut old, MESSAGES).await, texts);
    let (new_slot, mut new) = online(&server, &ann).await;
    let mut read = secrets(&mut new, MESSAGES).await;
    read.sort();
    let mut sorted = texts.clone();
    sorted.sort();
    assert_eq!(read, sorted, "each of them once");
    // That they were handled is remembered, and the device that was away reads by itself.
    new.send(ann.credential(), "noted").await;
    assert_eq!(new.secret().await, "noted");
    new.kill(&new_slot).await;
    let mut new = new_slot.start(server.port);
    new.listed().await;
    new.send(ann.credential(), "still here").await;
    assert_eq!(new.secret().await, "still here", "nothing came again");
    let mut away = away_slot.start(server.port);
    let read = secrets(&mut away, MESSAGES + 2).await;
    let of_bob: Vec<_> = read.into_iter().filter(|text| text.starts_with("before")).collect();
    assert_eq!(of_bob, texts);
}

/// The sender does not seal again for a device that was not there: the peer's own device does, when it comes.
#[tokio::test]
async fn a_new_device_waits_for_an_old_one() {
    let server = ServerProcess::start().await;
    let (ann, bob) = (Person::new("Ann"), Person::new("Bob"));
    let (old_slot, old) = online(&server, &ann).await;
    old.kill(&old_slot).await;
    let (_bob_slot, sender) = online(&server, &bob).await;
    for number in 0..3 {
        sender.send(ann.credential(), &format!("before {number}")).await;
    }
    let (_new_slot, mut new) = online(&server, &ann).await;
    sender.send(ann.credential(), "after").await;
    assert_eq!(new.secret().await, "after");
    let mut old = old_slot.start(server.port);
    assert_eq!(secrets(&mut old, 4).await, ["before 0", "before 1", "before 2", "after"]);
    // Asked before it had opened them itself, it did not know, and told when it did.
    let mut read = secrets(&mut new, 3).await;
    read.sort();
    assert_eq!(read, ["before 0", "before 1", "before 2"]);
    new.send(ann.credential(), "the end").await;
    assert_eq!(new.secret().await, "the end", "nothing came twice");
}

/// Compare and swap of the list: all who enrol at once are on it in the end, and all are reached. There are as many of them as a
/// peer may have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_devices_of_a_peer_enrol_at_once() {
    const DEVICES: usize = msr_delivery::limits::DEVICES_PER_PEER;
    let server = ServerProcess::start().await;
    let ann = Person::new("Ann");
    let slots: Vec<_> = (0..DEVICES).map(|_| Slot::new(&ann, server.port)).collect();
    let mut devices: Vec<_> = slots.iter().map(|slot| slot.start(server.port)).collect();
    let mut ids = Vec::new();
    for device in &devices {
        ids.push(device.listed().await);
    }
    ids.sort();
    for device in &devices {
        let heard = device.heard("all of them on the list", |heard| heard.listed.len() == DEVICES).await;
        assert_eq!(heard.listed, ids);
    }
    let (_bob_slot, bob) = online(&server, &Person::new("Bob")).await;
    bob.send(ann.credential(), "to all").await;
    let mut reading = JoinSet::new();
    for mut device in devices.drain(..) {
        reading.spawn(async move { device.secret().await });
    }
    assert_eq!(reading.join_all().await, vec!["to all"; DEVICES]);
}
