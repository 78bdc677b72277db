//! How fast one core seals and opens: a message for one device, for ten, and what a new session costs. Run with
//! `cargo run --release -p msr-crypto --features encryption --example rates`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

use std::collections::BTreeMap;
use std::time::Instant;

use msr_crypto::*;
use msr_protocol::v2::*;
use msr_protocol::{Credential, JsonText};

/// A machine, and what the server has of it.
struct Device {
    me: (Credential, Bytes16),
    machine: Machine,
    keys: Vec<Vec<u8>>,
    list: Vec<u8>,
}

const NOW_MS: i64 = 1_800_000_000_000;

impl Device {
    fn new(nth: u8) -> Self {
        let account = AccountKey::from_seed(&[nth; 32]);
        let words = Words { name: JsonText::from_spelled(format!("\"{nth}\"")), email: JsonText::empty_string() };
        let credential = words.credential(&account.secret_text());
        let (device, records) = Machine::enrol(&account, credential, [nth; 16], NOW_MS).unwrap();
        let records = records.into_iter().map(|change| match change {
            Change::Put { key, value } => (key, value),
            Change::Delete { .. } => panic!("nothing to delete"),
        });
        let (name, email, secret) = (words.name, words.email, account.secret_text());
        let own = Own { credential, name, email, secret, device, account: Some(account) };
        let machine = Machine::new(own, records.collect(), NOW_MS);
        let mut this = Self { me: (credential, [nth; 16]), machine, keys: vec![], list: vec![] };
        this.machine.handle_input(Input::Registered, NOW_MS);
        this.answer(&Frame::Keys { ticket: Varint(0), code: 200, one_time: Varint(0) });
        let empty = List(vec![PeerList { peer: credential, list: &[] }]);
        this.answer(&Frame::Lists { ticket: Varint(0), lists: empty });
        this.drain(&BTreeMap::new());
        this
    }

    fn answer(&mut self, frame: &Frame<'_>) {
        let mut bytes = vec![];
        frame.write(&mut bytes);
        self.machine.handle_input(Input::Frame(bytes), NOW_MS);
    }

    /// Plays server and disk; what was sealed and opened.
    fn drain(&mut self, others: &BTreeMap<Credential, (Vec<u8>, Vec<Vec<u8>>)>) -> (Vec<Sealing>, usize) {
        let (mut sealed, mut opened) = (vec![], 0);
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Persist { ticket, .. } => self.machine.handle_input(Input::Persisted { ticket }, NOW_MS),
                Output::Sealed { outcome, .. } => sealed.push(outcome),
                Output::Opened { outcome: Opening::Opened(_), .. } => opened += 1,
                Output::Frames(bytes) => frames(&bytes).for_each(|frame| self.asked(&frame.unwrap(), others)),
                Output::Opened { .. } | Output::Control { .. } | Output::Late { .. } | Output::Event(_) => {}
            }
        }
        (sealed, opened)
    }

    fn asked(&mut self, frame: &Frame<'_>, others: &BTreeMap<Credential, (Vec<u8>, Vec<Vec<u8>>)>) {
        match frame {
            Frame::PutKeys { ticket, one_time, .. } => {
                self.keys = one_time.0.iter().map(|key| key.to_vec()).collect();
                self.answer(&Frame::Keys { ticket: *ticket, code: 200, one_time: Varint(100) });
            }
            Frame::PutList { ticket, list } => {
                self.list = list.0.to_vec();
                self.answer(&Frame::ListPut { ticket: *ticket, code: 200, list: *list });
            }
            Frame::GetLists { ticket, peers } => {
                let lists = peers.0.iter().map(|peer| PeerList { peer: *peer, list: &others[peer].0 }).collect();
                self.answer(&Frame::Lists { ticket: *ticket, lists: List(lists) });
            }
            Frame::Claim { ticket, devices } => {
                let keys = devices.0.iter().map(|one| ClaimedKey { device: one.device, key: &others[&one.peer].1[0] }).collect();
                self.answer(&Frame::Claimed { ticket: *ticket, code: 200, keys: List(keys) });
            }
            _ => {}
        }
    }

    fn seal(&mut self, ticket: u64, recipients: &[Credential], bytes: usize) {
        let (recipients, payload) = (recipients.to_vec(), vec![b'x'; bytes]);
        let letter =
            Letter { recipients, flags: 0, reply_to: None, subject: JsonText::empty_string(), payload, required: true, allow_plain: false };
        self.machine.handle_input(Input::Seal { ticket: SealTicket(ticket), letter }, NOW_MS);
    }
}

fn rate(what: &str, count: u32, start: Instant) {
    println!("{what}: {:.0} a second", f64::from(count) / start.elapsed().as_secs_f64());
}

fn main() {
    let mut one = Device::new(1);
    let mut others: Vec<_> = (2..12).map(Device::new).collect();
    let known: BTreeMap<_, _> = others.iter().chain([&one]).map(|other| (other.me.0, (other.list.clone(), other.keys.clone()))).collect();
    let everybody: Vec<_> = others.iter().map(|other| other.me.0).collect();
    let start = Instant::now();
    one.seal(0, &everybody, 300);
    one.drain(&known);
    rate("first message, sessions begun", 10, start);
    let mut letters = vec![];
    for ticket in 0..512 {
        one.seal(ticket, &everybody[..1], 300);
        letters.extend(one.drain(&known).0);
    }
    let two = &mut others[0];
    let start = Instant::now();
    let mut opened = 0;
    for (number, letter) in (0_u64..).zip(letters) {
        let Sealing::Sealed { payload, headers } = letter else { panic!("not sealed") };
        let id = MessageId { device: one.me.1, outbox_epoch: 1, number: Varint(number) };
        let recipients = List(everybody[..1].to_vec());
        let (from, payload) = (one.me.0, Rest(&payload));
        let delivery =
            Delivery { from, id, timestamp_ms: NOW_MS, flags: flags::SEALED, recipients, reply_to: None, subject: "\"\"", payload };
        let mut entry = vec![];
        Entry::Message(delivery).write(&mut entry);
        two.machine.handle_input(Input::Open { tag: OpenTag(number), header: headers[0].1.clone(), entry }, NOW_MS);
        opened += two.drain(&known).1;
    }
    rate(&format!("open 300 B, a write each ({opened} opened)"), 512, start);
    for (what, recipients) in [("seal 300 B for one device", &everybody[..1]), ("seal 300 B for ten devices", &everybody)] {
        for (batch, how) in [(1, "a write each"), (32, "32 a write")] {
            let start = Instant::now();
            for ticket in 0..1_024_u64 {
                one.seal(ticket + 1, recipients, 300);
                if (ticket + 1) % batch == 0 {
                    one.drain(&known);
                }
            }
            rate(&format!("{what}, {how}"), 1_024, start);
        }
    }
}
