//! Who gets a message is decided when it is accepted. Case 23; the members here are the devices of a peer.

use msr_protocol::v2::Frame;
use msr_tests::ServerProcess;
use msr_tests::frames::{Device, Parcel};

use crate::{away, bob_away, expect_texts, online, texts};

/// A new device starts with what waits for the peer, and gets what comes after it; what was acknowledged before, it does
/// not.
#[tokio::test]
async fn a_new_device_starts_with_what_waits() {
    let mut server = ServerProcess::start().await;
    let mut phone_device = bob_away(&server).await;
    let to = [phone_device.credential()];
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    for number in 1..=10 {
        alice.send(number, &to, number.to_string()).await;
    }
    alice.accepted(10).await;
    let mut phone = phone_device.connect(server.port).await;
    expect_texts(&mut phone_device, &mut phone, texts(1..=4)).await;
    phone.until_pong().await;
    let mut tablet_device = away(&server, "Bob", "tablet").await;
    alice.send(11, &to, "11").await;
    alice.accepted(11).await;
    server.kill().await;
    server = server.restart().await;
    let mut tablet = tablet_device.connect(server.port).await;
    expect_texts(&mut tablet_device, &mut tablet, texts(5..=11)).await;
    tablet.nothing_else().await;
    let mut phone = phone_device.connect(server.port).await;
    expect_texts(&mut phone_device, &mut phone, texts(5..=11)).await;
}

/// Devices come and go while messages are accepted: each gets, in order, everything from some message on, and the one that
/// stays gets all.
#[tokio::test]
async fn devices_change_while_messages_are_under_way() {
    let server = ServerProcess::start().await;
    let (mut stays_device, mut stays) = online(&server, "Bob", "stays").await;
    let to = [stays_device.credential()];
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    const ALL: u64 = 600;
    let sending = async {
        for first in (1..=ALL).step_by(20) {
            let parcels: Vec<_> = (first..first + 20).map(|number| Parcel::new(number, &to, number.to_string())).collect();
            alice.send_all(&parcels).await;
            alice.accepted(first + 19).await;
        }
    };
    let staying = async {
        expect_texts(&mut stays_device, &mut stays, texts(1..=ALL)).await;
        stays.until_pong().await
    };
    let changing = async {
        let mut devices = Vec::new();
        for nth in 0..12 {
            let mut device = Device::new("Bob", &format!("new {nth}"));
            let mut client = device.connect(server.port).await;
            if nth % 3 == 0 {
                client.say(&Frame::Retire { device: device.id }).await;
                client.ended().await;
            } else {
                client.bye().await;
                devices.push(device);
            }
        }
        devices
    };
    let ((), more, devices) = tokio::join!(sending, staying, changing);
    assert_eq!(more, []);
    for mut device in devices {
        let mut client = device.connect(server.port).await;
        let waiting = client.welcome.waiting;
        assert!(!client.welcome.gap);
        if waiting > 0 {
            expect_texts(&mut device, &mut client, texts(ALL - waiting + 1..=ALL)).await;
        }
        client.nothing_else().await;
    }
}
