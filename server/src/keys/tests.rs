//! The rules of lists and prekeys, and that they hold over a restart.

use std::sync::Mutex as Told;

use msr_protocol::v2::{Bytes16, Enrolment, Field as _, List, ListedDevice, ListedDevices, PeerDevice, SignedList};
use msr_protocol::{Code, Credential};
use tempfile::TempDir;

use super::*;

const ANN: Credential = Credential([1; 16]);
const BOB: Credential = Credential([2; 16]);

/// A list of these devices that nobody signed.
pub(super) fn list(counter: u64, devices: &[u8], revoked: &[u8]) -> KnownList {
    let enrolment = Enrolment { device_key: [1; 32], identity_key: [2; 32], enrolled_ms: 3, signature: [4; 64] };
    let mut body = Vec::new();
    ListedDevices {
        credential: Credential([9; 16]),
        name: "\"Ann\"",
        email: "\"\"",
        secret: "\"\"",
        counter,
        signed_ms: 5,
        devices: List(devices.iter().map(|device| ListedDevice { device: [*device; 16], enrolment }).collect()),
        revoked: List(revoked.iter().map(|device| [*device; 16]).collect()),
    }
    .write(&mut body);
    let mut signed = Vec::new();
    SignedList { signature: [6; 64], body: &body }.write(&mut signed);
    KnownList::of(&signed).unwrap()
}

fn device(peer: Credential, number: u8) -> PeerDevice {
    PeerDevice { peer, device: [number; 16] }
}

fn new_keys(fallback: Option<u8>, one_time: std::ops::Range<u8>) -> NewKeys {
    NewKeys { fallback: fallback.map(|key| Box::from([key])), one_time: one_time.map(|key| Box::from([key; 100])).collect() }
}

/// Keys that are running, in a folder of their own.
struct Running {
    keys: Keys,
    folder: TempDir,
}

impl Running {
    fn new() -> Self {
        Self::on(tempfile::tempdir().unwrap())
    }

    fn on(folder: TempDir) -> Self {
        let keys = Keys::new(StoredKeys::open(folder.path()).unwrap());
        keys.start();
        Self { keys, folder }
    }

    async fn restart(self) -> Self {
        self.keys.close().await;
        Self::on(self.folder)
    }

    async fn ask<T: Send + 'static>(&self, request: impl FnOnce(Box<dyn FnOnce(Result<T, Code>) + Send>) -> Request) -> Result<T, Code> {
        let (answer, answered) = oneshot::channel();
        self.keys.ask(request(Box::new(move |done| {
            let _ = answer.send(done);
        })));
        answered.await.unwrap()
    }

    async fn put_list(&self, peer: Credential, list: KnownList) -> (Code, Vec<Bytes16>) {
        let ListPut { code, revoked, .. } = self.ask(|answer| Request::PutList { peer, list, answer }).await.unwrap();
        (code, revoked)
    }

    async fn put_keys(&self, of: PeerDevice, keys: NewKeys) -> (Code, u64) {
        let KeysLeft { code, one_time } = self.ask(|answer| Request::PutKeys { of, keys, answer }).await.unwrap();
        (code, one_time)
    }

    async fn claim(&self, devices: Vec<PeerDevice>) -> Vec<(Bytes16, Vec<u8>)> {
        self.ask(|answer| Request::Claim { devices, answer }).await.unwrap().keys
    }

    async fn left(&self, of: PeerDevice) -> u64 {
        self.ask(|answer| Request::Left { of, answer }).await.unwrap().one_time
    }
}

#[test]
fn a_full_list_is_short_enough_and_so_are_many() {
    let full = list(1, &[1; msr_crypto::limits::DEVICES_PER_LIST], &[2; msr_crypto::limits::REVOKED_PER_LIST]).list.encoded.len();
    assert!(full + 500 < limits::LIST_BYTES, "{full}: the words need some room");
    let joined = crate::switch::v2::limits::BATCH_BYTES + msr_delivery::limits::PIECE_BYTES as usize;
    assert!(limits::LISTS_PER_FRAME * (limits::LIST_BYTES + 20) + joined < msr_protocol::limits::MESSAGE_BYTES);
}

#[tokio::test]
async fn what_is_revoked_has_no_keys_and_gets_none() {
    let running = Running::new();
    assert_eq!(running.put_keys(device(ANN, 2), new_keys(Some(1), 0..3)).await, (Code::Done, 3));
    assert_eq!(running.put_keys(device(ANN, 3), new_keys(None, 0..1)).await, (Code::Done, 1));
    assert_eq!(running.put_list(ANN, list(1, &[1], &[2])).await, (Code::Done, vec![[2; 16]]));
    assert_eq!(running.put_list(ANN, list(2, &[1], &[2, 4])).await, (Code::Done, vec![[4; 16]]), "what is news");
    let running = running.restart().await;
    assert_eq!(running.claim(vec![device(ANN, 2)]).await, []);
    assert_eq!(running.put_keys(device(ANN, 2), new_keys(Some(1), 0..3)).await, (Code::DeviceRevoked, 0));
    assert_eq!(running.put_keys(device(BOB, 2), new_keys(Some(1), 0..3)).await, (Code::Done, 3), "that of another peer is another");
    assert_eq!(running.left(device(ANN, 3)).await, 1);
}

#[tokio::test]
async fn a_new_device_takes_the_place_of_one_that_is_not_listed() {
    const MOST: u8 = 96;
    assert_eq!(limits::KEYED_DEVICES_PER_PEER, usize::from(MOST));
    let running = Running::new();
    for number in 0..MOST {
        assert_eq!(running.put_keys(device(ANN, number), new_keys(Some(1), 0..2)).await, (Code::Done, 2));
    }
    running.put_list(ANN, list(1, &[5, 6], &[])).await;
    assert_eq!(running.put_keys(device(ANN, 5), new_keys(None, 2..3)).await, (Code::Done, 3), "it has its place");
    assert_eq!(running.put_keys(device(ANN, MOST), new_keys(Some(1), 0..2)).await, (Code::Done, 2));
    let mut left = Vec::new();
    for number in 0..=MOST {
        if running.left(device(ANN, number)).await > 0 {
            left.push(number);
        }
    }
    assert_eq!(left, [5, 6, MOST]);
    let listed: Vec<u8> = (0..64).collect();
    running.put_list(ANN, list(2, &listed, &[])).await;
    for number in listed {
        running.put_keys(device(ANN, number), new_keys(Some(1), 0..1)).await;
    }
    assert_eq!(running.put_keys(device(ANN, MOST + 1), new_keys(Some(1), 0..1)).await, (Code::Done, 1), "though the list is full");
}

#[tokio::test]
async fn who_is_unknown_is_forgotten_in_turns() {
    let running = Running::new();
    let peers = limits::OWNERS_PER_TURN + 10;
    let peer = |number: usize| {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(number as u64 + 1).to_be_bytes());
        Credential(bytes)
    };
    let mut answers = Vec::new();
    for number in 0..peers {
        let (answer, answered) = oneshot::channel();
        let answer = Box::new(move |put| {
            let _ = answer.send(put);
        });
        running.keys.requests.send(Request::PutList { peer: peer(number), list: list(1, &[1], &[]), answer }).await.unwrap();
        answers.push(answered);
    }
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    // Keys without a list count too.
    running.put_keys(device(BOB, 1), new_keys(Some(1), 0..3)).await;
    running.put_keys(device(peer(1), 1), new_keys(Some(1), 0..3)).await;
    let (kept, asked) = ([peer(3), peer(peers - 2)], Arc::new(Told::new(0)));
    let is_known = {
        let asked = Arc::clone(&asked);
        move |peer| {
            *asked.lock().unwrap() += 1;
            kept.contains(&peer)
        }
    };
    running.keys.forget_unknown(Arc::new(is_known)).await;
    assert_eq!(*asked.lock().unwrap(), peers + 1);
    assert_eq!(running.keys.lists().len(), 2);
    assert_eq!((running.left(device(BOB, 1)).await, running.left(device(peer(1), 1)).await), (0, 0));
    let running = running.restart().await;
    assert_eq!(running.keys.lists().len(), 2);
    assert!(kept.iter().all(|peer| running.keys.lists().get(*peer).is_some()));
}

#[tokio::test]
async fn what_keys_take_is_counted() {
    let running = Running::new();
    let bytes = |running: Running| async move {
        running.keys.close().await;
        let file = crate::store::File::open(running.folder.path(), "keys.redb").unwrap();
        let database = file.database().unwrap();
        let transaction = database.begin_write().unwrap();
        let bytes = tables::Tables::open(&transaction).unwrap().bytes;
        transaction.abort().unwrap();
        drop((database, file));
        (bytes, Running::on(running.folder))
    };
    running.put_keys(device(ANN, 1), new_keys(Some(1), 0..10)).await;
    let (with_ten, running) = bytes(running).await;
    assert_eq!(with_ten, 40 + 1 + 10 * (40 + 100));
    running.claim(vec![device(ANN, 1); 1]).await;
    let (with_nine, running) = bytes(running).await;
    assert_eq!(with_nine, with_ten - 140);
    running.keys.forget_unknown(Arc::new(|_| false)).await;
    assert_eq!(bytes(running).await.0, 0);
}

#[tokio::test]
async fn after_the_end_nothing_is_taken() {
    let running = Running::new();
    running.keys.close().await;
    let answered = running.ask(|answer| Request::Left { of: device(ANN, 1), answer }).await;
    assert_eq!(answered, Err(Code::GoingAway));
    running.keys.close().await;
}

#[tokio::test]
async fn too_much_at_once_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::new(StoredKeys::open(folder.path()).unwrap());
    let refused = Arc::new(Told::new(Vec::new()));
    for _ in 0..=limits::REQUESTS {
        let refused = Arc::clone(&refused);
        let answer = Box::new(move |answered: Result<KeysLeft, Code>| refused.lock().unwrap().extend(answered.err()));
        keys.ask(Request::Left { of: device(ANN, 1), answer });
    }
    assert_eq!(*refused.lock().unwrap(), [Code::RateLimited]);
}

#[tokio::test]
async fn what_must_be_answered_waits_for_its_turn() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::new(StoredKeys::open(folder.path()).unwrap());
    for _ in 0..limits::REQUESTS {
        keys.ask(Request::Left { of: device(ANN, 1), answer: Box::new(|_| {}) });
    }
    let (answer, answered) = oneshot::channel();
    let answer = Box::new(move |left| {
        let _ = answer.send(left);
    });
    keys.ask_in_turn(Request::Left { of: device(ANN, 1), answer });
    keys.start();
    assert_eq!(answered.await.unwrap(), Ok(KeysLeft { code: Code::Done, one_time: 0 }));
}
