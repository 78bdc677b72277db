//! Devices of identities by key.

use msr_crypto::{AccountKey, DeviceKey, OwnDevice};
use msr_protocol::v2::{Bytes16, Field as _, Frame, List, ListedDevice, ListedDevices, PeerDevice, Rest, Varint};
use msr_protocol::{Credential, JsonText, Peer};

use crate::client::{Client, Device, Heard, encoded};
use crate::room::{HOST, Room};

/// A device of an identity by key, and what signs for both.
pub(crate) struct Keyed {
    pub(crate) device: Device,
    pub(crate) account: AccountKey,
    pub(crate) own: OwnDevice,
}

/// What a device hears right after its welcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Greeted {
    pub(crate) list: Vec<u8>,
    pub(crate) one_time: u64,
}

impl Keyed {
    /// The device of that number of the peer of that name, whose account key is made of the name alone.
    pub(crate) fn new(name: &str, number: u8) -> Self {
        let mut seed = [7; 32];
        seed[..name.len()].copy_from_slice(name.as_bytes());
        Self::of_account(name, AccountKey::from_seed(&seed), number)
    }

    /// A device of this account.
    pub(crate) fn of_account(name: &str, account: AccountKey, number: u8) -> Self {
        let mut device = Device::new(name, number);
        device.peer = Peer { name: JsonText::string(name), secret: account.secret_text(), ..Peer::default() };
        let key = DeviceKey::from_seed(&[number; 32]);
        let enrolment = account.enrol(device.credential(), device.device, &key.public(), [number; 32], 5);
        let own = OwnDevice { device: device.device, key, enrolment };
        Self { device, account, own }
    }

    pub(crate) fn credential(&self) -> Credential {
        self.device.credential()
    }

    pub(crate) fn of(&self) -> PeerDevice {
        PeerDevice { peer: self.credential(), device: self.device.device }
    }

    /// The `Hello` of a connection with that nonce, to who is dialled so.
    pub(crate) fn hello(&mut self, nonce: &[u8; 32], host: &str) -> Vec<u8> {
        self.device.proof = self.own.proof(nonce, host, self.credential());
        self.device.hello()
    }

    /// Connects, registers, and hears what the server has of it.
    pub(crate) async fn register(&mut self, room: &Room) -> (Client, Greeted) {
        let (mut client, nonce) = Client::challenged(&room.switch).await;
        client.send(&self.hello(&nonce, HOST)).await;
        let Heard::Welcome(welcome) = client.next().await else { panic!("not welcome") };
        self.device.knows(&welcome);
        let credential = self.credential();
        let list = match client.next().await {
            Heard::Lists { ticket: 0, lists } if lists.len() == 1 && lists[0].0 == credential => lists[0].1.clone(),
            other => panic!("{other:?}"),
        };
        // What waited in its queue may come before that.
        let mut before = Vec::new();
        loop {
            match client.next().await {
                Heard::Keys { ticket: 0, code: 200, one_time } => {
                    client.hear_again(before);
                    return (client, Greeted { list, one_time });
                }
                other => before.push(other),
            }
        }
    }

    /// How the server refuses to register it.
    pub(crate) async fn refused(&mut self, room: &Room, host: &str) -> u16 {
        let (mut client, nonce) = Client::challenged(&room.switch).await;
        client.send(&self.hello(&nonce, host)).await;
        refusal(&mut client).await
    }

    pub(crate) fn listed(&self) -> ListedDevice {
        ListedDevice { device: self.device.device, enrolment: self.own.enrolment }
    }

    /// A list of these devices and of those revoked, each in order, signed.
    pub(crate) fn list(&self, counter: u64, devices: &[ListedDevice], revoked: &[Bytes16]) -> Vec<u8> {
        let Peer { name, email, secret, .. } = &self.device.peer;
        self.account.sign_list(&ListedDevices {
            credential: self.credential(),
            name: name.as_str(),
            email: email.as_str(),
            secret: secret.as_str(),
            counter,
            signed_ms: 5,
            devices: List(devices.to_vec()),
            revoked: List(revoked.to_vec()),
        })
    }

    /// The key of that number, signed.
    pub(crate) fn prekey(&self, number: u8, is_fallback: bool) -> Vec<u8> {
        let of = self.of();
        let mut out = Vec::new();
        self.own.key.sign_prekey(of.peer, of.device, [number; 32], is_fallback, 5).write(&mut out);
        out
    }
}

/// What a client that is not welcome hears, until it is closed.
pub(crate) async fn refusal(client: &mut Client) -> u16 {
    let Heard::Refused { code } = client.next().await else { panic!("not refused") };
    assert_eq!(client.close_code().await, 4_000 + code);
    code
}

/// Puts a list; gives the code and the list that the server has then.
pub(crate) async fn put_list(client: &mut Client, list: &[u8]) -> (u16, Vec<u8>) {
    client.send(&encoded(&Frame::PutList { ticket: Varint(5), list: Rest(list) })).await;
    let mut before = Vec::new();
    loop {
        match client.next().await {
            Heard::ListPut { ticket: 5, code, list } => {
                client.hear_again(before);
                return (code, list);
            }
            other => before.push(other),
        }
    }
}

/// Puts keys; gives the code and how many one-time keys there are then.
pub(crate) async fn put_keys(client: &mut Client, fallback: Option<&[u8]>, one_time: &[Vec<u8>]) -> (u16, u64) {
    let one_time = List(one_time.iter().map(Vec::as_slice).collect());
    client.send(&encoded(&Frame::PutKeys { ticket: Varint(6), fallback, one_time })).await;
    match client.next().await {
        Heard::Keys { ticket: 6, code, one_time } => (code, one_time),
        other => panic!("{other:?}"),
    }
}

/// Claims a key of each device.
pub(crate) async fn claim(client: &mut Client, devices: &[PeerDevice]) -> (u16, Vec<(Bytes16, Vec<u8>)>) {
    client.send(&encoded(&Frame::Claim { ticket: Varint(7), devices: List(devices.to_vec()) })).await;
    match client.next().await {
        Heard::Claimed { ticket: 7, code, keys } => (code, keys),
        other => panic!("{other:?}"),
    }
}

/// Asks for lists.
pub(crate) async fn get_lists(client: &mut Client, peers: &[Credential]) -> Vec<(Credential, Vec<u8>)> {
    client.send(&encoded(&Frame::GetLists { ticket: Varint(8), peers: List(peers.to_vec()) })).await;
    match client.next().await {
        Heard::Lists { ticket: 8, lists } => lists,
        other => panic!("{other:?}"),
    }
}
