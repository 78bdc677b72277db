//! Devices that leave the list by themselves, and lists that are full.

use msr_crypto::{Input, KeyEvent, PeerChange};
use msr_protocol::Code;
use msr_protocol::v2::Frame;
use msr_tests::ServerProcess;
use msr_tests::keyed::{Own, Person, Slot, draft};

use crate::{online, secrets};

/// A device that says so is off the list, and not revoked: it can come back.
#[tokio::test]
async fn a_device_that_leaves_is_off_the_list_and_may_come_back() {
    let server = ServerProcess::start().await;
    let (ann, bob) = (Person::new("Ann"), Person::new("Bob"));
    let (_laptop_slot, mut laptop) = online(&server, &ann).await;
    let (passing_slot, mut passing) = online(&server, &ann).await;
    let (_bob_slot, mut sender) = online(&server, &bob).await;
    sender.send(ann.credential(), "to both").await;
    assert_eq!((laptop.secret().await, passing.secret().await), ("to both".to_owned(), "to both".to_owned()));
    let device = passing.told().device.unwrap();
    passing.tell_keys(Input::Leave).await;
    passing.heard("that it is off the list", |heard| heard.events.contains(&KeyEvent::Revoked { device })).await;
    laptop.peer_change(ann.credential(), PeerChange::OwnDeviceRemoved(device)).await;
    sender.send(ann.credential(), "to the laptop").await;
    assert_eq!(laptop.secret().await, "to the laptop");
    passing.kill(&passing_slot).await;
    let mut again = passing_slot.start(server.port);
    again.listed().await;
    sender.send(ann.credential(), "to both again").await;
    assert_eq!(secrets(&mut laptop, 1).await, ["to both again"]);
    // What was sent while it was off the list its sibling gives it.
    let mut read = secrets(&mut again, 2).await;
    read.sort();
    assert_eq!(read, ["to both again", "to the laptop"]);
    again.send(bob.credential(), "from one that came back").await;
    assert_eq!(sender.secret().await, "from one that came back");
}

/// The list of a person, full of devices of numbers from 100 on. Those before `known` are connected, and so the server knows them.
async fn fill(server: &ServerProcess, person: &Person, known: u8) {
    let mut list = Vec::new();
    for number in 100..164 {
        list = Own::new(person, number).list_after(&list);
    }
    let mut first = Own::new(person, 100).register(server.port).await.ok().unwrap();
    assert_eq!(first.put_list(&list).await.unwrap().0, 200);
    for number in 101..known {
        Own::new(person, number).register(server.port).await.ok().unwrap();
    }
}

/// Of 64 devices on the list the server forgets those that stay away, and a new one takes their place: nobody has to revoke them.
#[tokio::test]
async fn a_full_list_of_devices_that_are_no_more_takes_a_new_one() {
    let server = ServerProcess::start().await;
    let (ann, bob) = (Person::new("Ann"), Person::new("Bob"));
    fill(&server, &ann, 103).await;
    let (_bob_slot, mut reader) = online(&server, &bob).await;
    let (_slot, new) = online(&server, &ann).await;
    let heard = new.told();
    assert_eq!((heard.listed.len(), heard.listed.contains(&[100; 16]), heard.listed.contains(&[103; 16])), (64, true, false));
    let is_trouble = |event: &&KeyEvent| matches!(event, KeyEvent::Trouble(_));
    assert_eq!(heard.events.iter().find(is_trouble), None);
    new.send(bob.credential(), "from the new one").await;
    assert_eq!(reader.secret().await, "from the new one");
}

/// Where the server does not say whom it knows there is no room, and whoever sends is told so at once.
#[tokio::test]
async fn who_finds_no_room_on_the_list_is_told_so_at_once() {
    let relay = msr_tests::relay::Relay::new().await;
    let server = msr_tests::Settings::default().with("HOSTS", format!("127.0.0.1:{}", relay.port)).start().await;
    relay.lead_to(server.port);
    relay.with(|_, frame, bytes, on| {
        if !matches!(frame, Frame::Devices { .. }) {
            on.extend_from_slice(bytes);
        }
        true
    });
    let (ann, bob) = (Person::new("Ann"), Person::new("Bob"));
    fill(&server, &ann, 101).await;
    let (_bob_slot, _bobs) = online(&server, &bob).await;
    let new = Slot::new(&ann, server.port).start(relay.port);
    new.registered().await;
    let refused = new.sending(draft(&[bob.credential()], "nowhere")).await.unwrap();
    assert_eq!(refused.unwrap_err().code, Code::TooManyDevices);
}
