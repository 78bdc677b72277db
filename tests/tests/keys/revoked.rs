//! A device that was revoked: out at once, out for good, and nothing is sealed for it any more.

use msr_client::native::Sent;
use msr_crypto::{Input, KeyEvent, PeerChange};
use msr_protocol::Code;
use msr_protocol::v2::{Bytes16, Frame, frames};
use msr_tests::keyed::{Person, draft};
use msr_tests::relay::{Capture, From, Relay};
use msr_tests::{Settings, within};

use crate::{online, secrets, through};

/// What a sender offered and was told, in order: the numbers of sealed messages and whether they were sealed for that device; the
/// refusals.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Offered { for_it: bool },
    Stale,
}

fn steps(capture: &Capture, of: Bytes16) -> Vec<Step> {
    let mut steps = Vec::new();
    for (from, bytes) in capture.all() {
        for frame in frames(&bytes).flatten() {
            match (from, frame) {
                (From::Client(_), Frame::Send { device_headers, .. }) => {
                    steps.push(Step::Offered { for_it: device_headers.0.iter().any(|header| header.device == of) });
                }
                (From::Server(_), Frame::Rejected { code, .. }) => {
                    assert!(code == 521 || code == 520, "{code}");
                    steps.push(Step::Stale);
                }
                _ => {}
            }
        }
    }
    steps
}

#[tokio::test]
async fn a_revoked_device_is_out_for_good() {
    const MESSAGES: usize = 20;
    let relay = Relay::new().await;
    let server = Settings::default().with("HOSTS", format!("127.0.0.1:{}", relay.port)).start().await;
    relay.lead_to(server.port);
    let (ann, bob) = (Person::new("Ann"), Person::new("Bob"));
    let (_laptop_slot, mut laptop) = online(&server, &ann).await;
    let (phone_slot, mut phone) = online(&server, &ann).await;
    let (tablet_slot, tablet) = online(&server, &ann).await;
    let (_bob_slot, sender) = through(relay.port, &server, &bob).await;
    sender.send(ann.credential(), "to all three").await;
    for device in [&mut laptop, &mut phone] {
        assert_eq!(device.secret().await, "to all three");
    }
    let gone = phone.told().device.unwrap();
    tablet.kill(&tablet_slot).await;
    laptop.tell_keys(Input::Revoke { device: gone }).await;
    laptop.heard("the revocation", |heard| heard.events.contains(&KeyEvent::Revoked { device: gone })).await;
    assert_eq!(phone.refused().await, Code::DeviceRevoked);
    // Bob has the old list still, and many messages under way at once.
    let sending: Vec<_> = (0..MESSAGES).map(|number| sender.sending(draft(&[ann.credential()], &format!("after {number:02}")))).collect();
    for sent in sending {
        let sent = within("the acceptance", sent).await.unwrap().unwrap();
        assert!(matches!(sent, Sent::Accepted { .. }), "{sent:?}");
    }
    let texts: Vec<_> = (0..MESSAGES).map(|number| format!("after {number:02}")).collect();
    assert_eq!(secrets(&mut laptop, MESSAGES).await, texts, "once each, in order");
    let mut tablet = tablet_slot.start(server.port);
    assert_eq!(tablet.secret().await, "to all three");
    assert_eq!(secrets(&mut tablet, MESSAGES).await, texts);
    sender.peer_change(ann.credential(), PeerChange::DeviceRemoved(gone)).await;
    let steps = steps(&relay.capture, gone);
    assert!(steps.contains(&Step::Stale), "the old list was found old: {steps:?}");
    let last = steps.iter().rposition(|step| *step == Step::Stale).unwrap();
    assert!(steps[last..].iter().all(|step| *step != Step::Offered { for_it: true }), "nothing was sealed for it after: {steps:?}");
    // It cannot come back, nor as itself enrolled anew; and it cannot be listed again.
    assert_eq!(phone.untaken(), Vec::<String>::new(), "it got nothing more");
    phone.kill(&phone_slot).await;
    let mut again = phone_slot.start(server.port);
    assert_eq!(again.refused().await, Code::DeviceRevoked);
    again.kill(&phone_slot).await;
    std::fs::remove_dir_all(phone_slot.path().join("keys")).unwrap();
    let mut again = phone_slot.start(server.port);
    assert_eq!(again.refused().await, Code::DeviceRevoked);
    // Nothing came twice.
    sender.send(ann.credential(), "last").await;
    assert_eq!(laptop.secret().await, "last");
    assert_eq!(tablet.secret().await, "last");
}
