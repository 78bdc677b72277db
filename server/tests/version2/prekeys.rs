//! Prekeys: each one-time key is handed out once.

use std::collections::BTreeSet;

use msr_protocol::v2::{Frame, List, PeerDevice, Varint};
use tokio::task::JoinSet;

use crate::client::{Heard, encoded};
use crate::keyed::{Keyed, claim, put_keys, put_list};
use crate::room::Room;

#[tokio::test(start_paused = true)]
async fn one_time_keys_first_then_the_fallback() {
    let room = Room::new();
    let (mut ann, mut bob) = (Keyed::new("Ann", 1), Keyed::new("Bob", 2));
    let (mut on_ann, _) = ann.register(&room).await;
    let (mut on_bob, _) = bob.register(&room).await;
    let nobody = PeerDevice { device: [9; 16], ..ann.of() };
    assert_eq!(claim(&mut on_bob, &[ann.of(), nobody]).await, (200, vec![]), "nobody has any");
    let one_time: Vec<_> = (1..=3).map(|number| ann.prekey(number, false)).collect();
    let fallback = ann.prekey(100, true);
    assert_eq!(put_keys(&mut on_ann, Some(&fallback), &one_time).await, (200, 3));
    assert_eq!(put_keys(&mut on_ann, None, &one_time).await, (200, 3), "the same again are no more");
    let device = ann.of().device;
    assert_eq!(claim(&mut on_bob, &[ann.of(), nobody, ann.of()]).await, (200, vec![(device, one_time[0].clone())]), "each once");
    let room = {
        let (mut on_ann, _) = (on_ann, on_bob);
        assert_eq!(on_ann.next().await, Heard::Keys { ticket: 0, code: 200, one_time: 2 });
        room.restart().await
    };
    let (mut on_ann, greeted) = ann.register(&room).await;
    assert_eq!(greeted.one_time, 2);
    let (mut on_bob, _) = bob.register(&room).await;
    for (key, left) in [(&one_time[1], 1), (&one_time[2], 0)] {
        assert_eq!(claim(&mut on_bob, &[ann.of()]).await, (200, vec![(device, key.clone())]));
        assert_eq!(on_ann.next().await, Heard::Keys { ticket: 0, code: 200, one_time: left });
    }
    for _ in 0..2 {
        assert_eq!(claim(&mut on_bob, &[ann.of()]).await, (200, vec![(device, fallback.clone())]));
    }
    on_ann.nothing_else().await;
    let next = ann.prekey(101, true);
    assert_eq!(put_keys(&mut on_ann, Some(&next), &[]).await, (200, 0));
    assert_eq!(claim(&mut on_bob, &[ann.of()]).await, (200, vec![(device, next)]), "the newer fallback replaces");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_race_for_one_key() {
    let room = Room::new();
    let mut ann = Keyed::new("Ann", 1);
    let (mut on_ann, _) = ann.register(&room).await;
    let (only, fallback) = (ann.prekey(1, false), ann.prekey(2, true));
    assert_eq!(put_keys(&mut on_ann, Some(&fallback), std::slice::from_ref(&only)).await, (200, 1));
    let mut racing = JoinSet::new();
    for number in 0..100 {
        let (mut client, _) = Keyed::new(&format!("Peer {number}"), number).register(&room).await;
        let of = ann.of();
        racing.spawn(async move { claim(&mut client, &[of]).await });
    }
    let mut got: Vec<Vec<u8>> = racing.join_all().await.into_iter().map(|(_, keys)| keys[0].1.clone()).collect();
    got.retain(|key| *key != fallback);
    assert_eq!(got, [only]);
}

#[tokio::test(start_paused = true)]
async fn only_so_many_are_kept() {
    let room = Room::new();
    let (mut ann, mut bob) = (Keyed::new("Ann", 1), Keyed::new("Bob", 2));
    let (mut on_ann, _) = ann.register(&room).await;
    let (mut on_bob, _) = bob.register(&room).await;
    let keys: Vec<_> = (0..130).map(|number| ann.prekey(number, false)).collect();
    assert_eq!(put_keys(&mut on_ann, None, &keys[..60]).await, (200, 60));
    assert_eq!(put_keys(&mut on_ann, None, &keys[60..]).await, (200, 100), "the surplus is dropped");
    let mut taken = BTreeSet::new();
    for left in (0..100).rev() {
        let (_, keys) = claim(&mut on_bob, &[ann.of()]).await;
        assert!(taken.insert(keys[0].1.clone()), "handed out twice");
        if left < 20 {
            assert_eq!(on_ann.next().await, Heard::Keys { ticket: 0, code: 200, one_time: left });
        } else {
            on_ann.nothing_else().await;
        }
    }
    assert_eq!(claim(&mut on_bob, &[ann.of()]).await, (200, vec![]));
    assert_eq!(taken, keys[..100].iter().cloned().collect());
}

#[tokio::test(start_paused = true)]
async fn what_is_no_key_of_the_device() {
    let room = Room::new();
    let (mut ann, bob) = (Keyed::new("Ann", 1), Keyed::new("Bob", 1));
    let (mut client, _) = ann.register(&room).await;
    let (good, fallback) = (ann.prekey(1, false), ann.prekey(2, true));
    let mut damaged = good.clone();
    damaged[0] ^= 1;
    for bad in [Vec::new(), b"key".to_vec(), damaged, bob.prekey(1, false), fallback.clone(), [good.clone(), vec![0]].concat()] {
        assert_eq!(put_keys(&mut client, None, &[good.clone(), bad]).await, (425, 0));
    }
    assert_eq!(put_keys(&mut client, Some(&good), &[]).await, (425, 0), "a fallback says that it is one");
    let (mut old, _) = room.enter("Old").await;
    assert_eq!(put_keys(&mut old, Some(&fallback), &[]).await, (425, 0));
    assert_eq!(claim(&mut old, &[ann.of()]).await, (451, vec![]));
    let many = Frame::Claim { ticket: Varint(7), devices: List(vec![ann.of(); 257]) };
    client.send(&encoded(&many)).await;
    assert_eq!(client.next().await, Heard::Claimed { ticket: 7, code: 451, keys: vec![] });
}

#[tokio::test(start_paused = true)]
async fn keys_go_with_the_device() {
    let room = Room::new();
    let (mut phone, mut laptop) = (Keyed::new("Ann", 1), Keyed::new("Ann", 2));
    let (mut on_phone, _) = phone.register(&room).await;
    let (mut on_laptop, _) = laptop.register(&room).await;
    assert_eq!(put_keys(&mut on_laptop, Some(&laptop.prekey(1, true)), &[laptop.prekey(2, false)]).await, (200, 1));
    let list = phone.list(1, &[phone.listed()], &[laptop.device.device]);
    put_list(&mut on_phone, &list).await;
    assert_eq!(claim(&mut on_phone, &[laptop.of()]).await, (200, vec![]));
}
