//! Groups: members are authenticated, keys are renewed, who left reads nothing more.

use std::collections::BTreeSet;

use msr_crypto::*;
use msr_protocol::Credential;
use msr_protocol::v2::Bytes16;

use super::device::credential;
use super::world::World;

type Member = (Credential, Bytes16);

const HUB: Bytes16 = [0x4b; 16];

fn members(devices: &BTreeSet<Member>) -> BTreeSet<Credential> {
    devices.iter().map(|device| device.0).collect()
}

/// Gives a key over the sessions, and lets those take it that get it.
fn share(world: &mut World, from: usize, group: &Group, devices: &BTreeSet<Member>, keys: &mut [GroupKeys]) {
    let now_ms = world.now_ms;
    let share = Input::ShareGroupKey { devices: devices.iter().copied().collect(), key: group.key() };
    world.clients[from].machine.handle_input(share, now_ms);
    world.settle();
    for (client, keys) in world.clients.iter_mut().zip(keys) {
        for event in std::mem::take(&mut client.events) {
            if let KeyEvent::GroupKey { credential, device, key } = event {
                keys.accept((credential, device), &key.0).unwrap();
            }
        }
    }
}

#[test]
fn members_read_and_who_left_does_not() {
    let mut world = World::new(&[1, 2, 3]);
    // One meets the others first: a key is given to listed devices alone.
    world.send(0, &[2, 3], "hello");
    world.settle();
    let mut keys: Vec<_> = (0..3).map(|_| GroupKeys::default()).collect();
    let me = world.clients[0].me;
    let all: BTreeSet<Member> = world.clients.iter().map(|client| client.me).collect();
    let mut group = Group::new(HUB, me, all.clone(), world.now_ms);
    share(&mut world, 0, &group, &all, &mut keys);
    let sealed = group.seal(b"to all", &all, world.now_ms).unwrap();
    for keys in &mut keys[1..] {
        let opened = keys.open(HUB, &members(&all), &sealed).unwrap();
        assert_eq!(opened, GroupOpened { hub: HUB, sender: me, text: b"to all".to_vec() });
        assert_eq!(keys.open(HUB, &members(&all), &sealed), Err(GroupError::Replay));
        assert_eq!(keys.open([0; 16], &members(&all), &sealed), Err(GroupError::Forged));
    }
    // Three leaves: the key must be renewed, and three never gets the next.
    let fewer: BTreeSet<Member> = all.iter().copied().filter(|device| device.0 != credential(3)).collect();
    assert_eq!(group.seal(b"no", &fewer, world.now_ms), Err(GroupError::Stale));
    let mut group = Group::new(HUB, me, fewer.clone(), world.now_ms);
    share(&mut world, 0, &group, &fewer, &mut keys);
    let sealed = group.seal(b"to fewer", &fewer, world.now_ms).unwrap();
    assert!(keys[1].open(HUB, &members(&fewer), &sealed).is_ok());
    assert_eq!(keys[2].open(HUB, &members(&fewer), &sealed), Err(GroupError::UnknownKey));
    // Nor is anything of three's taken any more.
    let three = world.clients[2].me;
    let mut theirs = Group::new(HUB, three, all.clone(), world.now_ms);
    keys[1].accept(three, &theirs.key().0).unwrap();
    let sealed = theirs.seal(b"I am still here", &all, world.now_ms).unwrap();
    assert_eq!(keys[1].open(HUB, &members(&fewer), &sealed), Err(GroupError::Forged));
}

#[test]
fn a_key_is_its_bringers() {
    let (one, two) = ((credential(1), [1; 16]), (credential(2), [2; 16]));
    let devices: BTreeSet<Member> = [one, two].into();
    let mut group = Group::new(HUB, one, devices.clone(), 0);
    let mut keys = GroupKeys::default();
    // Two passes one's key off as its own: what one seals does not say so inside.
    keys.accept(two, &group.key().0).unwrap();
    let sealed = group.seal(b"by one", &devices, 0).unwrap();
    assert_eq!(keys.open(HUB, &members(&devices), &sealed), Err(GroupError::Forged));
    assert_eq!(keys.accept(one, &group.key().0), Err(GroupError::Forged));
    let mut keys = GroupKeys::default();
    let mut group = Group::new(HUB, one, devices.clone(), 0);
    keys.accept(one, &group.key().0).unwrap();
    let sealed = group.seal(b"exact", &devices, 0).unwrap();
    for at in 0..sealed.len() {
        let mut flipped = sealed.clone();
        flipped[at] ^= 1;
        assert!(keys.open(HUB, &members(&devices), &flipped).is_err(), "{at}");
    }
    assert!(keys.open(HUB, &members(&devices), &sealed).is_ok());
}

#[test]
fn keys_wear_out_and_outlive_a_restart() {
    let one = (credential(1), [1; 16]);
    let devices: BTreeSet<Member> = [one].into();
    let mut group = Group::new(HUB, one, devices.clone(), 1_000);
    let mut keys = GroupKeys::default();
    keys.accept(one, &group.key().0).unwrap();
    let mut sealed = vec![];
    for nth in 0..machine_limits::GROUP_MESSAGES {
        sealed.push(group.seal(&nth.to_le_bytes(), &devices, 1_000).unwrap());
        group = Group::decode(&group.encode().0, one, devices.clone()).unwrap();
    }
    assert_eq!(group.seal(b"one too many", &devices, 1_000), Err(GroupError::Stale));
    // In any order, over a restart, once.
    for (nth, header) in sealed.iter().enumerate().rev() {
        let opened = keys.open(HUB, &members(&devices), header).unwrap();
        assert_eq!(opened.text, (nth as u64).to_le_bytes());
        if nth % 25 == 0 {
            let mut restored = GroupKeys::default();
            keys.encode().iter().for_each(|record| restored.restore(&record.0).unwrap());
            keys = restored;
        }
        assert_eq!(keys.open(HUB, &members(&devices), header), Err(GroupError::Replay));
    }
    let group = Group::new(HUB, one, devices.clone(), 1_000);
    assert!(!group.is_stale(&devices, 1_000 + machine_limits::GROUP_AGE_MS - 1));
    assert!(group.is_stale(&devices, 1_000 + machine_limits::GROUP_AGE_MS) && group.is_stale(&devices, 999));
    let more: BTreeSet<Member> = [one, (credential(1), [2; 16])].into();
    assert!(group.is_stale(&more, 1_000));
}
