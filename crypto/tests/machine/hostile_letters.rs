//! A server that does to letters what it should not: each is found, or harmless.

use msr_crypto::*;
use msr_protocol::Code;
use msr_protocol::v2::*;

use super::device::credential;
use super::server::Queued;
use super::world::World;

/// One has sent two a message, that waits in two's queue.
fn one_waiting(text: &str) -> World {
    let mut world = World::new(&[1, 2, 3]);
    world.send(0, &[2], "first");
    world.send(1, &[1], "back");
    world.settle();
    let now_ms = world.now_ms;
    world.clients[1].disconnect(now_ms);
    world.send(0, &[2], text);
    world.settle();
    world
}

fn queue(world: &mut World, place: usize) -> &mut std::collections::VecDeque<Queued> {
    let me = world.clients[place].me;
    world.server.queues.get_mut(&me).unwrap()
}

/// Delivers a changed copy of what waits first.
fn changed(world: &mut World, place: usize, change: impl Fn(&mut Delivery<'_>)) {
    let queued = queue(world, place).front_mut().unwrap();
    let Ok(Entry::Message(mut delivery)) = Entry::read(&mut queued.entry.as_slice()) else { panic!("no message") };
    change(&mut delivery);
    let mut entry = vec![];
    Entry::Message(delivery).write(&mut entry);
    queued.entry = entry;
}

#[test]
fn a_replayed_letter_is_opened_once() {
    let mut world = one_waiting("once");
    let copy = queue(&mut world, 1)[0].clone();
    world.connect(1);
    world.settle();
    assert_eq!(world.clients[1].texts(), ["first", "once"]);
    // Under its own name it is the same message again: the client knows it by its mark.
    world.server.sequence += 1;
    let again = Queued { sequence: world.server.sequence, ..copy.clone() };
    queue(&mut world, 1).push_back(again);
    world.settle();
    assert_eq!((world.clients[1].handled.len(), world.clients[1].again), (2, 1));
    // Under another name it is a copy.
    world.server.sequence += 1;
    let other = Queued { sequence: world.server.sequence, ..copy };
    queue(&mut world, 1).push_back(other);
    changed(&mut world, 1, |delivery| delivery.id.number = Varint(99));
    world.settle();
    assert_eq!(world.clients[1].handled.len(), 2);
    assert_eq!(world.clients[1].alarms(), [AlarmKind::Replay]);
    // Also when its key is not kept any more, and its session neither.
    let mut world = one_waiting("once");
    let copy = queue(&mut world, 1)[0].clone();
    world.connect(1);
    world.settle();
    world.clients[1].disk.retain(|key, _| !key.starts_with("key:ring:"));
    let now_ms = world.now_ms;
    world.clients[1].crash(0, now_ms);
    world.server.sequence += 1;
    let again = Queued { sequence: world.server.sequence, ..copy };
    queue(&mut world, 1).push_back(again);
    changed(&mut world, 1, |delivery| delivery.id.number = Varint(99));
    world.connect(1);
    world.pass(100_000);
    assert_eq!(world.clients[1].handled.len(), 2);
    assert!(world.clients[1].alarms().contains(&AlarmKind::Replay));
}

/// Its sender is off the list, so that the peer's own devices give the key: they know no counter.
#[test]
fn a_letter_under_two_names_is_opened_once_with_the_key_of_ones_own_device() {
    let mut world = World::new(&[1, 2, 2]);
    world.clients[2].disconnect(world.now_ms);
    world.send(0, &[2], "once");
    world.settle();
    let now_ms = world.now_ms;
    world.clients[0].machine.handle_input(Input::Leave, now_ms);
    world.settle();
    world.clients[0].disconnect(now_ms);
    world.server.sequence += 1;
    let copy = Queued { sequence: world.server.sequence, ..queue(&mut world, 2)[0].clone() };
    queue(&mut world, 2).push_front(copy);
    changed(&mut world, 2, |delivery| delivery.id.number = Varint(99));
    world.connect(2);
    world.pass(200_000);
    assert_eq!((world.clients[2].texts(), world.clients[2].alarms()), (vec!["once".to_owned()], vec![AlarmKind::Replay]));
    assert!(!world.clients[2].disk.keys().any(|key| key.starts_with("key:late:")));
}

#[test]
fn letters_in_another_order_are_opened_and_dropped_ones_are_told() {
    let mut world = one_waiting("a");
    for text in ["b", "c", "d"] {
        world.send(0, &[2], text);
        world.settle();
    }
    queue(&mut world, 1).swap(0, 3);
    queue(&mut world, 1).remove(1);
    let (client, now_ms) = (world.clients[0].me, world.now_ms);
    world.connect(1);
    world.settle();
    assert_eq!(world.clients[1].texts(), ["a", "c", "d", "first"]);
    let gap = KeyEvent::Gap { credential: client.0, device: client.1, missing: 1 };
    assert!(!world.clients[1].events.contains(&gap));
    world.pass(120_000);
    assert!(world.clients[1].events.contains(&gap));
    assert!(now_ms < world.now_ms && world.clients[1].alarms().is_empty());
}

#[test]
fn another_sender_is_no_sender() {
    // Three is said to have sent it, on its device or on one's.
    for with_device in [true, false] {
        let mut world = one_waiting("by one");
        let three = world.clients[2].me;
        changed(&mut world, 1, |delivery| {
            delivery.from = three.0;
            if with_device {
                delivery.id.device = three.1;
            }
        });
        world.connect(1);
        world.pass(60_000);
        assert_eq!(world.clients[1].texts(), ["first"]);
    }
}

#[test]
fn other_recipients_or_another_kind_are_found() {
    let changes: [fn(&mut Delivery<'_>); 3] = [
        |delivery| delivery.recipients.0.push(credential(3)),
        |delivery| delivery.recipients.0[0] = credential(1),
        |delivery| delivery.flags |= flags::TARGETED,
    ];
    for change in changes {
        let mut world = one_waiting("for two alone");
        changed(&mut world, 1, change);
        world.connect(1);
        world.settle();
        assert_eq!(world.clients[1].texts(), ["first"]);
        assert_eq!(world.clients[1].alarms(), [AlarmKind::ForgedLetter]);
        assert_eq!(world.clients[1].failed[0].code, Code::CannotOpen);
    }
}

#[test]
fn headers_of_other_letters_and_devices_are_found_and_nothing_is_lost() {
    // Between two letters for one device.
    let mut world = one_waiting("a");
    world.send(0, &[2], "b");
    world.settle();
    let queue_of_two = queue(&mut world, 1);
    let header = std::mem::take(&mut queue_of_two[0].header);
    queue_of_two[0].header = std::mem::replace(&mut queue_of_two[1].header, header);
    world.connect(1);
    world.pass(10_000);
    assert!(world.clients[1].alarms().contains(&AlarmKind::ForgedLetter));
    assert_eq!(world.clients[1].texts(), ["a", "b", "first"]);
    // Between two devices of one peer.
    let mut world = World::new(&[1, 2, 2]);
    for place in [1, 2] {
        let now_ms = world.now_ms;
        world.clients[place].disconnect(now_ms);
    }
    world.send(0, &[2], "for both");
    world.settle();
    let header = std::mem::take(&mut queue(&mut world, 1)[0].header);
    let other = std::mem::replace(&mut queue(&mut world, 2)[0].header, header);
    queue(&mut world, 1)[0].header = other;
    world.connect(1);
    world.connect(2);
    world.pass(100_000);
    assert_eq!((world.clients[1].texts().len(), world.clients[2].texts().len()), (1, 1));
}

#[test]
fn every_byte_of_header_and_body_counts() {
    let mut world = one_waiting("exact");
    let whole = queue(&mut world, 1)[0].clone();
    let body_starts = {
        let Ok(Entry::Message(delivery)) = Entry::read(&mut whole.entry.as_slice()) else { panic!("no message") };
        whole.entry.len() - delivery.payload.0.len()
    };
    let disk = world.clients[1].disk.clone();
    let places = (0..whole.header.len()).map(|at| (true, at)).chain((body_starts..whole.entry.len()).map(|at| (false, at)));
    for (in_header, at) in places {
        let (now_ms, client) = (world.now_ms, &mut world.clients[1]);
        client.disk = disk.clone();
        client.writes.clear();
        client.crash(0, now_ms);
        let mut flipped = whole.clone();
        if in_header {
            flipped.header[at] ^= 1;
        } else {
            flipped.entry[at] ^= 1;
        }
        client.open(flipped, now_ms);
        while client.drain(&mut world.server, now_ms) | client.write(true, now_ms) {}
        let texts = client.texts();
        assert_eq!(texts, ["first"], "{in_header} {at}");
    }
    // As it is, it opens.
    let (now_ms, client) = (world.now_ms, &mut world.clients[1]);
    client.disk = disk;
    client.crash(0, now_ms);
    client.open(whole, now_ms);
    while client.drain(&mut world.server, now_ms) | client.write(true, now_ms) {}
    assert_eq!(client.texts(), ["exact", "first"]);
}

#[test]
fn a_flood_of_letters_that_nobody_can_open_is_bounded() {
    /// The share of one peer.
    const MOST: usize = machine_limits::LATE_LETTERS / machine_limits::LATE_PART;
    let mut world = one_waiting("real");
    let template = queue(&mut world, 1).pop_front().unwrap();
    for nth in 0..400_u64 {
        world.server.sequence += 1;
        let Ok(Entry::Message(mut delivery)) = Entry::read(&mut template.entry.as_slice()) else { panic!("no message") };
        delivery.id.number = Varint(1_000 + nth);
        let noise = nth.to_le_bytes().repeat(40);
        delivery.payload = Rest(&noise);
        let mut entry = vec![];
        Entry::Message(delivery).write(&mut entry);
        let sequence = world.server.sequence;
        queue(&mut world, 1).push_back(Queued { sequence, header: template.header.clone(), entry });
    }
    queue(&mut world, 1).push_front(template);
    world.connect(1);
    world.settle();
    let client = &world.clients[1];
    assert_eq!(client.texts(), ["first", "real"]);
    assert_eq!(client.disk.keys().filter(|key| key.starts_with("key:late:")).count(), MOST);
    assert_eq!(client.failed.len(), 400 - MOST);
    // One session was begun anew for all of them, not four hundred.
    let claimed = 100 - world.server.keys[&world.clients[0].me].one_time.len();
    assert!(claimed <= 4, "{claimed}");
}

#[test]
fn frames_of_noise_are_told_and_change_nothing() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut world = World::new(&[1, 2]);
    for nth in 0..600 {
        let mut frame: Vec<u8> = (0..random.usize(..64)).map(|_| random.u8(..)).collect();
        if frame.len() > 4 && random.bool() {
            frame[0] = random.u8(0x40..0x48);
            let length = u8::try_from(frame.len() - 4).unwrap();
            frame[1..4].copy_from_slice(&[length, 0, 0]);
        }
        let now_ms = world.now_ms;
        world.clients[0].machine.handle_input(Input::Frame(frame), now_ms);
        let header: Vec<u8> = (0..random.usize(..64)).map(|_| random.u8(..)).collect();
        world.clients[0].machine.handle_input(Input::Open { tag: OpenTag(1), header: header.clone(), entry: header }, now_ms);
        while world.clients[0].machine.poll_output().is_some() {}
        if nth % 50 == 0 {
            world.clients[0].crash(0, now_ms);
        }
    }
    let now_ms = world.now_ms;
    world.clients[0].crash(0, now_ms);
    world.connect(0);
    world.send(0, &[2], "as before");
    world.pass(100_000);
    assert_eq!(world.clients[1].texts(), ["as before"]);
}
