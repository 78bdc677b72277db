//! A server in the middle, with a name of its own: what it gets from a client opens no other server.

use std::sync::{Arc, Mutex};

use msr_crypto::OwnDevice;
use msr_protocol::Code;
use msr_protocol::v2::{Field as _, Frame, Proof};
use msr_tests::ServerProcess;
use msr_tests::keyed::{Connection, Own, Person, Slot};
use msr_tests::relay::{From, Relay};

use crate::online;

/// It passes the challenge of the real server on, and the client's answer back: the client signed whom it dialled.
#[tokio::test]
async fn a_challenge_that_is_passed_on_gets_nowhere() {
    let server = ServerProcess::start().await;
    let relay = Relay::new().await;
    relay.lead_to(server.port);
    let ann = Person::new("Ann");
    let slot = Slot::new(&ann, server.port);
    let mut client = slot.start(relay.port);
    assert_eq!(client.refused().await, Code::WrongHost);
    server.logged(&[&format!("127.0.0.1:{}", relay.port), "HOSTS"]).await;
    // The same device where it means to be.
    client.kill(&slot).await;
    let client = slot.start(server.port);
    client.listed().await;
}

/// It puts the real server's name into the proof: the signature is over the other.
#[tokio::test]
async fn a_proof_with_another_name_in_it_gets_nowhere() {
    let server = ServerProcess::start().await;
    let relay = Relay::new().await;
    relay.lead_to(server.port);
    let real = format!("127.0.0.1:{}", server.port);
    relay.with(move |_, frame, bytes, on| {
        let Frame::Hello { proof, .. } = frame else {
            on.extend_from_slice(bytes);
            return true;
        };
        let Proof { enrolment, signature, .. } = Proof::read(&mut &**proof).unwrap();
        let mut forged = Vec::new();
        Proof { host: &real, enrolment, signature }.write(&mut forged);
        let mut hello = frame.clone();
        let Frame::Hello { proof, .. } = &mut hello else { unreachable!() };
        *proof = &forged;
        hello.write(on);
        true
    });
    let mut client = Slot::new(&Person::new("Ann"), server.port).start(relay.port);
    assert_eq!(client.refused().await, Code::InvalidRegistration);
}

/// It keeps the proof of an earlier connection to the real server, and says it again.
#[tokio::test]
async fn a_proof_opens_one_connection() {
    let server = ServerProcess::start().await;
    let own = Own::new(&Person::new("Ann"), 1);
    let host = format!("127.0.0.1:{}", server.port);
    let mut connection = Connection::open(server.port, server.port).await.unwrap();
    let nonce = connection.challenge().await.unwrap();
    let hello = own.hello(&nonce, &host);
    connection.say_bytes(hello.clone()).await;
    assert_eq!(connection.welcomed().await, Ok(()));
    let mut again = Connection::open(server.port, server.port).await.unwrap();
    assert_ne!(again.challenge().await.unwrap(), nonce);
    again.say_bytes(hello).await;
    assert_eq!(again.welcomed().await, Err(401));
    // Nor does it open another device, or the credential of somebody else.
    for (person, number) in [("Ann", 2), ("Bob", 1)] {
        let mut other = Connection::open(server.port, server.port).await.unwrap();
        let nonce = other.challenge().await.unwrap();
        let stolen = own.device.proof(&nonce, &host, own.peer.credential());
        other.say_bytes(Own::new(&Person::new(person), number).hello_with(&stolen)).await;
        assert_eq!(other.welcomed().await, Err(401), "{person} {number}");
    }
}

/// Everything public about a peer, and its enrolment with it, opens nothing: the device's key is needed.
#[tokio::test]
async fn what_is_public_opens_nothing() {
    let server = ServerProcess::start().await;
    let (ann, mallory) = (Person::new("Ann"), Own::new(&Person::new("Mallory"), 9));
    let (_slot, _client) = online(&server, &ann).await;
    let mut asking = mallory.register(server.port).await.ok().unwrap();
    let list = asking.list_of(ann.credential()).await.unwrap();
    let listed = msr_crypto::read_list(&list).unwrap().devices[0];
    let mut connection = Connection::open(server.port, server.port).await.unwrap();
    let nonce = connection.challenge().await.unwrap();
    let key = msr_crypto::DeviceKey::from_seed(&[9; 32]);
    let stolen = OwnDevice { device: listed.device, key, enrolment: listed.enrolment };
    let mut as_ann = Own::new(&ann, 9);
    as_ann.device = stolen;
    connection.say_bytes(as_ann.hello(&nonce, &format!("127.0.0.1:{}", server.port))).await;
    assert_eq!(connection.welcomed().await, Err(401));
}

/// A whole connection that was recorded is said again, word for word, and in vain.
#[tokio::test]
async fn a_recorded_connection_cannot_be_said_again() {
    let relay = Relay::new().await;
    let settings = msr_tests::Settings::default().with("HOSTS", format!("127.0.0.1:{}", relay.port));
    let server = settings.start().await;
    relay.lead_to(server.port);
    let (_slot, client) = crate::through(relay.port, &server, &Person::new("Ann")).await;
    client.client.bye().await;
    let said = Arc::new(Mutex::new(Vec::new()));
    for (from, bytes) in relay.capture.all() {
        if from == From::Client(0) && Frame::TAGS.iter().any(|(tag, _)| bytes.first() == Some(tag)) {
            said.lock().unwrap().push(bytes);
        }
    }
    let said = said.lock().unwrap().clone();
    assert!(said.len() > 1, "a hello and more");
    let mut again = Connection::open(server.port, server.port).await.unwrap();
    again.challenge().await.unwrap();
    for bytes in said {
        again.say_bytes(bytes).await;
    }
    assert_eq!(again.welcomed().await, Err(401));
}
