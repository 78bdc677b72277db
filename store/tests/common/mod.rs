//! Histories that follow from a seed, and the plainest model of a store to compare with.
#![allow(dead_code, unreachable_pub, clippy::print_stdout)]

use std::{collections::BTreeMap, fs, io::Write as _, path::Path};

use bytes::Bytes;
use fastrand::Rng;
use msr_store::{Batch, Device, Message, Reader, Recovered, Start};

/// Of one message: when it expires, its devices with their headers, its entry.
pub type Kept = (u64, Vec<(u32, Bytes)>, Bytes);

/// What a store must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    pub devices: BTreeMap<u32, Device>,
    pub next_device: u32,
    pub marks: BTreeMap<(u32, u64), u64>,
    pub starts: Vec<Start>,
    pub reserved: u64,
    pub messages: BTreeMap<u64, Kept>,
    pub uploads: BTreeMap<u64, (Bytes, BTreeMap<u64, Bytes>)>,
}

/// Commits that follow from a seed, with the model after the last one taken.
pub struct History {
    rng: Rng,
    pub model: Model,
    next_arrival: u64,
    /// Arrivals passed over, to be used out of order.
    skipped: Vec<u64>,
    largest: usize,
    batch: Batch,
}

impl History {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            model: Model::default(),
            next_arrival: 1,
            skipped: Vec::new(),
            largest: 2_000,
            batch: Batch::new(),
        }
    }

    /// The parts of the next commit, which always leaves something to write.
    pub fn next_parts(&mut self) -> Vec<Batch> {
        self.reserve();
        (0..self.rng.usize(1..4)).map(|_| self.next_batch()).collect()
    }

    fn next_batch(&mut self) -> Batch {
        for _ in 0..self.rng.usize(1..12) {
            match self.rng.u32(0..100) {
                0..34 => self.message(),
                34..60 => self.delete(),
                60..70 => self.mark(),
                70..78 => self.cursor(),
                78..84 => self.device(),
                84..86 => self.remove_device(),
                86..89 => self.share(),
                89..91 => self.upload(),
                91..96 => self.piece(),
                96..98 => self.remove_upload(),
                98 => self.start(),
                _ => self.reserve(),
            }
        }
        std::mem::take(&mut self.batch)
    }

    fn bytes(&mut self) -> Bytes {
        let largest = if self.rng.u8(..) == 0 { 20 * self.largest } else { self.largest };
        let byte = self.rng.u8(..);
        vec![byte; self.rng.usize(0..largest)].into()
    }

    fn message(&mut self) {
        let arrival = if self.rng.u8(..) < 40 { self.skipped.pop() } else { None };
        let arrival = arrival.unwrap_or_else(|| {
            let next = self.next_arrival + self.rng.u64(1..4);
            self.skipped.extend(self.next_arrival + 1..next);
            std::mem::replace(&mut self.next_arrival, next)
        });
        let (expiry_ms, entry) = (self.rng.u64(..), self.bytes());
        let mut devices: Vec<u32> = (0..self.rng.usize(0..5)).map(|_| self.rng.u32(0..40)).collect();
        devices.sort_unstable();
        devices.dedup();
        let mut headers: Vec<Bytes> = Vec::new();
        if self.rng.bool() {
            // Fewer headers than devices are as if the last ones were empty.
            let count = self.rng.usize(0..=devices.len());
            headers.extend((0..count).map(|_| Bytes::from(vec![self.rng.u8(..); self.rng.usize(0..100)])));
        }
        let own = |place: usize| headers.get(place).cloned().unwrap_or_default();
        let with_headers = devices.iter().enumerate().map(|(place, device)| (*device, own(place))).collect();
        self.model.messages.insert(arrival, (expiry_ms, with_headers, entry.clone()));
        self.batch.message(Message { arrival, expiry_ms, devices: devices.into(), headers: headers.into(), entry });
    }

    fn waiting(&mut self) -> u64 {
        let count = self.model.messages.len();
        let place = if count == 0 || self.rng.u8(..) < 8 { count } else { self.rng.usize(0..count) };
        self.model.messages.keys().nth(place).copied().unwrap_or(self.next_arrival + 1_000_000)
    }

    fn delete(&mut self) {
        let arrival = self.waiting();
        self.batch.delete(arrival);
        self.model.messages.remove(&arrival);
    }

    fn mark(&mut self) {
        let (device, epoch, number) = (self.rng.u32(0..40), self.rng.u64(0..3), self.rng.u64(0..1000));
        self.batch.mark(device, epoch, number);
        let mark = self.model.marks.entry((device, epoch)).or_default();
        *mark = number.max(*mark);
    }

    fn cursor(&mut self) {
        let (device, arrival) = (self.rng.u32(0..40), self.rng.u64(0..self.next_arrival));
        self.batch.cursor(device, arrival);
        if let Some(device) = self.model.devices.get_mut(&device) {
            device.cursor = device.cursor.max(arrival);
        }
    }

    fn device(&mut self) {
        let index = self.rng.u32(0..40);
        let rng = &mut self.rng;
        let name: String = (0..rng.usize(0..20)).map(|_| rng.char(..)).collect();
        let (id, credential) = (rng.u128(..).to_le_bytes(), rng.u128(..).to_le_bytes());
        let device = Device {
            id,
            credential,
            name,
            queue_epoch: rng.u64(..),
            cursor: rng.u64(0..10),
            last_seen_ms: rng.u64(..),
            overflowed: rng.bool(),
        };
        self.batch.device(index, device.clone());
        self.model.devices.insert(index, device);
        self.model.next_device = self.model.next_device.max(index + 1);
    }

    fn remove_device(&mut self) {
        let index = self.rng.u32(0..40);
        self.batch.remove_device(index);
        self.model.devices.remove(&index);
        self.model.marks.retain(|(device, _), _| *device != index);
    }

    fn share(&mut self) {
        let device = self.rng.u32(100..104);
        let arrivals: Vec<u64> = (0..self.rng.usize(0..6)).map(|_| self.waiting()).collect();
        self.batch.share(device, arrivals.clone());
        for arrival in arrivals {
            if let Some((_, devices, _)) = self.model.messages.get_mut(&arrival)
                && !devices.iter().any(|(other, _)| *other == device)
            {
                devices.push((device, Bytes::new()));
                devices.sort_unstable();
            }
        }
    }

    fn upload(&mut self) {
        let (upload, head) = (self.next_arrival, self.bytes());
        self.next_arrival += 1;
        self.batch.upload(upload, head.clone());
        self.model.uploads.insert(upload, (head, BTreeMap::new()));
    }

    fn piece(&mut self) {
        let count = self.model.uploads.len();
        if count > 0 {
            let place = self.rng.usize(0..count);
            let bytes = self.bytes();
            let (upload, (_, pieces)) = self.model.uploads.iter_mut().nth(place).unwrap();
            let offset = pieces.last_key_value().map_or(0, |(offset, bytes)| offset + bytes.len() as u64 + 1);
            self.batch.piece(*upload, offset, bytes.clone());
            pieces.insert(offset, bytes);
        }
    }

    fn remove_upload(&mut self) {
        let count = self.model.uploads.len();
        if count > 0 {
            let upload = *self.model.uploads.keys().nth(self.rng.usize(0..count)).unwrap();
            self.batch.remove_upload(upload);
            self.model.uploads.remove(&upload);
        }
    }

    fn start(&mut self) {
        let start = Start { id: self.rng.u64(..), first: self.next_arrival };
        self.batch.start(start);
        self.model.starts.push(start);
    }

    fn reserve(&mut self) {
        let below = self.next_arrival + self.rng.u64(0..100);
        self.batch.reserve(below);
        self.model.reserved = self.model.reserved.max(below);
    }
}

/// Everything a store holds, read back, as a model.
pub fn contents(recovered: &Recovered, reader: &Reader) -> Model {
    let arrivals: Vec<u64> = recovered.waiting.iter().map(|waiting| waiting.arrival).collect();
    assert!(arrivals.is_sorted(), "waiting messages come in the order of their arrival");
    let entries = reader.read(&arrivals).unwrap();
    let headers = headers(recovered, reader);
    let message = |(waiting, entry): (msr_store::Waiting<'_>, Option<Bytes>)| {
        let entry = entry.unwrap_or_else(|| panic!("the entry of {} is missing", waiting.arrival));
        assert_eq!(entry.len(), waiting.bytes as usize);
        let header_bytes = |place: usize| usize::from(waiting.header_bytes.get(place).copied().unwrap_or(0));
        let with_header = |(place, device): (usize, &u32)| {
            let header = headers.get(&(waiting.arrival, *device)).cloned().unwrap_or_default();
            assert_eq!(header.len(), header_bytes(place));
            (*device, header)
        };
        let mut devices: Vec<(u32, Bytes)> = waiting.devices.iter().enumerate().map(with_header).collect();
        devices.sort_unstable();
        (waiting.arrival, (waiting.expiry_ms, devices, entry))
    };
    let piece = |upload: u64, offset: u64| (offset, reader.read_piece(upload, offset).unwrap().unwrap());
    let upload = |upload: &msr_store::Upload| {
        let pieces = upload.offsets.iter().map(|offset| piece(upload.upload, *offset)).collect();
        (upload.upload, (upload.head.clone(), pieces))
    };
    Model {
        devices: recovered.devices.clone(),
        next_device: recovered.next_device,
        marks: recovered.marks.clone(),
        starts: recovered.starts.as_slice().to_vec(),
        reserved: recovered.starts.reserved(),
        messages: recovered.waiting.iter().zip(entries).map(message).collect(),
        uploads: recovered.uploads.iter().map(upload).collect(),
    }
}

/// The header of each device, read in both ways that there are.
fn headers(recovered: &Recovered, reader: &Reader) -> BTreeMap<(u64, u32), Bytes> {
    let waiting: BTreeMap<u64, msr_store::Waiting<'_>> = recovered.waiting.iter().map(|waiting| (waiting.arrival, waiting)).collect();
    let mut headers = BTreeMap::new();
    let arrivals: Vec<u64> = waiting.keys().copied().collect();
    reader
        .visit(&arrivals, |arrival, stored| {
            let own = |device: &u32| ((arrival, *device), Bytes::copy_from_slice(stored.header(*device)));
            headers.extend(waiting[&arrival].devices.iter().map(own));
        })
        .unwrap();
    for ((arrival, device), header) in &headers {
        assert_eq!(reader.read_header(*arrival, waiting[arrival].bytes, *device).unwrap().as_ref(), Some(header));
    }
    headers
}

/// Says where two models differ, briefly.
pub fn assert_same(found: &Model, expected: &Model, when: &str) {
    assert_eq!(found.messages.keys().collect::<Vec<_>>(), expected.messages.keys().collect::<Vec<_>>(), "arrivals {when}");
    assert_eq!(found.marks, expected.marks, "marks {when}");
    assert_eq!(found.devices, expected.devices, "devices {when}");
    assert!(found == expected, "contents differ {when}");
}

/// Copies a folder as a crash of the process would leave it.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The segments of a store, newest last.
pub fn segments(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    paths.sort();
    paths
}

/// Runs one of the ignored tests of this binary as a process of its own, behind the words of `before` (a tracer, a mount).
pub fn child(before: &[&str], test: &str, environment: &[(&str, String)]) -> std::process::Command {
    let exe = std::env::current_exe().unwrap();
    let words: Vec<&std::ffi::OsStr> = before.iter().map(AsRef::as_ref).chain([exe.as_os_str()]).collect();
    let mut command = std::process::Command::new(words[0]);
    command.args(&words[1..]).args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.envs(environment.iter().map(|(name, value)| (*name, value.as_str())));
    command
}

/// What the parent process said under this name.
pub fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run by its parent test alone"))
}

/// Whether this machine lets a test do that; if not, the test says so and is skipped.
pub fn possible(words: &[&str]) -> bool {
    let done = std::process::Command::new(words[0]).args(&words[1..]).output().is_ok_and(|output| output.status.success());
    if !done {
        // Past the harness, which keeps what a test prints to itself unless it fails.
        let thread = std::thread::current();
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED {}: `{}` does not work on this machine",
            thread.name().unwrap_or_default(),
            words.join(" ")
        );
    }
    done
}

/// A seed for this run, printed; `MSR_SEED` repeats one.
pub fn seed() -> u64 {
    let seed = std::env::var("MSR_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("MSR_SEED={seed}");
    seed
}
