//! Sessions that broke, devices that came later, keys that never were: the letters are opened in the end.

use msr_crypto::*;
use msr_protocol::Code;

use super::device::{Client, credential};
use super::world::{World, id};

/// A client's disk as it was before: its sessions are not what the others think.
fn set_back(client: &mut Client, disk: &std::collections::BTreeMap<String, Vec<u8>>, now_ms: i64) {
    client.disk = disk.clone();
    client.crash(0, now_ms);
}

#[test]
fn a_session_that_was_lost_heals() {
    let mut world = World::new(&[1, 2]);
    for nth in 0..3 {
        world.send(0, &[2], &format!("before {nth}"));
        world.send(1, &[1], &format!("back {nth}"));
        world.settle();
    }
    world.clients[1].disk.retain(|key, _| !key.starts_with("key:pair:"));
    // Counters begin at the time when they are forgotten.
    world.now_ms += 10_000;
    let now_ms = world.now_ms;
    world.clients[1].crash(0, now_ms);
    world.connect(1);
    world.send(0, &[2], "sealed for a session that is gone");
    world.pass(1_000);
    assert_eq!(world.clients[1].texts().len(), 4);
    // And both go on with the new one, without asking any more.
    let letters = world.server.letters.len();
    world.send(0, &[2], "after");
    world.send(1, &[1], "back");
    world.pass(120_000);
    assert_eq!(world.server.letters.len(), letters + 2);
    assert_eq!((world.clients[1].texts().len(), world.clients[0].texts().len()), (5, 4));
    assert!(world.clients[1].failed.is_empty());
}

#[test]
fn a_restored_copy_of_the_store_heals() {
    let mut world = World::new(&[1, 2]);
    world.send(0, &[2], "one");
    world.send(1, &[1], "one");
    world.settle();
    let copy = world.clients[0].disk.clone();
    for nth in 0..5 {
        world.send(0, &[2], &format!("forward {nth}"));
        world.settle();
    }
    let now_ms = world.now_ms;
    set_back(&mut world.clients[0], &copy, now_ms);
    world.connect(0);
    // The same states of the ratchet once more: the other side refuses them, and a new session begins. Its counters were
    // used before, so that these are copies to the other side, until they have caught up: that is told.
    for nth in 0..8 {
        world.send(0, &[2], &format!("again {nth}"));
        world.pass(61_000);
    }
    let texts = world.clients[1].texts();
    assert!(texts.contains(&"again 7".to_owned()), "{texts:?}");
    world.send(1, &[1], "back");
    world.pass(61_000);
    assert!(world.clients[0].texts().contains(&"back".to_owned()));
}

#[test]
fn a_device_that_is_enrolled_later_gets_what_waits() {
    let mut world = World::new(&[1, 2]);
    world.send(0, &[2], "before the new device");
    world.settle();
    // The server keeps what it has for every device of a peer; the new one has no header.
    let (entry, _) = world.server.letters[0].clone();
    let place = world.enrol(2);
    let me = world.clients[place].me;
    world.server.sequence += 1;
    let sequence = world.server.sequence;
    world.server.queues.entry(me).or_default().push_back(super::server::Queued { sequence, header: vec![], entry });
    world.connect(place);
    world.pass(5_000);
    assert_eq!(world.clients[place].texts(), ["before the new device"]);
    let added = |event: &KeyEvent| matches!(event, KeyEvent::PeerChanged { change: PeerChange::OwnDeviceAdded(device), holds: false, .. } if *device == me.1);
    assert!(world.clients[1].events.iter().any(added));
    // The sender does not give the key to a device that it did not seal for: that is for the peer's own to do.
    world.send(0, &[2], "for both");
    world.settle();
    assert_eq!(world.clients[place].texts(), ["before the new device", "for both"]);
}

#[test]
fn a_device_without_keys_asks_for_the_letters() {
    let mut world = World::new(&[1, 2]);
    let device = world.clients[1].me;
    let keys = world.server.keys.get_mut(&device).unwrap();
    keys.one_time.clear();
    keys.fallback = None;
    world.send(0, &[2], "nobody could seal it");
    world.pass(5_000);
    assert_eq!(world.clients[1].texts(), ["nobody could seal it"]);
    assert_eq!(world.server.letters[0].1[0].1, [0]);
}

/// However lately it made keys: nobody could begin a session, and the device would not be listed meanwhile.
#[test]
fn a_server_that_forgot_the_keys_of_a_device_gets_one_at_once() {
    let mut world = World::new(&[1, 2]);
    let device = world.clients[1].me;
    world.clients[1].disconnect(world.now_ms);
    world.server.keys.remove(&device);
    world.server.lists.remove(&device.0);
    world.connect(1);
    world.settle();
    assert!(world.server.lists.contains_key(&device.0) && world.server.keys[&device].fallback.is_some());
    world.send(0, &[2], "sealed with the fallback key");
    world.settle();
    assert_eq!(world.clients[1].texts(), ["sealed with the fallback key"]);
}

#[test]
fn a_letter_that_cannot_be_opened_is_given_up_after_a_week_and_told() {
    let mut world = World::new(&[1, 2]);
    world.send(0, &[2], "lost");
    world.clients[1].disconnect(world.now_ms);
    world.settle();
    // The sender forgets it, and the header is gone.
    world.clients[0].disk.retain(|key, _| !key.starts_with("key:sealed:"));
    let now_ms = world.now_ms;
    world.clients[0].crash(0, now_ms);
    world.connect(0);
    let device = world.clients[1].me;
    world.server.queues.get_mut(&device).unwrap()[0].header.clear();
    world.connect(1);
    world.pass(6 * 86_400_000);
    assert!(world.clients[1].failed.is_empty() && world.clients[1].texts().is_empty());
    world.pass(2 * 86_400_000);
    let told = |event: &KeyEvent| matches!(event, KeyEvent::Trouble(Failure { code: Code::CannotOpen, .. }));
    assert_eq!(world.clients[1].events.iter().filter(|event| told(event)).count(), 1);
}

#[test]
fn late_letters_wait_over_a_restart_until_they_are_handled() {
    let mut world = World::new(&[1, 2]);
    world.send(0, &[2], "late");
    world.clients[1].disconnect(world.now_ms);
    world.settle();
    world.clients[0].disconnect(world.now_ms);
    let device = world.clients[1].me;
    world.server.queues.get_mut(&device).unwrap()[0].header.clear();
    world.connect(1);
    world.settle();
    assert!(world.clients[1].disk.keys().any(|key| key.starts_with("key:late:")));
    let now_ms = world.now_ms;
    world.clients[1].crash(0, now_ms);
    world.connect(1);
    world.connect(0);
    world.pass(61_000);
    assert_eq!(world.clients[1].texts(), ["late"]);
    assert!(!world.clients[1].disk.keys().any(|key| key.starts_with("key:late:")));
}

#[test]
fn damaged_records_are_told_and_begun_anew() {
    for prefix in ["key:pair:", "key:peer:", "key:ring:", "key:sealed:"] {
        let mut world = World::new(&[1, 2]);
        world.send(0, &[2], "one");
        world.send(1, &[1], "one");
        world.settle();
        for (key, value) in &mut world.clients[1].disk {
            if key.starts_with(prefix) {
                value.truncate(value.len() / 2);
            }
        }
        world.now_ms += 10_000;
        let now_ms = world.now_ms;
        world.clients[1].crash(0, now_ms);
        world.connect(1);
        world.send(0, &[2], "two");
        world.send(1, &[1], "two");
        world.pass(120_000);
        assert_eq!((world.clients[0].texts().len(), world.clients[1].texts().len()), (2, 2), "{prefix}");
        let told = |event: &KeyEvent| matches!(event, KeyEvent::Trouble(Failure { code: Code::Damaged, .. }));
        assert!(world.clients[1].events.iter().any(told), "{prefix}");
    }
    let mut world = World::new(&[1, 2]);
    world.clients[1].disk.insert("key:olm".to_owned(), vec![1, 2, 3]);
    let now_ms = world.now_ms;
    world.clients[1].crash(0, now_ms);
    world.connect(1);
    world.send(1, &[1], "no keys");
    world.settle();
    assert_eq!(world.clients[1].refused[0].1.code, Code::NoDeviceKeys);
    assert_eq!((credential(2), id(2)), world.clients[1].me);
}

#[test]
fn a_backup_brings_pins_and_the_account_and_no_session() {
    let mut world = World::new(&[1, 2]);
    world.send(0, &[2], "one");
    world.settle();
    let now_ms = world.now_ms;
    world.clients[0].machine.handle_input(Input::Verify { credential: credential(2), verified: true }, now_ms);
    let backup = world.clients[0].machine.export();
    let old = world.server.lists[&credential(2)].clone();
    let new = world.enrol(1);
    world.clients[new].forget_account(now_ms);
    world.clients[new].machine.import(&backup.0, now_ms).unwrap();
    world.connect(new);
    world.settle();
    // With the account's key it put itself on the list.
    assert_eq!(read_list(&world.server.lists[&credential(1)]).unwrap().devices.len(), 2);
    // It knows the peer: a new device of it is held, an older list than the one known refused.
    let newer = world.join(2);
    world.send(new, &[2], "held");
    world.pass(1_000);
    assert!(world.clients[newer].handled.is_empty() && !world.clients[new].outbox.is_empty());
    world.clients[new].machine.handle_input(Input::Accept { credential: credential(2) }, world.now_ms);
    world.settle();
    assert_eq!(world.clients[newer].texts(), ["held"]);
    world.server.lies.insert(credential(2), old);
    world.clients[new].machine.handle_input(Input::Refresh { credential: credential(2) }, world.now_ms);
    world.settle();
    assert_eq!(world.clients[new].alarms(), [AlarmKind::Rollback]);
    assert_eq!(world.clients[1].machine.import(&backup.0, now_ms).unwrap_err().code, Code::InvalidArgument);
    assert_eq!(world.clients[new].machine.import(&backup.0[1..], now_ms).unwrap_err().code, Code::Damaged);
}

#[test]
fn a_letter_of_a_device_that_is_not_listed_yet_waits_for_the_list() {
    let mut world = World::new(&[1, 2]);
    world.send(1, &[1], "hello");
    world.settle();
    let old = world.server.lists[&credential(2)].clone();
    let new = world.join(2);
    world.server.lies.insert(credential(2), old);
    world.clients[0].disconnect(world.now_ms);
    world.clients[new].machine.handle_input(Input::Refresh { credential: credential(1) }, world.now_ms);
    world.send(new, &[1], "from the new one");
    world.settle();
    world.connect(0);
    world.pass(30_000);
    assert_eq!(world.clients[0].texts(), ["hello"]);
    world.server.lies.clear();
    world.pass(120_000);
    assert_eq!(world.clients[0].texts(), ["from the new one", "hello"]);
}

#[test]
fn a_device_whose_first_keys_were_lost_with_the_connection_is_listed_on_the_next() {
    let mut world = World::new(&[]);
    let place = world.enrol(1);
    world.connect(place);
    let now_ms = world.now_ms;
    let client = &mut world.clients[place];
    let mut lost = 0;
    while let Some(frame) = client.frames.pop_front() {
        client.machine.handle_input(Input::Frame(frame), now_ms);
        while let Some(output) = client.machine.poll_output() {
            match output {
                Output::Persist { ticket, .. } => client.machine.handle_input(Input::Persisted { ticket }, now_ms),
                Output::Frames(_) => lost += 1,
                _ => {}
            }
        }
    }
    assert!(lost > 0, "the keys were on their way");
    client.disconnect(now_ms);
    world.connect(place);
    world.settle();
    assert!(world.server.lists.contains_key(&credential(1)), "at once, not when keys may be made again");
    world.join(2);
    world.send(1, &[1], "hello");
    world.settle();
    assert_eq!(world.clients[place].texts(), ["hello"]);
}

/// Peer 2 has two devices, and the letter that one has sent them cannot be opened by the second of them. One is gone.
fn broken_for_the_second() -> World {
    let mut world = World::new(&[1, 2, 2]);
    world.send(0, &[2], "first");
    world.settle();
    let now_ms = world.now_ms;
    world.clients[1].disconnect(now_ms);
    world.clients[2].disconnect(now_ms);
    world.send(0, &[2], "broken");
    world.send(0, &[2], "after it");
    world.settle();
    world.clients[0].disconnect(now_ms);
    let second = world.clients[2].me;
    let header = &mut world.server.queues.get_mut(&second).unwrap()[0].header;
    let last = header.len() - 1;
    header[last] ^= 1;
    world
}

#[test]
fn who_is_asked_too_early_answers_when_it_has_opened_the_letter() {
    let mut world = broken_for_the_second();
    let first = world.clients[1].me;
    let waiting = std::mem::take(world.server.queues.get_mut(&first).unwrap());
    world.connect(1);
    world.connect(2);
    world.settle();
    assert_eq!(world.clients[2].texts(), ["after it", "first"]);
    world.server.queues.get_mut(&first).unwrap().extend(waiting);
    // No time goes by.
    world.settle();
    assert_eq!(world.clients[2].texts(), ["after it", "broken", "first"]);
}

#[test]
fn a_letter_whose_key_is_from_ones_own_device_is_not_missed() {
    let mut world = broken_for_the_second();
    world.connect(1);
    world.connect(2);
    world.settle();
    assert_eq!(world.clients[2].texts(), ["after it", "broken", "first"]);
    world.pass(machine_limits::GAP_GRACE_MS * 2);
    let is_gap = |event: &&KeyEvent| matches!(event, KeyEvent::Gap { .. });
    assert_eq!(world.clients[2].events.iter().find(is_gap), None);
    // What does not come is told as ever.
    world.connect(0);
    world.settle();
    world.clients[2].disconnect(world.now_ms);
    world.send(0, &[2], "dropped");
    world.send(0, &[2], "last");
    world.settle();
    let second = world.clients[2].me;
    world.server.queues.get_mut(&second).unwrap().pop_front();
    world.connect(2);
    world.pass(machine_limits::GAP_GRACE_MS * 2);
    let sender = world.clients[0].me;
    let gap = KeyEvent::Gap { credential: sender.0, device: sender.1, missing: 1 };
    assert_eq!(world.clients[2].events.iter().find(is_gap), Some(&gap));
}
