//! Registering by a signature.

use msr_client::{Event, Input, Output, Session, Settings, State, limits};
use msr_protocol::v2::{Frame, SUBPROTOCOL, frames};
use msr_protocol::{Code, Disposition};

use crate::keyed::{NONCE, challenge, connect, keyed, peer};
use crate::stage::{Stage, Welcome, closed, events, failure, frame, said, settings, welcome_frame};

fn opened() -> Input {
    Input::SocketOpened { subprotocol: Some(SUBPROTOCOL.to_owned()) }
}

fn proven(nonce: [u8; 32]) -> Input {
    Input::Proven { nonce, proof: b"proof".to_vec() }
}

/// Up to the challenge.
fn challenged() -> Stage {
    let mut stage = Stage::new();
    stage.input(Input::Connect(keyed()));
    stage.input(opened());
    stage.input(challenge(NONCE));
    stage
}

fn refused(code: Code) -> Event {
    Event::Refused(failure(code))
}

#[test]
fn the_keys_sign_the_host_that_was_dialled_then_it_says_hello() {
    let mut stage = Stage::new();
    stage.input(Input::Connect(Settings { server: "wss://Relay.Example/path".to_owned(), ..keyed() }));
    stage.input(opened());
    let outputs = stage.input(challenge(NONCE));
    let [Output::Prove { credential, nonce, host, .. }] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!((*credential, *nonce, host.as_str()), (peer().credential(), NONCE, "relay.example:443"));
    assert_eq!(stage.session.status().state, State::Opened);

    assert_eq!(stage.input(proven([8; 32])), [], "of another connection");
    let outputs = stage.input(proven(NONCE));
    let [Output::TransmitFrames(bytes)] = &outputs[..] else { panic!("{outputs:?}") };
    let Some(Ok(Frame::Hello { proof, credential, .. })) = frames(bytes).next() else { panic!() };
    assert_eq!((proof, credential), (&b"proof"[..], peer().credential()));
    assert_eq!(stage.input(proven(NONCE)), [], "once");
    assert!(events(&stage.input(welcome_frame(&Welcome::default(), 1))).contains(&Event::Registered));
}

#[test]
fn an_identity_by_md5_proves_nothing() {
    let mut stage = Stage::new();
    stage.input(Input::Connect(settings()));
    stage.input(opened());
    let outputs = stage.input(challenge(NONCE));
    let [Output::TransmitFrames(bytes)] = &outputs[..] else { panic!("{outputs:?}") };
    let Some(Ok(Frame::Hello { proof, .. })) = frames(bytes).next() else { panic!() };
    assert!(proof.is_empty());
}

#[test]
fn keys_that_cannot_prove_it_end_it() {
    let mut stage = challenged();
    let not_proven = |nonce| Input::NotProven { nonce, failure: failure(Code::NoDeviceKeys) };
    assert_eq!(stage.input(not_proven([8; 32])), []);
    let outputs = stage.input(not_proven(NONCE));
    assert_eq!(outputs[0], Output::CloseSocket { code: 1000 });
    assert_eq!(events(&outputs)[1..], [refused(Code::NoDeviceKeys)]);
    assert_eq!(stage.session.poll_timeout(), None, "it is final");
}

#[test]
fn what_does_not_come_in_time_is_tried_again() {
    let mut stage = challenged();
    let outputs = stage.wait(limits::REGISTRATION_TIMEOUT_MS);
    assert!(outputs.contains(&Output::CloseSocket { code: Code::Timeout.close_code() }), "{outputs:?}");
    assert_eq!(stage.input(proven(NONCE)), [], "too late");
    stage.wait(limits::BACKOFF_BASE_MS);
    stage.input(opened());
    stage.input(challenge([9; 32]));
    assert_eq!(stage.input(proven(NONCE)), []);
    assert_eq!(said(&stage.input(proven([9; 32]))), ["hello"]);
}

#[test]
fn a_connection_that_ends_meanwhile() {
    let mut stage = challenged();
    assert!(events(&stage.input(closed(1006))).iter().any(|event| matches!(event, Event::Lost { .. })));
    let mut stage = challenged();
    assert!(events(&stage.input(closed(Code::OriginRefused.close_code()))).contains(&refused(Code::OriginRefused)));
    let mut stage = challenged();
    let outputs = stage.input(frame(&Frame::Refused { code: Code::DeviceRevoked.number(), reason: "" }));
    assert!(events(&outputs).contains(&refused(Code::DeviceRevoked)));
    let mut stage = challenged();
    let outputs = stage.input(challenge(NONCE));
    assert_eq!(events(&outputs)[0], Event::Trouble(failure(Code::BadMessage)), "a second one");
    let mut stage = challenged();
    assert!(events(&stage.input(Input::Close)).contains(&refused(Code::Closed)));
}

#[test]
fn version_1_is_never_spoken() {
    assert_eq!(Code::Version2Required.disposition(), Disposition::Final);
    let mut stage = Stage::new();
    stage.session = Session::version_1(1);
    assert_eq!(events(&stage.input(Input::Connect(keyed()))), [refused(Code::Version2Required)]);

    let mut stage = Stage::new();
    stage.input(Input::Connect(keyed()));
    let outputs = stage.input(Input::SocketOpened { subprotocol: None });
    assert_eq!((&outputs[0], &events(&outputs)[..]), (&Output::CloseSocket { code: 1000 }, &[refused(Code::Version2Required)][..]));

    let mut stage = Stage::new();
    stage.input(Input::Connect(keyed()));
    stage.input(closed(1006));
    let outputs = stage.input(Input::OriginProbed { refused: false, speaks_v2: Some(false) });
    assert_eq!(events(&outputs), [refused(Code::Version2Required)]);
}

#[test]
fn a_server_of_which_nothing_can_be_learned_is_never_offered_version_1() {
    let mut stage = Stage::new();
    let mut outputs = stage.input(Input::Connect(keyed()));
    for _ in 0..20 {
        let offers: Vec<_> = outputs.iter().filter(|output| matches!(output, Output::OpenSocket { .. })).collect();
        assert!(!offers.is_empty());
        let is_version_2 = |offer: &&&Output| matches!(offer, Output::OpenSocket { subprotocol: Some(SUBPROTOCOL), .. });
        assert!(offers.iter().all(|offer| is_version_2(&offer)), "{outputs:?}");
        stage.input(closed(1006));
        stage.input(Input::OriginProbed { refused: false, speaks_v2: None });
        outputs = stage.wait(limits::BACKOFF_CAP_MS);
        outputs.extend(stage.wait(limits::BACKOFF_CAP_MS));
    }
}

#[test]
fn frames_of_the_keys_pass_unread() {
    let mut list = Vec::new();
    Frame::ListPut { ticket: msr_protocol::v2::Varint(300), code: 200, list: msr_protocol::v2::Rest(b"a list") }.write(&mut list);
    let mut stage = Stage::new();
    connect(&mut stage, Welcome::default());
    assert_eq!(stage.input(Input::FrameReceived(list.clone())), [Output::Keys(list.clone())]);
    let mut claim = Vec::new();
    Frame::Claim { ticket: msr_protocol::v2::Varint(1), devices: msr_protocol::v2::List(Vec::new()) }.write(&mut claim);
    assert_eq!(stage.input(Input::Keys(claim.clone())), [Output::TransmitFrames(claim.clone())]);
    assert_eq!(stage.input(Input::Keys(b"none".to_vec())), []);
    stage.input(closed(1006));
    assert_eq!(stage.input(Input::Keys(claim.clone())), []);

    let mut stage = Stage::registered();
    assert_eq!(stage.input(Input::Keys(claim)), [], "an identity by MD5 has none");
    assert_eq!(events(&stage.input(Input::FrameReceived(list)))[0], Event::Trouble(failure(Code::BadMessage)));
}
