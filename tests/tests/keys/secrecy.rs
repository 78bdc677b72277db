//! With the server's store, its logs at their finest and a capture of every frame in hand: no word of what was said, nothing of
//! the secret.

use std::collections::BTreeMap;
use std::path::Path;

use msr_client::native::Sent;
use msr_client::{Content, Draft, Encrypt};
use msr_crypto::OwnDevice;
use msr_protocol::JsonText;
use msr_tests::keyed::{Person, Running, Slot, draft};
use msr_tests::relay::Relay;
use msr_tests::{Settings, files_in, md5, within};

use crate::through;

const SECRET: &str = "zebra-quartz-violin-1899";
const TEXT: &str = "Meet-me-at-the-northern-lighthouse";
const SUBJECT: &str = "Our-little-arrangement";
const BYTES: &[u8] = b"\x01\xff\x02-private-octets-of-the-attachment-\x03";
const REPLY: &str = "Understood-and-burnt-after-reading";
const LIVE: &str = "typing-about-the-lighthouse";
const IN_PLAIN: &str = "This-may-everybody-know";

/// What stands for something in bytes that somebody wrote down in whatever way.
fn spellings(bytes: &[u8]) -> Vec<Vec<u8>> {
    let hex = hex::encode(bytes);
    let spaced: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let decimal: Vec<_> = bytes.iter().map(ToString::to_string).collect();
    let mut all = vec![
        bytes.to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        spaced.join(" ").into_bytes(),
        decimal.join(", ").into_bytes(),
        decimal.join(",").into_bytes(),
        bytes.iter().flat_map(|byte| [*byte, 0]).collect(),
    ];
    // Base64 spells the same bytes in three ways, by where they begin; the ends depend on what is beside them.
    for before in 0..3 {
        for alphabet in [b"+/", b"-_"] {
            let padded = [&vec![0; before][..], bytes].concat();
            let text = base64(&padded, alphabet);
            let first = (before * 8).div_ceil(6);
            all.push(text[first..padded.len() * 8 / 6].to_vec());
        }
    }
    all
}

fn base64(bytes: &[u8], last: &[u8; 2]) -> Vec<u8> {
    let alphabet: Vec<u8> = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(*last).collect();
    let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
    let sextet = |at: usize| (0..6).fold(0, |sum, place| sum * 2 + usize::from(bit(at + place)));
    (0..bytes.len() * 8).step_by(6).map(|at| alphabet[sextet(at)]).collect()
}

fn has(haystack: &[u8], needle: &[u8]) -> bool {
    // The first byte alone is found fast; there are megabytes.
    let Some((first, rest)) = needle.split_first() else { return true };
    let mut from = haystack;
    while let Some(at) = from.iter().position(|byte| byte == first) {
        from = &from[at + 1..];
        if from.starts_with(rest) {
            return true;
        }
    }
    false
}

/// Where something is found, in any of its spellings.
fn places(haystacks: &BTreeMap<String, Vec<u8>>, what: &[u8]) -> Vec<String> {
    let spellings = spellings(what);
    let found = haystacks.iter().filter(|(_, bytes)| spellings.iter().any(|spelling| has(bytes, spelling)));
    found.map(|(place, _)| place.clone()).collect()
}

/// The secret of this device's own key.
fn device_seed(slot: &Slot) -> [u8; 32] {
    let mut folder = msr_client::native::Folder::open(&slot.path().join("keys"), slot.person.credential()).unwrap();
    let records = msr_client::native::Store::load(&mut folder).unwrap();
    let record = records.into_iter().find(|(key, _)| key == "key:device").unwrap().1;
    *OwnDevice::decode(&record).unwrap().key.seed()
}

fn add_files(haystacks: &mut BTreeMap<String, Vec<u8>>, folder: &Path) {
    for file in files_in(folder) {
        haystacks.insert(format!("store: {}", file.display()), std::fs::read(&file).unwrap());
    }
}

async fn accepted(from: &Running, draft: Draft) {
    let sent = within("the acceptance", from.client.send(draft)).await.unwrap();
    assert!(matches!(sent, Sent::Accepted { .. }), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_learns_no_word() {
    let relay = Relay::new().await;
    let settings = Settings::default().with("LOG", "trace").with("HOSTS", format!("127.0.0.1:{}", relay.port));
    let mut server = settings.start().await;
    relay.lead_to(server.port);
    let ann = Person::derived("Ann Publicname", "ann@example.org", SECRET);
    let bob = Person::derived("Bob", "bob@example.org", "another secret of his");
    let (ann_slot, anns) = through(relay.port, &server, &ann).await;
    let (bob_slot, mut bobs) = through(relay.port, &server, &bob).await;
    let (_phone_slot, mut phone) = through(relay.port, &server, &ann).await;

    let to_bob = |text: &str| Draft { subject: JsonText::string(SUBJECT), id: None, ..draft(&[bob.credential()], text) };
    accepted(&anns, to_bob(TEXT)).await;
    assert_eq!(bobs.secret().await, TEXT);
    assert_eq!(phone.secret().await, TEXT);
    accepted(&anns, Draft { content: Content::Bytes(BYTES.to_vec()), ..to_bob("") }).await;
    let inbound = bobs.inbound().await;
    assert_eq!((inbound.bytes.as_deref(), inbound.encrypted), (Some(BYTES), true));
    bobs.client.handled(inbound.tag.unwrap()).await.unwrap();
    // In pieces.
    let large = format!("{TEXT} {}", TEXT.repeat(20_000));
    accepted(&anns, to_bob(&large)).await;
    assert!(bobs.secret().await == large);
    // A request, and its answer.
    let asking = anns.client.clone();
    let request = to_bob(TEXT);
    let asked = tokio::spawn(async move { asking.request(request).await });
    let inbound = bobs.inbound().await;
    assert!(inbound.wants_reply && inbound.encrypted);
    let reply =
        Draft { reply_to: inbound.id, ..Draft::new(draft(&[ann.credential()], "").to, JsonText::string(SUBJECT), JsonText::string(REPLY)) };
    bobs.client.handled(inbound.tag.unwrap()).await.unwrap();
    accepted(&bobs, reply).await;
    let answer = within("the answer", asked).await.unwrap().unwrap();
    assert_eq!((answer.message.content.as_str(), answer.encrypted), (format!("{REPLY:?}").as_str(), true));
    // Never queued.
    let live = Draft { realtime: true, ..to_bob(LIVE) };
    assert!(matches!(within("the writing", anns.client.send(live)).await.unwrap(), Sent::Written(_)));
    loop {
        let inbound = bobs.inbound().await;
        if inbound.realtime {
            assert!(inbound.encrypted && inbound.message.content.as_str().contains(LIVE));
            break;
        }
    }
    // What is not to be encrypted is found: so would the rest be.
    accepted(&anns, Draft { encrypt: Encrypt::Off, ..draft(&[bob.credential()], IN_PLAIN) }).await;
    assert!(!bobs.message().await.encrypted);
    // And what waits in the queue of who is away.
    bobs.kill(&bob_slot).await;
    accepted(&anns, to_bob(TEXT)).await;
    let log = server.log_lines();
    assert!(log.iter().any(|line| line.contains("TRACE")), "the log is at its finest");

    let mut haystacks = BTreeMap::new();
    add_files(&mut haystacks, &settings.store());
    server.terminate();
    server.ended().await;
    add_files(&mut haystacks, &settings.store());
    haystacks.insert("log".to_owned(), server.log_lines().join("\n").into_bytes());
    let frames: Vec<u8> = relay.capture.all().into_iter().flat_map(|(_, bytes)| bytes).collect();
    haystacks.insert("frames".to_owned(), frames);
    anns.kill(&ann_slot).await;

    // That is how what can be seen looks.
    let public = places(&haystacks, b"Ann Publicname");
    assert!(["frames", "log"].iter().all(|place| public.iter().any(|found| found == place)), "{public:?}");
    assert!(public.iter().any(|place| place.starts_with("store")), "{public:?}");
    assert!(places(&haystacks, IN_PLAIN.as_bytes()).iter().any(|place| place == "frames"));

    let (seed, device) = (ann.seed(), device_seed(&ann_slot));
    let of_secret = md5(SECRET);
    // The credential that the same words have as an identity by MD5, which would show a guess to be right.
    let Words { name, email } = Words::of(&ann);
    let as_md5 = md5(&format!(r#"{{"name":{name},"email":{email},"secret":"{of_secret}"}}"#));
    let raw = |text: &str| hex::decode(text).unwrap();
    let secrets: [(&str, Vec<u8>); 12] = [
        ("the text", TEXT.into()),
        ("the subject", SUBJECT.into()),
        ("the bytes", BYTES.into()),
        ("the reply", REPLY.into()),
        ("what was live", LIVE.into()),
        ("the secret", SECRET.into()),
        ("the MD5 of the secret", raw(&of_secret)),
        ("the credential by MD5", raw(&as_md5)),
        ("the seed of the account", seed.into()),
        ("the seed of the device", device.into()),
        ("the first half of the seed", seed[..16].into()),
        ("the second half of the seed", seed[16..].into()),
    ];
    for (what, bytes) in secrets {
        assert_eq!(places(&haystacks, &bytes), Vec::<String>::new(), "{what} is found");
    }
}

struct Words {
    name: String,
    email: String,
}

impl Words {
    fn of(person: &Person) -> Self {
        let words = person.words();
        Self { name: words.name.as_str().to_owned(), email: words.email.as_str().to_owned() }
    }
}

#[test]
fn what_is_searched_for_is_found() {
    for spelled in ["TWVldA", "NZWV0", "1lZX", "4d656574", "4D656574", "77, 101, 101, 116", "M\0e\0e\0t\0"] {
        let haystack = format!("xx{spelled}yy").into_bytes();
        assert!(spellings(b"Meet").iter().any(|spelling| has(&haystack, spelling)), "{spelled}");
    }
    assert!(!has(b"abcabd", b"abe") && has(b"ababc", b"abc"));
}
