//! What honest peers see: every device reads, and what the server holds says nothing.

use msr_crypto::*;
use msr_protocol::Code;
use msr_protocol::v2::flags;

use super::device::{credential, letter};
use super::world::World;

#[test]
fn every_device_of_both_sides_reads() {
    let mut world = World::new(&[1, 1, 2, 2]);
    world.send(0, &[2], "to two");
    world.settle();
    world.send(3, &[1, 2], "to both");
    world.settle();
    let read: Vec<_> = world.clients.iter().map(|client| client.texts()).collect();
    assert_eq!(read[0], ["to both"]);
    assert_eq!(read[1], ["to both", "to two"]);
    assert_eq!(read[2], ["to both", "to two"]);
    // The sending device is a recipient too, so it gets its own.
    assert_eq!(read[3], ["to both", "to two"]);
    for client in &world.clients {
        assert!(client.failed.is_empty() && client.alarms().is_empty() && client.refused.is_empty());
    }
}

#[test]
fn what_was_in_it_comes_out() {
    let mut world = World::new(&[1, 2]);
    let mut sent = letter(&[2], "{\"a\":1}");
    sent.flags = flags::WANTS_REPLY | flags::BYTES;
    sent.reply_to = Some(msr_protocol::v2::MessageId { device: [9; 16], outbox_epoch: 7, number: msr_protocol::v2::Varint(3) });
    let now_ms = world.now_ms;
    world.clients[0].send(sent.clone(), now_ms);
    world.settle();
    let opened = world.clients[1].handled.values().next().unwrap().clone();
    let Letter { flags, reply_to, subject, payload, .. } = sent;
    assert_eq!(opened, Opened { flags, reply_to, subject, payload });
}

#[test]
fn the_server_holds_no_word() {
    let mut world = World::new(&[1, 2]);
    world.send(0, &[2], "a secret of fifteen words");
    world.settle();
    let has = |bytes: &[u8], word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
    assert_eq!(world.server.letters.len(), 1);
    for (entry, headers) in &world.server.letters {
        for word in [&b"secret"[..], b"subject"] {
            assert!(!has(entry, word) && !headers.iter().any(|(_, header)| has(header, word)));
        }
    }
}

#[test]
fn sizes_say_little() {
    let mut world = World::new(&[1, 2]);
    let mut sizes = std::collections::BTreeSet::new();
    let mut header_sizes = std::collections::BTreeSet::new();
    for length in [0, 1, 50, 150] {
        world.send(0, &[2], &"x".repeat(length));
        world.settle();
    }
    world.send(1, &[1], "a reply ends the pre-key messages");
    world.settle();
    let before = world.server.letters.len();
    for length in [3, 100] {
        world.send(0, &[2], &"x".repeat(length));
        world.settle();
    }
    for (nth, (entry, headers)) in world.server.letters.iter().enumerate() {
        sizes.insert(entry.len());
        if nth >= before {
            header_sizes.extend(headers.iter().map(|(_, header)| header.len()));
        }
    }
    assert_eq!((sizes.len(), header_sizes.len()), (1, 1), "{sizes:?} {header_sizes:?}");
    let longest = world.server.letters.iter().flat_map(|(_, headers)| headers).map(|(_, header)| header.len()).max();
    assert!(header_sizes.first() < Some(&330) && longest < Some(440), "{header_sizes:?} {longest:?}");
}

#[test]
fn many_messages_share_a_write_and_prekeys_are_replenished() {
    let mut world = World::new(&[1, 2]);
    world.send(0, &[2], "first");
    world.settle();
    let before = world.clients[0].written;
    for nth in 0..30 {
        world.send(0, &[2], &format!("{nth:02}"));
    }
    world.settle();
    assert_eq!(world.clients[1].handled.len(), 31);
    // Thirty states of a ratchet, one write.
    assert!(world.clients[0].written - before <= 2);
    let device = world.clients[1].me;
    world.server.keys.get_mut(&device).unwrap().one_time.truncate(10);
    world.clients[1].disconnect(world.now_ms);
    world.now_ms += 60_000;
    world.connect(1);
    world.settle();
    assert_eq!(world.server.keys[&device].one_time.len(), 100);
}

#[test]
fn the_fallback_key_is_renewed_and_the_one_before_still_opens() {
    let mut world = World::new(&[1, 2]);
    let device = world.clients[1].me;
    let old = world.server.keys[&device].fallback.clone();
    world.server.keys.get_mut(&device).unwrap().one_time.clear();
    world.send(0, &[2], "sealed with the fallback key");
    // Not opened before the key is renewed.
    world.clients[1].disconnect(world.now_ms);
    world.settle();
    world.now_ms += 7 * 86_400_000 + 1;
    world.connect(1);
    world.settle();
    assert_ne!(world.server.keys[&device].fallback, old);
    assert_eq!(world.clients[1].texts(), ["sealed with the fallback key"]);
}

#[test]
fn without_keys_it_waits_or_is_refused_or_plain_where_that_is_said() {
    let mut world = World::new(&[1]);
    // Two registered, but never listed keys.
    world.server.queues.insert((credential(2), [9; 16]), Default::default());
    let now_ms = world.now_ms;
    let waiting = world.clients[0].send(letter(&[2], "waits"), now_ms);
    let required = Letter { required: true, ..letter(&[2], "required") };
    let required = world.clients[0].send(required, now_ms);
    let allowed = Letter { allow_plain: true, ..letter(&[2], "plain") };
    let allowed = world.clients[0].send(allowed, now_ms);
    // Nobody knows three: it needs no header.
    world.clients[0].send(letter(&[3], "unknown"), now_ms);
    world.settle();
    let client = &world.clients[0];
    assert_eq!(client.plain, [allowed]);
    assert_eq!(client.refused.iter().map(|(number, failure)| (*number, failure.code)).collect::<Vec<_>>(), [(required, Code::NoKeys)]);
    assert_eq!(client.outbox.keys().copied().collect::<Vec<_>>(), [waiting]);
    let told = KeyEvent::NoKeys { ticket: SealTicket(waiting), credential: credential(2) };
    assert_eq!(client.events.iter().filter(|event| **event == told).count(), 1);
    assert_eq!(world.server.letters.len(), 1);
    // Its keys appear: what waited goes.
    let joined = world.join(2);
    world.pass(60_000);
    assert_eq!(world.clients[joined].texts(), ["waits"]);
    // From now on there is no plain text, whatever is allowed.
    let now_ms = world.now_ms;
    world.clients[0].send(Letter { allow_plain: true, ..letter(&[2], "sealed") }, now_ms);
    world.settle();
    assert_eq!(world.clients[0].plain.len(), 1);
    assert_eq!(world.clients[joined].texts(), ["sealed", "waits"]);
}

#[test]
fn who_comes_after_it_was_asked_about_is_written_to() {
    let mut world = World::new(&[1]);
    world.send(0, &[2], "to nobody");
    world.settle();
    world.join(2);
    world.send(0, &[2], "to two");
    world.settle();
    assert_eq!(world.clients[1].texts(), ["to two"]);
}

#[test]
fn no_timer_is_due_while_an_answer_is_awaited() {
    let mut world = World::new(&[1]);
    world.server.queues.insert((credential(2), [9; 16]), Default::default());
    world.send(0, &[2], "to two");
    world.settle();
    let due_ms = world.clients[0].machine.poll_timeout().unwrap();
    // The server takes its time.
    let client = &mut world.clients[0];
    client.machine.handle_timeout(due_ms);
    let asked = std::iter::from_fn(|| client.machine.poll_output()).any(|output| matches!(output, Output::Frames(_)));
    assert!(asked && client.machine.poll_timeout().unwrap() > due_ms);
}

#[test]
fn what_was_refused_is_not_missed() {
    let mut world = World::new(&[1, 2]);
    world.send(0, &[2], "one");
    world.settle();
    world.send(0, &[2], "refused");
    let now_ms = world.now_ms;
    world.clients[0].drain(&mut world.server, now_ms);
    world.clients[0].outbox.clear();
    assert!(world.clients[0].write(false, now_ms));
    world.pass(10_000);
    world.send(0, &[2], "two");
    world.pass(120_000);
    assert_eq!(world.clients[1].texts(), ["one", "two"]);
    assert!(!world.clients[1].events.iter().any(|event| matches!(event, KeyEvent::Gap { .. })));
}

#[test]
fn that_a_message_is_held_is_told_once_and_again_after_a_restart() {
    let mut world = World::new(&[1, 2]);
    world.send(0, &[2], "before");
    world.settle();
    let now_ms = world.now_ms;
    world.clients[0].machine.handle_input(Input::Verify { credential: credential(2), verified: true }, now_ms);
    world.join(2);
    let number = world.send(0, &[2], "held");
    world.pass(60_000);
    let held = KeyEvent::Held { ticket: SealTicket(number), credential: credential(2) };
    let told = |world: &World| world.clients[0].events.iter().filter(|event| **event == held).count();
    assert_eq!(told(&world), 1);
    let now_ms = world.now_ms;
    world.clients[0].crash(0, now_ms);
    world.connect(0);
    world.pass(60_000);
    assert_eq!((told(&world), world.clients[2].texts().len()), (2, 0));
    let now_ms = world.now_ms;
    world.clients[0].machine.handle_input(Input::Accept { credential: credential(2) }, now_ms);
    world.pass(60_000);
    assert_eq!(world.clients[2].texts(), ["held"]);
}

#[test]
fn letters_opened_at_once_share_a_write_and_a_record() {
    let mut world = World::new(&[1, 2]);
    world.send(0, &[2], "first");
    world.settle();
    let device = world.clients[1].me;
    let queue = std::mem::take(world.server.queues.get_mut(&device).unwrap());
    assert!(queue.is_empty());
    world.clients[1].disconnect(world.now_ms);
    for nth in 0..40 {
        world.send(0, &[2], &format!("{nth:02}"));
    }
    world.settle();
    let (before, rings) = (world.clients[1].written, rings(&world, 1));
    let (client, now_ms) = (&mut world.clients[1], world.now_ms);
    client.connect(&mut world.server, now_ms);
    while client.open_next(&world.server, now_ms) {}
    client.drain(&mut world.server, now_ms);
    assert_eq!((client.handled.len(), client.writes.len()), (1, 1), "nothing is handed out before it is kept");
    world.settle();
    assert_eq!((world.clients[1].handled.len(), world.clients[1].written - before), (41, 1));
    assert_eq!(self::rings(&world, 1) - rings, 1);
}

/// It was opened ahead of its handler, and the page ended before that had its turn: it comes again.
#[test]
fn what_was_opened_opens_again_however_much_was_sent_meanwhile() {
    let mut world = World::new(&[1, 2]);
    world.send(0, &[2], "opened, and not handled");
    world.clients[1].disconnect(world.now_ms);
    world.settle();
    let device = world.clients[1].me;
    let copy = world.server.queues[&device][0].clone();
    world.connect(1);
    world.settle();
    for nth in 0..machine_limits::RING_KEYS + 2 * machine_limits::RING_BLOCK_KEYS {
        world.send(1, &[1], &format!("{nth}"));
        if nth % 128 == 0 {
            world.settle();
        }
    }
    world.settle();
    world.clients[1].crash(0, world.now_ms);
    world.server.queues.get_mut(&device).unwrap().push_back(copy);
    world.connect(1);
    world.settle();
    let client = &world.clients[1];
    assert_eq!((client.handled.len(), client.again, client.alarms().len()), (1, 1, 0));
}

fn rings(world: &World, place: usize) -> usize {
    world.clients[place].disk.keys().filter(|key| key.starts_with("key:ring:")).count()
}
