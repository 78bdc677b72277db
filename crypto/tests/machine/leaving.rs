//! Devices that leave, and lists that are full.

use msr_crypto::*;
use msr_protocol::Code;
use msr_protocol::v2::*;

use super::device::{account, credential, letter, words};
use super::server::Queued;
use super::world::{World, id};

fn leave(world: &mut World, place: usize) {
    let now_ms = world.now_ms;
    world.clients[place].machine.handle_input(Input::Leave, now_ms);
}

fn listed(world: &World, seed: u8) -> DeviceList {
    read_list(&world.server.lists[&credential(seed)]).unwrap()
}

fn devices(list: &DeviceList) -> Vec<Bytes16> {
    list.devices.iter().map(|listed| listed.device).collect()
}

#[test]
fn a_device_that_leaves_is_not_remembered() {
    let mut world = World::new(&[1, 1, 2]);
    world.send(2, &[1], "to both");
    world.settle();
    leave(&mut world, 1);
    world.settle();
    let list = listed(&world, 1);
    assert_eq!((devices(&list), list.revoked.len()), (vec![id(1)], 0));
    let told = world.clients[1].events.iter().filter(|event| **event == KeyEvent::Revoked { device: id(2) });
    assert_eq!(told.count(), 1);
    world.clients[1].disconnect(world.now_ms);
    world.send(2, &[1], "to one");
    world.settle();
    assert_eq!(world.server.letters.last().unwrap().1.len(), 1, "for the one that is left");
    // It does not put itself on the list again by itself, and does when it comes back.
    world.connect(1);
    world.settle();
    assert_eq!(devices(&listed(&world, 1)), [id(1), id(2)]);
    world.send(2, &[1], "to both again");
    world.pass(120_000);
    for place in [0, 1] {
        assert!(world.clients[place].texts().contains(&"to both again".to_owned()), "{place}");
    }
    assert!(world.clients.iter().all(|client| client.alarms().is_empty()));
}

#[test]
fn a_device_that_comes_back_is_counted_on() {
    let mut world = World::new(&[1, 1, 2]);
    for nth in 0..10 {
        world.send(1, &[2], &format!("{nth}"));
    }
    let reader = world.clients[2].me;
    world.clients[2].disconnect(world.now_ms);
    world.settle();
    let copy = world.server.queues[&reader][3].clone();
    world.connect(2);
    world.settle();
    leave(&mut world, 1);
    world.settle();
    world.clients[1].disconnect(world.now_ms);
    assert_eq!(devices(&listed(&world, 1)), [id(1)]);
    world.clients[2].machine.handle_input(Input::Refresh { credential: credential(1) }, world.now_ms);
    world.settle();
    // Its keys are not kept any more.
    world.clients[2].disk.retain(|key, _| !key.starts_with("key:ring:"));
    world.clients[2].crash(0, world.now_ms);
    world.connect(2);
    world.connect(1);
    world.settle();
    world.send(1, &[2], "back");
    world.pass(machine_limits::GAP_GRACE_MS * 2);
    let read = &world.clients[2];
    assert!(read.texts().len() == 11 && read.alarms().is_empty());
    assert!(!read.events.iter().any(|event| matches!(event, KeyEvent::Gap { .. })));
    // What came before it left is a copy after it.
    let mut entry = vec![];
    let Ok(Entry::Message(mut delivery)) = Entry::read(&mut copy.entry.as_slice()) else { panic!("no message") };
    delivery.id.number = Varint(99);
    Entry::Message(delivery).write(&mut entry);
    world.server.sequence += 1;
    let sequence = world.server.sequence;
    world.server.queues.get_mut(&reader).unwrap().push_back(Queued { sequence, entry, ..copy });
    world.pass(120_000);
    assert_eq!((world.clients[2].texts().len(), world.clients[2].alarms()), (11, vec![AlarmKind::Replay]));
}

#[test]
fn devices_that_left_are_counted_on_up_to_a_bound() {
    let mut world = World::new(&[1]);
    for _ in 0..machine_limits::DEVICES_LEFT_PER_PEER + 3 {
        let place = world.join(2);
        world.send(place, &[1], "hello");
        world.settle();
        leave(&mut world, place);
        world.settle();
        world.clients[0].machine.handle_input(Input::Refresh { credential: credential(2) }, world.now_ms);
        world.settle();
        world.clients.truncate(place);
        let me = (credential(2), id(u8::try_from(place + 1).unwrap()));
        world.server.queues.remove(&me);
        world.clients.push(super::device::Client::new(3, me.1, world.now_ms));
    }
    let pairs = world.clients[0].disk.keys().filter(|key| key.starts_with("key:pair:")).count();
    assert_eq!(pairs, machine_limits::DEVICES_LEFT_PER_PEER);
}

#[test]
fn all_that_leave_at_once_are_off_the_list() {
    let mut world = World::new(&[1, 1, 1, 1]);
    for place in 1..4 {
        leave(&mut world, place);
    }
    world.settle();
    assert_eq!(devices(&listed(&world, 1)), [id(1)]);
    for place in 1..4 {
        let device = id(u8::try_from(place + 1).unwrap());
        assert!(world.clients[place].events.contains(&KeyEvent::Revoked { device }));
    }
}

#[test]
fn a_device_that_leaves_seals_nothing_more() {
    let mut world = World::new(&[1, 1, 2]);
    leave(&mut world, 1);
    world.settle();
    let number = world.send(1, &[2], "after");
    world.settle();
    assert!(world.clients[1].outbox.contains_key(&number) && world.clients[2].texts().is_empty());
}

#[test]
fn who_lacks_the_account_key_is_told_so() {
    let mut world = World::new(&[1]);
    let now_ms = world.now_ms;
    world.clients[0].forget_account(now_ms);
    world.connect(0);
    leave(&mut world, 0);
    world.settle();
    assert!(world.clients[0].events.contains(&KeyEvent::RevokeFailed { device: id(1), code: Code::SecretRequired }));
    assert_eq!(devices(&listed(&world, 1)), [id(1)]);
}

#[test]
fn what_a_device_sent_before_it_left_is_read_by_who_comes_later() {
    let mut world = World::new(&[1, 2, 2]);
    world.clients[2].disconnect(world.now_ms);
    world.send(0, &[2], "from one that leaves");
    world.settle();
    leave(&mut world, 0);
    world.settle();
    world.clients[0].disconnect(world.now_ms);
    // It never knew the sender: its sibling did, and gives it the key.
    world.connect(2);
    world.pass(120_000);
    assert_eq!(world.clients[2].texts(), ["from one that leaves"]);
}

/// A list of 64 devices that are no more.
fn full(world: &mut World, seed: u8) {
    let (account, own) = (account(seed), credential(seed));
    let (words, secret) = (words(seed), account.secret_text());
    let listed = |nth: u8| {
        let device = [nth; 16];
        let enrolment = account.enrol(own, device, &DeviceKey::from_seed(&[nth; 32]).public(), [9; 32], i64::from(nth));
        ListedDevice { device, enrolment }
    };
    let mut list = DeviceList::first(&words, &secret, listed(100), 1);
    list.devices = List((100..164).map(listed).collect());
    world.server.lists.insert(own, account.sign_list(&list));
}

fn troubles(world: &World, place: usize) -> Vec<Code> {
    let code = |event: &KeyEvent| if let KeyEvent::Trouble(Failure { code, .. }) = event { Some(*code) } else { None };
    world.clients[place].events.iter().filter_map(code).collect()
}

#[test]
fn nothing_waits_for_room_on_a_full_list() {
    let mut world = World::new(&[2]);
    full(&mut world, 1);
    let place = world.enrol(1);
    let early = world.send(place, &[2], "early");
    world.connect(place);
    world.settle();
    let late = world.send(place, &[2], "late");
    world.settle();
    let refused = world.clients[place].refused.iter().map(|(number, failure)| (*number, failure.code));
    assert_eq!(refused.collect::<Vec<_>>(), [(early, Code::TooManyDevices), (late, Code::TooManyDevices)]);
    assert_eq!(troubles(&world, place), [Code::TooManyDevices], "told once");
}

#[test]
fn a_new_device_takes_the_place_of_one_that_the_server_does_not_know() {
    let mut world = World::new(&[2]);
    full(&mut world, 1);
    let place = world.enrol(1);
    let known = (101..130).map(|nth| [nth; 16]).chain([world.clients[place].me.1]).collect();
    let now_ms = world.now_ms;
    world.connect(place);
    world.clients[place].machine.handle_input(Input::OwnDevices(known), now_ms);
    world.settle();
    let list = listed(&world, 1);
    assert!(list.enrolment(world.clients[place].me.1).is_some() && list.enrolment([100; 16]).is_none());
    assert_eq!((list.devices.len(), list.revoked.len()), (64, 0));
    assert_eq!(troubles(&world, place), []);
    // Of those that the server knows none goes.
    let mut world = World::new(&[]);
    full(&mut world, 1);
    let place = world.enrol(1);
    world.connect(place);
    world.clients[place].machine.handle_input(Input::OwnDevices((100..164).map(|nth| [nth; 16]).collect()), now_ms);
    world.settle();
    assert_eq!(troubles(&world, place), [Code::TooManyDevices]);
}

/// Two of its devices put a list of the same number, apart from each other: one of them a full one.
#[test]
fn a_fork_of_a_full_list_is_mended() {
    let own = credential(1);
    // Whether the device stood on the full list, which was in force for it.
    for stood in [true, false] {
        let mut world = World::new(&[2]);
        full(&mut world, 1);
        let place = world.enrol(1);
        let (me, now_ms) = (world.clients[place].me.1, world.now_ms);
        if stood {
            let list = listed(&world, 1).without_lost([163; 16], now_ms).map(|list| account(1).sign_list(&list)).unwrap();
            world.server.lists.insert(own, list);
        }
        world.connect(place);
        world.settle();
        let before = listed(&world, 1);
        assert_eq!((before.devices.len(), before.enrolment(me).is_some()), (64, stood));
        // Of the same number, with a device that the other has not.
        world.clients[place].disconnect(now_ms);
        let (words, secret) = (words(1), account(1).secret_text());
        let enrolment = account(1).enrol(own, [200; 16], &DeviceKey::from_seed(&[200; 32]).public(), [9; 32], 200);
        let mut fork = DeviceList::first(&words, &secret, ListedDevice { device: [200; 16], enrolment }, now_ms);
        fork.counter = before.counter;
        world.server.lists.insert(own, account(1).sign_list(&fork));
        let known = (102..164).map(|nth| [nth; 16]).chain([[200; 16], me]).collect();
        world.connect(place);
        world.clients[place].machine.handle_input(Input::OwnDevices(known), now_ms);
        world.pass(60_000);
        let list = listed(&world, 1);
        assert!([me, [200; 16], [102; 16]].iter().all(|&device| list.enrolment(device).is_some()), "{stood}");
        assert!(list.enrolment([100; 16]).is_none() && list.counter > before.counter);
        assert_eq!((list.devices.len(), list.revoked.len()), (64, 0));
        world.send(place, &[2], "mended");
        world.pass(60_000);
        assert_eq!(world.clients[0].texts(), ["mended"]);
    }
}

#[test]
fn when_there_is_room_again_messages_go() {
    let mut world = World::new(&[2]);
    full(&mut world, 1);
    let place = world.enrol(1);
    world.connect(place);
    world.settle();
    let list = listed(&world, 1);
    let next = account(1).sign_list(&list.without([120; 16], world.now_ms).unwrap());
    world.server.lists.insert(credential(1), next);
    let (frame, now_ms) = (world.server.lists(0, &[credential(1)]), world.now_ms);
    world.clients[place].machine.handle_input(Input::Frame(frame), now_ms);
    world.settle();
    world.clients[place].send(letter(&[2], "at last"), now_ms);
    world.pass(60_000);
    assert_eq!(world.clients[0].texts(), ["at last"]);
}

/// A list that is taken is no try in vain: only conflicts in a row are counted.
#[test]
fn many_lists_can_be_put_on_one_connection() {
    let mut world = World::new(&[1]);
    for nth in 100..180 {
        let now_ms = world.now_ms;
        world.clients[0].machine.handle_input(Input::Revoke { device: [nth; 16] }, now_ms);
        world.settle();
    }
    assert_eq!(listed(&world, 1).revoked.len(), 80);
    assert_eq!(troubles(&world, 0), []);
}

/// A server that always has another list: the device pauses, says so, and goes on.
#[test]
fn a_device_whose_list_is_always_refused_pauses() {
    let mut world = World::new(&[1]);
    let now_ms = world.now_ms;
    world.clients[0].machine.handle_input(Input::Revoke { device: [9; 16] }, now_ms);
    let mut puts = 0;
    let client = &mut world.clients[0];
    let mut answer = |client: &mut super::device::Client, now_ms: i64| {
        while let Some(output) = client.machine.poll_output() {
            match output {
                Output::Persist { ticket, .. } => client.machine.handle_input(Input::Persisted { ticket }, now_ms),
                Output::Event(event) => client.events.push(event),
                Output::Frames(bytes) => {
                    for frame in frames(&bytes) {
                        let Ok(Frame::PutList { ticket, list }) = frame else { continue };
                        let put = read_list(list.0).unwrap();
                        assert!(puts < 200, "it never pauses");
                        puts += 1;
                        // Another device was faster.
                        let (words, secret) = (words(1), account(1).secret_text());
                        let mut other = DeviceList::first(&words, &secret, put.devices[0], now_ms);
                        other.counter = put.counter;
                        let other = account(1).sign_list(&other);
                        let mut answer = vec![];
                        let (code, list) = (424, Rest(&other));
                        Frame::ListPut { ticket, code, list }.write(&mut answer);
                        client.machine.handle_input(Input::Frame(answer), now_ms);
                    }
                }
                _ => {}
            }
        }
        puts
    };
    assert_eq!(answer(client, now_ms), 64);
    assert_eq!(
        client.events.iter().filter(|event| matches!(event, KeyEvent::Trouble(Failure { code: Code::ListConflict, .. }))).count(),
        1
    );
    let due_ms = client.machine.poll_timeout().unwrap();
    assert!(due_ms <= now_ms + 30_000);
    client.machine.handle_timeout(now_ms + 30_000);
    assert_eq!(answer(client, now_ms + 30_000), 128, "and goes on");
}
