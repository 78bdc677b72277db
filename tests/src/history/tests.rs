//! Wrong histories, each found out.

use super::*;

const ALICE: DeviceId = DeviceId(1);
const BOB: DeviceId = DeviceId(2);
const BOBS_OTHER: DeviceId = DeviceId(3);

fn first(number: u64) -> Name {
    Name { sender: ALICE, number }
}

/// Alice has one device, Bob has two.
fn history(alice: &str, bob: &str, other: &str) -> History {
    let mut history = History::default();
    for (device, peer, lines) in [(ALICE, 1, alice), (BOB, 2, bob), (BOBS_OTHER, 2, other)] {
        history.device(device, PeerId(peer));
        for line in lines.split("; ").filter(|line| !line.is_empty()) {
            history.add(device, line.parse().unwrap());
        }
    }
    history
}

const SENT: &str = "sent 1 2; accepted 1; sent 2 2; accepted 2";
const HANDLED: &str = "called 1:1; settled 1:1; called 1:2; settled 1:2";

#[test]
fn a_right_history_holds() {
    let history = history(SENT, HANDLED, HANDLED);
    history.assert_holds();
    assert_eq!(history.counts(), Counts { accepted: 2, handled: 4, ..Counts::default() });
}

#[test]
fn lost() {
    let history = history(SENT, HANDLED, "called 1:1; settled 1:1");
    assert_eq!(history.faults(), [Fault::Lost(first(2), BOBS_OTHER)]);
}

#[test]
fn what_was_not_accepted_may_be_lost_or_arrive() {
    history("sent 1 2", "", "").assert_holds();
    history("sent 1 2", "called 1:1; settled 1:1", "").assert_holds();
}

#[test]
fn reported_is_not_lost() {
    let history = history("sent 1 2; accepted 1; reported 1 2 416", "", "called 1:1; settled 1:1");
    history.assert_holds();
    assert_eq!(history.counts().reported, 2);
}

#[test]
fn doubled() {
    for repeated in ["called 1:1; called 1:1", "called 1:1; settled 1:1; called 1:1", "called 1:1; settled 1:1; killed; called 1:1"] {
        let history = history("sent 1 2", repeated, "");
        assert!(history.faults().contains(&Fault::Doubled(first(1), BOB)), "{repeated}");
    }
}

#[test]
fn a_kill_allows_what_it_cut_off_once() {
    let cut_off = history("sent 1 2", "called 1:1; killed; called 1:1; settled 1:1", "");
    cut_off.assert_holds();
    assert_eq!((cut_off.counts().kills, cut_off.counts().repeated), (1, 1));
    let twice = history("sent 1 2", "called 1:1; killed; called 1:1; called 1:1", "");
    assert_eq!(twice.faults(), [Fault::Doubled(first(1), BOB)]);
    let before = history("sent 1 2", "killed; called 1:1; called 1:1", "");
    assert_eq!(before.faults(), [Fault::Doubled(first(1), BOB)]);
}

#[test]
fn out_of_order() {
    let history = history("sent 1 2; sent 2 2", "called 1:2; settled 1:2; called 1:1; settled 1:1", "");
    assert_eq!(history.faults(), [Fault::OutOfOrder(first(1), BOB)]);
}

#[test]
fn copies_for_an_own_device_keep_the_order_of_each_recipient() {
    let copies = |order: &str| {
        let mut history = History::default();
        for (device, peer) in [(ALICE, 1), (BOB, 2), (BOBS_OTHER, 2), (DeviceId(4), 3)] {
            history.device(device, PeerId(peer));
        }
        for line in ["sent 1 1", "sent 2 3", "sent 3 1,3"] {
            history.add(BOB, line.parse().unwrap());
        }
        for number in order.split(' ') {
            history.add(BOBS_OTHER, format!("called 2:{number}").parse().unwrap());
        }
        history.faults()
    };
    let late = |number| Fault::OutOfOrder(Name { sender: BOB, number }, BOBS_OTHER);
    assert_eq!(copies("1 2 3"), []);
    assert_eq!(copies("2 1 3"), []);
    assert_eq!(copies("2 3 1"), [late(1)]);
    assert_eq!(copies("1 3 2"), [late(2)]);
}

#[test]
fn a_run_after_a_kill_begins_after_what_was_settled() {
    history("sent 1 2; sent 2 2", "called 1:1; called 1:2; killed; called 1:1; called 1:2", "").assert_holds();
    let wrong = history("sent 1 2; sent 2 2", "called 1:2; settled 1:2; killed; called 1:1", "");
    assert_eq!(wrong.faults(), [Fault::OutOfOrder(first(1), BOB)]);
}

#[test]
fn unsent_and_stray() {
    assert_eq!(history("", "called 1:1", "").faults(), [Fault::Unsent(first(1), BOB)]);
    assert_eq!(history("sent 1 2", "", "").faults(), []);
    let own = history("sent 1 2", "", "");
    assert_eq!(own.faults(), []);
    assert_eq!(history("sent 1 2; called 1:1", "", "").faults(), [Fault::Stray(first(1), ALICE)]);
}

#[test]
fn other_devices_of_the_sender_get_copies() {
    let mut history = History::default();
    history.device(BOB, PeerId(2));
    history.device(BOBS_OTHER, PeerId(2));
    history.device(ALICE, PeerId(1));
    for line in ["sent 1 1", "accepted 1"] {
        history.add(BOB, line.parse().unwrap());
    }
    let name = Name { sender: BOB, number: 1 };
    history.add(ALICE, Event::Called(name));
    assert_eq!(history.faults(), [Fault::Lost(name, BOBS_OTHER)]);
    history.add(BOBS_OTHER, Event::Called(name));
    history.assert_holds();
}

#[test]
fn a_gap_is_a_fault() {
    assert_eq!(history("gap", "", "").faults(), [Fault::FalseGap(ALICE)]);
}

#[test]
fn events_are_lines() {
    let events = [
        Event::Sent { number: 3, to: vec![PeerId(1), PeerId(2)] },
        Event::Accepted(3),
        Event::Reported { number: 3, peer: PeerId(2), code: 417 },
        Event::Called(first(9)),
        Event::Settled(first(9)),
        Event::Killed,
        Event::Gap,
    ];
    let text: String = events.iter().map(|event| format!("{event}\n")).collect();
    let mut history = History::default();
    history.add_lines(ALICE, &format!("{text}called 1:1")).unwrap();
    assert_eq!(history.of(ALICE), events);
    assert!(history.add_lines(ALICE, "nonsense\n").is_err());
}
