//! A server that shows other keys, other devices, other lists than it should: each is found, or harmless.

use msr_crypto::*;
use msr_protocol::Code;

use super::device::{account, credential, letter};
use super::world::World;

fn changes(client: &super::device::Client) -> Vec<(PeerChange, bool)> {
    let change = |event: &KeyEvent| if let KeyEvent::PeerChanged { change, holds, .. } = event { Some((*change, *holds)) } else { None };
    client.events.iter().filter_map(change).collect()
}

#[test]
fn a_key_of_another_account_is_refused() {
    let mut world = World::new(&[1, 2, 3]);
    let (two, three) = (world.clients[1].me, world.clients[2].me);
    let swapped = world.server.keys[&three].one_time[0].clone();
    world.server.false_keys.insert(two.1, swapped);
    world.send(0, &[2], "not for three");
    world.pass(100_000);
    assert!(world.clients[0].alarms().contains(&AlarmKind::ForgedKey));
    assert!(world.server.letters.is_empty());
    // Honest again: it goes after all.
    world.server.false_keys.clear();
    world.pass(100_000);
    assert_eq!((world.clients[1].texts().len(), world.clients[2].texts().len()), (1, 0));
}

#[test]
fn a_key_of_another_device_of_the_same_account_is_refused() {
    let mut world = World::new(&[1, 2, 2]);
    let (one, other) = (world.clients[1].me, world.clients[2].me);
    let swapped = world.server.keys[&other].one_time[0].clone();
    world.server.false_keys.insert(one.1, swapped);
    world.send(0, &[2], "for both");
    world.pass(100_000);
    assert!(world.clients[0].alarms().contains(&AlarmKind::ForgedKey));
    assert!(world.server.letters.is_empty());
}

#[test]
fn a_key_that_is_no_key_is_refused() {
    for key in [vec![], vec![0; 105], vec![0xff; 300]] {
        let mut world = World::new(&[1, 2]);
        let two = world.clients[1].me;
        world.server.false_keys.insert(two.1, key);
        world.send(0, &[2], "nothing");
        world.pass(40_000);
        assert!(world.clients[0].alarms().contains(&AlarmKind::ForgedKey));
        assert!(world.server.letters.is_empty());
    }
}

#[test]
fn an_old_fallback_key_is_found_or_heals() {
    let mut world = World::new(&[1, 2]);
    let two = world.clients[1].me;
    let old = world.server.keys[&two].fallback.clone().unwrap();
    world.server.keys.get_mut(&two).unwrap().one_time.clear();
    // Renewed twice: the private half of the old one is gone.
    for _ in 0..2 {
        world.now_ms += 7 * 86_400_000 + 1;
        world.clients[1].disconnect(world.now_ms);
        world.connect(1);
        world.settle();
    }
    world.server.false_keys.insert(two.1, old);
    world.send(0, &[2], "to a key that is gone");
    world.pass(1_000);
    // The device cannot open it; it begins a session of its own and asks.
    assert_eq!(world.clients[1].texts(), ["to a key that is gone"]);
    // Whoever saw a newer one refuses it.
    let mut world = World::new(&[1, 2]);
    let two = world.clients[1].me;
    world.server.keys.get_mut(&two).unwrap().one_time.clear();
    let old = world.server.keys[&two].fallback.clone().unwrap();
    world.now_ms += 7 * 86_400_000 + 1;
    world.clients[1].disconnect(world.now_ms);
    world.connect(1);
    world.settle();
    world.server.keys.get_mut(&two).unwrap().one_time.clear();
    world.send(0, &[2], "with the new one");
    world.settle();
    world.server.false_keys.insert(two.1, old);
    // Its session breaks, so that another key is claimed.
    world.clients[0].disconnect(world.now_ms);
    world.send(1, &[1], "its header is damaged");
    world.settle();
    let one = world.clients[0].me;
    let header = &mut world.server.queues.get_mut(&one).unwrap()[0].header;
    *header.last_mut().unwrap() ^= 1;
    world.now_ms += 61_000;
    world.connect(0);
    world.settle();
    assert_eq!(world.clients[0].alarms(), [AlarmKind::OldKey]);
    world.server.false_keys.clear();
    world.pass(100_000);
    assert_eq!(world.clients[0].texts(), ["its header is damaged"]);
}

#[test]
fn a_device_that_the_account_did_not_sign_is_refused() {
    let mut world = World::new(&[1, 2]);
    world.send(0, &[2], "one");
    world.settle();
    // The server adds a device of an account of its own to the list, and signs that as well as it can.
    let list = read_list(&world.server.lists[&credential(2)]).unwrap();
    let forger = account(9);
    let (theirs, _) = Machine::enrol(&forger, credential(2), [9; 16], world.now_ms).unwrap();
    let listed = msr_protocol::v2::ListedDevice { device: [9; 16], enrolment: theirs.enrolment };
    let forged = forger.sign_list(&list.with_device(listed, world.now_ms).unwrap());
    world.server.lies.insert(credential(2), forged);
    let now_ms = world.now_ms;
    world.clients[0].machine.handle_input(Input::Refresh { credential: credential(2) }, now_ms);
    world.settle();
    assert_eq!(world.clients[0].alarms(), [AlarmKind::ForgedList]);
    world.send(0, &[2], "two");
    world.settle();
    assert_eq!(world.server.letters.len(), 1, "it is held");
    world.server.lies.clear();
    world.clients[0].machine.handle_input(Input::Refresh { credential: credential(2) }, now_ms);
    world.settle();
    assert_eq!(world.clients[1].texts(), ["one", "two"]);
}

#[test]
fn another_peers_list_is_no_answer() {
    let mut world = World::new(&[1, 2, 3]);
    let other = world.server.lists[&credential(3)].clone();
    world.server.lies.insert(credential(2), other);
    world.send(0, &[2], "not for three");
    world.pass(100_000);
    assert!(world.clients[0].alarms().contains(&AlarmKind::ForgedList));
    assert!(world.server.letters.is_empty() && world.clients[2].handled.is_empty());
}

#[test]
fn a_list_rolled_back_is_found() {
    let mut world = World::new(&[1, 2]);
    let old = world.server.lists[&credential(2)].clone();
    world.join(2);
    world.send(0, &[2], "both");
    world.settle();
    world.server.lies.insert(credential(2), old.clone());
    let now_ms = world.now_ms;
    world.clients[0].machine.handle_input(Input::Refresh { credential: credential(2) }, now_ms);
    world.settle();
    assert_eq!(world.clients[0].alarms(), [AlarmKind::Rollback]);
    world.send(0, &[2], "held");
    world.settle();
    assert_eq!(world.server.letters.len(), 1);
    // The peer itself finds it too, and puts its list back.
    world.server.lies.clear();
    let new = world.server.lists.insert(credential(2), old).unwrap();
    world.clients[1].disconnect(now_ms);
    world.connect(1);
    world.settle();
    assert_eq!(world.clients[1].alarms(), [AlarmKind::Rollback]);
    assert_eq!(world.server.lists[&credential(2)], new);
    world.clients[0].machine.handle_input(Input::Refresh { credential: credential(2) }, now_ms);
    world.settle();
    assert_eq!(world.server.letters.len(), 2);
}

#[test]
fn two_lists_under_one_number_are_found_and_the_peer_mends_it() {
    let mut world = World::new(&[1, 2]);
    world.send(0, &[2], "one");
    world.settle();
    // Another device of two, kept apart from the first by the server: it signs a list of the same number.
    world.clients[1].disconnect(world.now_ms);
    let kept = world.server.lists.remove(&credential(2)).unwrap();
    let apart = world.enrol(2);
    world.connect(apart);
    world.settle();
    let fork = world.server.lists[&credential(2)].clone();
    assert_eq!(read_list(&fork).unwrap().counter, read_list(&kept).unwrap().counter);
    let now_ms = world.now_ms;
    world.clients[0].machine.handle_input(Input::Refresh { credential: credential(2) }, now_ms);
    world.settle();
    // One saw the first, and is shown the second.
    assert_eq!(world.clients[0].alarms(), [AlarmKind::Fork]);
    world.connect(1);
    world.settle();
    assert!(world.clients[1].alarms().contains(&AlarmKind::Fork));
    let mended = read_list(&world.server.lists[&credential(2)]).unwrap();
    assert_eq!((mended.counter, mended.devices.len()), (read_list(&kept).unwrap().counter + 1, 2));
    world.clients[0].machine.handle_input(Input::Refresh { credential: credential(2) }, now_ms);
    world.send(0, &[2], "two");
    world.pass(10_000);
    assert_eq!((world.clients[1].texts().len(), world.clients[apart].texts().len()), (2, 1));
}

#[test]
fn a_list_denied_brings_no_plain_text() {
    let mut world = World::new(&[1, 2]);
    world.send(0, &[2], "one");
    world.settle();
    world.server.lies.insert(credential(2), vec![]);
    let now_ms = world.now_ms;
    world.clients[0].machine.handle_input(Input::Refresh { credential: credential(2) }, now_ms);
    world.settle();
    world.clients[0].send(Letter { allow_plain: true, ..letter(&[2], "never plain") }, now_ms);
    world.pass(100_000);
    assert_eq!(world.clients[0].alarms(), [AlarmKind::ListDenied]);
    assert!(world.clients[0].plain.is_empty() && world.server.letters.len() == 1);
    // A restart forgets the alarm, not the peer.
    world.clients[0].crash(0, now_ms);
    world.connect(0);
    world.pass(10_000);
    assert!(world.clients[0].plain.is_empty());
    // Together with somebody who shows no keys it is refused rather than sent in plain text.
    world.server.queues.insert((credential(5), [5; 16]), Default::default());
    let now_ms = world.now_ms;
    let mixed = world.clients[0].send(Letter { allow_plain: true, ..letter(&[2, 5], "mixed") }, now_ms);
    world.pass(1_000);
    assert!(world.clients[0].refused.iter().any(|(number, failure)| *number == mixed && failure.code == Code::NoKeys));
}

#[test]
fn a_new_device_of_a_verified_peer_waits_for_a_person() {
    let mut world = World::new(&[1, 2]);
    world.send(0, &[2], "one");
    world.settle();
    let now_ms = world.now_ms;
    world.clients[0].machine.handle_input(Input::Verify { credential: credential(2), verified: true }, now_ms);
    let new = world.join(2);
    let id = world.clients[new].me.1;
    world.send(0, &[2], "two");
    world.send(new, &[1], "from the new device");
    world.pass(60_000);
    assert!(changes(&world.clients[0]).contains(&(PeerChange::DeviceAdded(id), true)));
    assert_eq!((world.clients[1].texts().len(), world.clients[0].texts().len()), (2, 0));
    // It holds over a restart.
    let now_ms = world.now_ms;
    world.clients[0].crash(0, now_ms);
    world.connect(0);
    world.pass(60_000);
    assert!(!world.clients[0].outbox.is_empty() && world.clients[new].texts().is_empty());
    let now_ms = world.now_ms;
    world.clients[0].machine.handle_input(Input::Accept { credential: credential(2) }, now_ms);
    world.settle();
    assert_eq!(world.clients[new].texts(), ["two"]);
    assert_eq!(world.clients[0].texts(), ["from the new device"]);
    // An unverified peer's is told, and gets what follows.
    let newer = world.join(1);
    world.send(1, &[1], "to all");
    world.settle();
    assert!(changes(&world.clients[1]).contains(&(PeerChange::DeviceAdded(world.clients[newer].me.1), false)));
    assert_eq!(world.clients[newer].texts(), ["to all"]);
}

#[test]
fn a_revoked_device_reads_and_says_nothing_more() {
    let mut world = World::new(&[1, 2, 2]);
    world.send(0, &[2], "to both");
    world.settle();
    let gone = world.clients[2].me.1;
    let now_ms = world.now_ms;
    world.clients[2].disconnect(now_ms);
    world.clients[1].machine.handle_input(Input::Revoke { device: gone }, now_ms);
    world.settle();
    assert!(world.clients[1].events.contains(&KeyEvent::Revoked { device: gone }));
    // The sender hears of it by the refusal of its message, and seals anew.
    world.send(0, &[2], "to one");
    world.settle();
    assert!(changes(&world.clients[0]).contains(&(PeerChange::DeviceRemoved(gone), false)));
    assert_eq!((world.clients[1].texts().len(), world.clients[2].texts().len()), (2, 1));
    assert!(!world.server.letters[1].1.iter().any(|(device, _)| *device == gone));
    // A server that lets it in all the same achieves nothing.
    world.server.lax = true;
    world.connect(2);
    world.server.lies.insert(credential(2), world.server.history[1].clone());
    world.clients[2].send(letter(&[1], "from a revoked device"), now_ms);
    world.pass(1_000);
    assert!(world.clients[0].texts().is_empty());
    // Nor does one that shows the list of before.
    assert!(!world.clients[0].alarms().contains(&AlarmKind::ForgedLetter));
}

/// Nobody has two accounts with one credential to show; here the machine believes to be of another one.
#[test]
fn the_own_list_of_another_account_is_refused() {
    let world = World::new(&[1]);
    let (client, own) = (&world.clients[0], credential(1));
    let device = OwnDevice::decode(&client.disk["key:device"]).unwrap();
    let (Words { name, email }, secret) = (super::device::words(1), account(9).secret_text());
    let own_words = Own { credential: own, name, email, secret, device, account: None };
    let records = client.disk.clone().into_iter().filter(|(key, _)| key == "key:olm").collect();
    let mut machine = Machine::new(own_words, records, world.now_ms);
    machine.handle_input(Input::Registered, world.now_ms);
    machine.handle_input(Input::Frame(world.server.lists(0, &[own])), world.now_ms);
    let outputs: Vec<_> = std::iter::from_fn(|| machine.poll_output()).collect();
    let alarm = Output::Event(KeyEvent::Alarm { credential: own, kind: AlarmKind::ForgedList });
    assert!(outputs.contains(&alarm), "{outputs:?}");
    let adopted = |output: &Output| matches!(output, Output::Event(KeyEvent::PeerChanged { .. }));
    assert!(!outputs.iter().any(adopted));
}
