//! Lists of devices: the newest one counts, for everybody.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use msr_crypto::{AccountKey, read_list};
use msr_protocol::Credential;
use msr_protocol::v2::{DeviceHeader, Frame, List, Rest, Varint, flags};
use tokio::task::JoinSet;

use crate::client::{Client, Heard, encoded};
use crate::keyed::{Keyed, claim, get_lists, put_keys, put_list};
use crate::room::{Room, TTL};

#[tokio::test(start_paused = true)]
async fn a_list_is_kept_and_told() {
    let room = Room::new();
    let (mut phone, mut laptop) = (Keyed::new("Ann", 1), Keyed::new("Ann", 2));
    let (mut on_phone, _) = phone.register(&room).await;
    let (mut on_laptop, _) = laptop.register(&room).await;
    let (mut bob, _) = Keyed::new("Bob", 3).register(&room).await;
    let list = phone.list(1, &[phone.listed(), laptop.listed()], &[]);
    assert_eq!(put_list(&mut on_phone, &list).await, (200, list.clone()));
    assert_eq!(on_laptop.next().await, Heard::Lists { ticket: 0, lists: vec![(phone.credential(), list.clone())] });
    assert_eq!(get_lists(&mut bob, &[phone.credential()]).await, [(phone.credential(), list.clone())]);
    on_phone.nothing_else().await;
    let room = room.restart().await;
    assert_eq!(laptop.register(&room).await.1.list, list);
}

#[tokio::test(start_paused = true)]
async fn an_older_list_is_a_conflict() {
    let room = Room::new();
    let mut ann = Keyed::new("Ann", 1);
    let (mut client, _) = ann.register(&room).await;
    let fifth = ann.list(5, &[ann.listed()], &[]);
    assert_eq!(put_list(&mut client, &fifth).await, (200, fifth.clone()));
    for older in [ann.list(5, &[], &[]), ann.list(4, &[ann.listed()], &[]), ann.list(1, &[ann.listed()], &[])] {
        assert_eq!(put_list(&mut client, &older).await, (424, fifth.clone()));
    }
    assert_eq!(put_list(&mut client, &fifth).await, (200, fifth.clone()), "said again, it is there");
    let seventh = ann.list(7, &[ann.listed()], &[]);
    assert_eq!(put_list(&mut client, &seventh).await, (200, seventh));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_list_of_the_peer() {
    let room = Room::new();
    let (mut ann, bob) = (Keyed::new("Ann", 1), Keyed::new("Bob", 1));
    let (mut client, _) = ann.register(&room).await;
    let good = ann.list(1, &[ann.listed()], &[]);
    assert_eq!(put_list(&mut client, &good).await.0, 200);
    let mut damaged = ann.list(2, &[ann.listed()], &[]);
    *damaged.last_mut().unwrap() ^= 1;
    let mut of_another_account = Keyed::new("Ann", 1);
    of_another_account.account = AccountKey::from_seed(&[66; 32]);
    let too_long = ann.list(2, &[], &(0..=255).map(|number| [number; 16]).collect::<Vec<_>>()).repeat(4);
    for bad in [
        Vec::new(),
        b"list".to_vec(),
        damaged,
        too_long,
        bob.list(2, &[bob.listed()], &[]),
        ann.list(2, &[bob.listed()], &[]),
        ann.list(2, &[ann.listed(), ann.listed()], &[]),
        of_another_account.list(2, &[ann.listed()], &[]),
    ] {
        assert_eq!(put_list(&mut client, &bad).await, (425, good.clone()));
    }
    // An identity by MD5 has no list.
    let (mut client, _) = room.enter("Old").await;
    assert_eq!(put_list(&mut client, &good).await, (425, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn eight_devices_add_themselves_at_once() {
    let room = Room::new();
    let mut entered = Vec::new();
    for number in 1..=8 {
        let mut own = Keyed::new("Ann", number);
        entered.push((own.register(&room).await.0, own));
    }
    let mut racing = JoinSet::new();
    for (client, own) in entered {
        racing.spawn(add_itself(client, own));
    }
    let conflicts: usize = racing.join_all().await.into_iter().sum();
    assert!(conflicts > 0, "nobody had to try again");
    let (mut bob, _) = Keyed::new("Bob", 9).register(&room).await;
    let lists = get_lists(&mut bob, &[Keyed::new("Ann", 1).credential()]).await;
    let list = read_list(&lists[0].1).unwrap();
    assert_eq!((list.devices.len(), list.counter), (8, 8));
}

/// Adds the device to the list that was last heard of, until that is the newest; gives how often it was not.
async fn add_itself(mut client: Client, own: Keyed) -> usize {
    let mut known = Vec::new();
    for conflicts in 0.. {
        let next = match read_list(&known) {
            Ok(list) => own.account.sign_list(&list.with_device(own.listed(), 5).unwrap()),
            Err(_) => own.list(1, &[own.listed()], &[]),
        };
        client.send(&encoded(&Frame::PutList { ticket: Varint(5), list: Rest(&next) })).await;
        loop {
            match client.next().await {
                Heard::ListPut { code: 200, list, .. } => {
                    assert_eq!(list, next);
                    return conflicts;
                }
                Heard::ListPut { code: 424, list, .. } => {
                    known = list;
                    break;
                }
                Heard::Lists { ticket: 0, .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
    unreachable!("it is the newest at some time")
}

#[tokio::test(start_paused = true)]
async fn who_is_unknown_is_left_out() {
    let room = Room::new();
    let (mut ann, mut bob) = (Keyed::new("Ann", 1), Keyed::new("Bob", 1));
    let (mut client, _) = ann.register(&room).await;
    let (_bob, _) = bob.register(&room).await;
    let (_old, old) = room.enter("Old").await;
    let list = ann.list(1, &[ann.listed()], &[]);
    put_list(&mut client, &list).await;
    let nobody = Credential([9; 16]);
    let asked = [nobody, ann.credential(), bob.credential(), old.credential()];
    let told = get_lists(&mut client, &asked).await;
    assert_eq!(told, [(ann.credential(), list), (bob.credential(), Vec::new()), (old.credential(), Vec::new())]);
    let many = Frame::GetLists { ticket: Varint(1), peers: List(vec![nobody; 65]) };
    client.send(&encoded(&many)).await;
    assert_eq!(client.next().await, Heard::Trouble { code: 451 });
    client.send(&encoded(&Frame::GetLists { ticket: Varint(0), peers: List(Vec::new()) })).await;
    assert_eq!(client.close_code().await, 4400);
}

#[tokio::test(start_paused = true)]
async fn who_stays_away_is_forgotten_with_list_and_keys() {
    static WALL_MS: AtomicI64 = AtomicI64::new(1_700_000_000_000);
    let room = Room::with_clock(|| WALL_MS.load(Ordering::Relaxed));
    let (mut ann, mut bob) = (Keyed::new("Ann", 1), Keyed::new("Bob", 2));
    for own in [&mut ann, &mut bob] {
        let (mut client, _) = own.register(&room).await;
        put_list(&mut client, &own.list(1, &[own.listed()], &[])).await;
        put_keys(&mut client, Some(&own.prekey(1, true)), &[]).await;
    }
    room.until(|counts| counts.peers == 0).await;
    WALL_MS.fetch_add(TTL.as_millis() as i64 / 2, Ordering::Relaxed);
    let (mut on_bob, _) = bob.register(&room).await;
    let both = [ann.credential(), bob.credential()];
    assert_eq!(get_lists(&mut on_bob, &both).await.len(), 2);
    WALL_MS.fetch_add(TTL.as_millis() as i64 / 2 + 1, Ordering::Relaxed);
    let mut seconds = 0;
    while get_lists(&mut on_bob, &both).await.len() == 2 {
        seconds += 5;
        assert!(seconds < 10_000, "nobody is forgotten");
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    assert_eq!(get_lists(&mut on_bob, &both).await[0].0, bob.credential());
    let (_, keys) = claim(&mut on_bob, &[ann.of(), bob.of()]).await;
    assert_eq!(keys.len(), 1, "{keys:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_sealed_must_fit_the_list_that_was_put() {
    let room = Room::new();
    let (mut ann, mut phone, mut laptop) = (Keyed::new("Ann", 1), Keyed::new("Bob", 2), Keyed::new("Bob", 3));
    let (mut on_ann, _) = ann.register(&room).await;
    let (mut on_phone, _) = phone.register(&room).await;
    let (mut on_laptop, _) = laptop.register(&room).await;
    put_list(&mut on_ann, &ann.list(1, &[ann.listed()], &[])).await;
    put_list(&mut on_phone, &phone.list(1, &[phone.listed()], &[])).await;
    let sealed = |number: u64, devices: &[&Keyed]| {
        let headers = devices.iter().map(|own| DeviceHeader { device: own.device.device, header: b"header" });
        encoded(&Frame::Send {
            number: Varint(number),
            flags: flags::SEALED,
            expire_after_ms: Varint(1_000_000),
            recipients: List(vec![phone.credential()]),
            device_headers: List(headers.collect()),
            reply_to: None,
            subject: "\"\"",
            payload: Rest(b"sealed"),
        })
    };
    on_ann.send(&sealed(1, &[&phone])).await;
    on_ann.accepted(1).await;
    let second = laptop.list(2, &[phone.listed(), laptop.listed()], &[]);
    put_list(&mut on_laptop, &second).await;
    on_ann.send(&sealed(2, &[&phone])).await;
    assert_eq!(on_ann.next().await, Heard::Lists { ticket: 0, lists: vec![(phone.credential(), second)] });
    assert_eq!(on_ann.next().await, Heard::Rejected { number: 2, code: 521 });
    on_ann.send(&sealed(2, &[&phone, &laptop])).await;
    on_ann.accepted(2).await;
    put_list(&mut on_phone, &phone.list(3, &[phone.listed()], &[laptop.device.device])).await;
    on_ann.send(&sealed(3, &[&phone, &laptop])).await;
    assert!(matches!(on_ann.next().await, Heard::Lists { ticket: 0, .. }));
    assert_eq!(on_ann.next().await, Heard::Rejected { number: 3, code: 521 });
}
