//! Our own client against the real server: what it must not forget is in a folder, and it is dropped without a word where
//! a process would be killed. (`tests/soak.rs` kills processes.)

use std::path::Path;
use std::time::{Duration, Instant};

use msr_client::native::{Client, Options, Sent, Storage};
use msr_client::{Draft, Event, Inbound, Progress, Receipt, Settings, State};
use msr_protocol::{Code, Credential, JsonText, Peer, hash_secret};
use msr_tests::frames::Device;
use msr_tests::{Proxy, ServerProcess, quoted, within};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::away;

/// One device: where it keeps things, and who it is.
struct OurDevice {
    folder: TempDir,
    name: String,
    server: u16,
}

/// A client that runs.
struct Running {
    client: Client,
    events: mpsc::Receiver<Event>,
}

impl OurDevice {
    fn new(name: &str, server: u16) -> Self {
        Self { folder: TempDir::new().unwrap(), name: name.to_owned(), server }
    }

    fn peer(&self) -> Peer {
        let (name, email) = (JsonText::string(&self.name), JsonText::string("me@example.org"));
        Peer { name, email, secret: JsonText::string(&hash_secret(&self.name)), publish: true, ..Peer::default() }
    }

    fn credential(&self) -> Credential {
        self.peer().credential()
    }

    /// Starts it as a process would be: everything it knows it has from its folder. It connects to `port`.
    fn start(&self, port: u16) -> Running {
        let settings =
            Settings { server: format!("ws://127.0.0.1:{port}"), peer: self.peer(), device: "test".to_owned(), autoreconnect: true };
        let options = Options {
            seed: fastrand::u64(..),
            origin: Some(format!("http://127.0.0.1:{}", self.server)),
            storage: Storage::Folder(self.path().to_owned()),
            by_hand: true,
            ..Options::default()
        };
        let client = Client::new(settings, options);
        let events = client.events();
        let connecting = client.clone();
        tokio::spawn(async move { connecting.connect().await });
        Running { client, events }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Running {
    async fn registered(&self) {
        within("the registration", self.client.watch().wait_for(|status| status.state == State::Registered)).await.unwrap();
    }

    async fn event<T>(&mut self, what: &str, mut fits: impl FnMut(Event) -> Option<T>) -> T {
        within(what, async {
            loop {
                let event = self.events.recv().await.expect("the client goes on");
                if let Some(found) = fits(event) {
                    return found;
                }
            }
        })
        .await
    }

    /// The next message; handled when this returns.
    async fn message(&mut self) -> String {
        let inbound: Box<Inbound> =
            self.event("a message", |event| if let Event::Message(inbound) = event { Some(inbound) } else { None }).await;
        self.client.handled(inbound.tag.unwrap()).await.unwrap();
        serde_json::from_str(inbound.message.content.as_str()).unwrap()
    }

    async fn send(&self, to: Credential, text: &str) {
        let sent = within("the acceptance", self.client.send(draft(to, text))).await.unwrap();
        assert!(matches!(sent, Sent::Accepted { .. }), "{sent:?}");
    }

    /// Drops it as a kill would: no good-bye, nothing is waited for. Its folder is free when this returns.
    async fn kill(self, device: &OurDevice) {
        drop(self);
        let lock = device.path().join(format!("{}.lock", device.credential()));
        within("the folder to be free", async {
            while !std::fs::File::open(&lock).is_ok_and(|file| file.try_lock().is_ok()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

fn draft(to: Credential, text: &str) -> Draft {
    let to = JsonText::from_spelled(format!("[{}]", quoted(&to.to_string())));
    Draft { id: Some(text.to_owned()), ..Draft::new(to, JsonText::string("test"), JsonText::string(text)) }
}

/// Case 18: an outbox filled while there is no server, and a process that ends before there is one.
#[tokio::test]
async fn what_waits_in_the_outbox_survives_the_process() {
    const MESSAGES: usize = 1_000;
    let mut server = ServerProcess::start().await;
    let bob_device = OurDevice::new("Bob", server.port);
    let alice_device = OurDevice::new("Alice", server.port);
    let mut bob = bob_device.start(server.port);
    bob.registered().await;
    let alice = alice_device.start(server.port);
    alice.registered().await;
    server.kill().await;
    let mut sending = JoinSet::new();
    for number in 0..MESSAGES {
        let (client, to) = (alice.client.clone(), bob_device.credential());
        sending.spawn(async move { client.send(draft(to, &number.to_string())).await });
        tokio::task::yield_now().await;
    }
    within("the outbox", alice.client.watch().wait_for(|status| status.waiting == MESSAGES)).await.unwrap();
    // What is kept shows when another process takes the folder over.
    sending.abort_all();
    while sending.join_next().await.is_some() {}
    alice.kill(&alice_device).await;
    let mut alice = alice_device.start(server.port);
    let mut restored = Vec::new();
    while restored.len() < MESSAGES {
        restored.push(alice.event("what was kept", |event| if let Event::Restored { id, .. } = event { id } else { None }).await);
    }
    let _server = server.restart().await;
    let mut received = Vec::new();
    while received.len() < MESSAGES {
        received.push(bob.message().await);
    }
    assert_eq!(received, restored, "once each, in the order in which they were sent");
    alice.registered().await;
    alice.send(bob_device.credential(), "last").await;
    assert_eq!(bob.message().await, "last");
}

/// A large message on its way up holds up nobody but those that are to follow it.
#[tokio::test]
async fn a_large_message_holds_up_its_recipients_alone() {
    let server = ServerProcess::start().await;
    let proxy = Proxy::to(server.port).await;
    let [alice_device, bob_device, carol_device] = ["Alice", "Bob", "Carol"].map(|name| OurDevice::new(name, server.port));
    let (mut bob, mut carol) = (bob_device.start(server.port), carol_device.start(server.port));
    let mut alice = alice_device.start(proxy.port);
    for client in [&alice, &bob, &carol] {
        client.registered().await;
    }
    // Nothing comes back, so no more than a window of the pieces goes up.
    proxy.hold_what_the_server_sends();
    let large = "x".repeat(10 * 1024 * 1024);
    let mut sending = JoinSet::new();
    for (to, text) in [(&bob_device, large.as_str()), (&carol_device, "passes"), (&bob_device, "follows")] {
        let (client, to, text) = (alice.client.clone(), to.credential(), text.to_owned());
        let draft = Draft { id: None, ..draft(to, &text) };
        let before = client.status().waiting;
        sending.spawn(async move { client.send(draft).await });
        within("the outbox", alice.client.watch().wait_for(|status| status.waiting > before)).await.unwrap();
    }
    assert_eq!(carol.message().await, "passes");
    assert_eq!(alice.client.status().waiting, 3, "Alice has heard of nothing");
    let nothing = tokio::time::timeout(Duration::from_millis(1), bob.message()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    proxy.open();
    assert!(bob.message().await == large);
    assert_eq!(bob.message().await, "follows");
    while let Some(sent) = within("the acceptance", sending.join_next()).await {
        assert!(matches!(sent.unwrap(), Ok(Sent::Accepted { .. })));
    }
    let receiving = |event| match event {
        Event::Receipt(Receipt { recipient, progress: Progress::Receiving { bytes }, .. }) => Some((recipient, bytes)),
        _ => None,
    };
    let (recipient, bytes) = alice.event("how far it is", receiving).await;
    assert!(recipient == bob_device.credential() && bytes > 0);
}

/// Case 18: what was handled is known after the receiving process and the server have both ended.
#[tokio::test]
async fn what_was_handled_is_known_after_a_kill() {
    let mut server = ServerProcess::start().await;
    let bob_device = OurDevice::new("Bob", server.port);
    let alice_device = OurDevice::new("Alice", server.port);
    let alice = alice_device.start(server.port);
    let mut bob = bob_device.start(server.port);
    bob.registered().await;
    for round in 0..6 {
        for number in 0..20 {
            alice.send(bob_device.credential(), &format!("{round}.{number}")).await;
        }
        for number in 0..20 {
            assert_eq!(bob.message().await, format!("{round}.{number}"));
        }
        // That the last is noted shows by what Bob is told of a message of his own.
        bob.send(alice_device.credential(), &format!("noted {round}")).await;
        bob.kill(&bob_device).await;
        if round % 2 == 0 {
            server.kill().await;
            server = server.restart().await;
        }
        bob = bob_device.start(server.port);
        bob.registered().await;
    }
    alice.send(bob_device.credential(), "last").await;
    assert_eq!(bob.message().await, "last", "nothing came twice in between");
}

/// Case 9: the store of the server is gone. Both sides are told, and go on.
#[tokio::test]
async fn a_server_that_lost_its_store_is_noticed_and_used() {
    let mut server = ServerProcess::start().await;
    let (alice_device, bob_device) = (OurDevice::new("Alice", server.port), OurDevice::new("Bob", server.port));
    let (mut alice, mut bob) = (alice_device.start(server.port), bob_device.start(server.port));
    bob.registered().await;
    for number in 0..5 {
        alice.send(bob_device.credential(), &number.to_string()).await;
        assert_eq!(bob.message().await, number.to_string());
    }
    server.kill().await;
    std::fs::remove_dir_all(server.settings.store()).unwrap();
    let _server = server.restart().await;
    for client in [&mut alice, &mut bob] {
        client.event("the gap to be told", |event| matches!(event, Event::Gap).then_some(())).await;
        client.registered().await;
    }
    for number in 5..10 {
        alice.send(bob_device.credential(), &number.to_string()).await;
        assert_eq!(bob.message().await, number.to_string());
    }
}

/// Case 9: an older copy of the store is put in its place, which knows less than the clients.
#[tokio::test]
async fn a_server_with_an_older_store_is_noticed_and_used() {
    let mut server = ServerProcess::start().await;
    let (alice_device, bob_device) = (OurDevice::new("Alice", server.port), OurDevice::new("Bob", server.port));
    let (mut alice, mut bob) = (alice_device.start(server.port), bob_device.start(server.port));
    bob.registered().await;
    let mut copied = None;
    for number in 0..6 {
        alice.send(bob_device.credential(), &number.to_string()).await;
        assert_eq!(bob.message().await, number.to_string());
        if number == 2 {
            server.terminate();
            server.ended().await;
            let copy = server.settings.folder().join("copy");
            crate::lost_state::copy_folder(&server.settings.store(), &copy);
            copied = Some(copy);
            server = server.restart().await;
            bob.registered().await;
            alice.registered().await;
        }
    }
    server.terminate();
    server.ended().await;
    std::fs::remove_dir_all(server.settings.store()).unwrap();
    crate::lost_state::copy_folder(&copied.unwrap(), &server.settings.store());
    let _server = server.restart().await;
    for client in [&mut alice, &mut bob] {
        client.event("the gap to be told", |event| matches!(event, Event::Gap).then_some(())).await;
        client.registered().await;
    }
    for number in 6..12 {
        alice.send(bob_device.credential(), &number.to_string()).await;
        assert_eq!(bob.message().await, number.to_string());
    }
}

/// Case 10, the client's side: the network swallows everything; it is found out, and a new connection made.
#[tokio::test]
async fn a_half_open_connection_is_given_up() {
    let server = ServerProcess::start().await;
    let proxy = Proxy::to(server.port).await;
    let (alice_device, bob_device) = (OurDevice::new("Alice", server.port), OurDevice::new("Bob", server.port));
    let mut bob = bob_device.start(server.port);
    bob.registered().await;
    let alice = alice_device.start(proxy.port);
    alice.registered().await;
    proxy.freeze();
    let waiting = tokio::spawn({
        let (client, to) = (alice.client.clone(), bob_device.credential());
        async move { client.send(draft(to, "through")).await }
    });
    let mut watched = alice.client.watch();
    let lost = watched.wait_for(|status| status.state != State::Registered);
    // Two heartbeats, and as much again for a busy machine.
    tokio::time::timeout(Duration::from_secs(40), lost).await.expect("the silence is noticed").unwrap();
    proxy.open();
    assert_eq!(bob.message().await, "through");
    within("the acceptance", waiting).await.unwrap().unwrap();
}

/// Case 15: the same device twice. The older one does not fight back.
#[tokio::test]
async fn a_displaced_client_gives_up() {
    let server = ServerProcess::start().await;
    let device = OurDevice::new("Bob", server.port);
    let mut older = device.start(server.port);
    older.registered().await;
    // The same device from a copy of its folder, as a restored backup would be.
    let copy = OurDevice::new("Bob", server.port);
    for file in std::fs::read_dir(device.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let newer = copy.start(server.port);
    newer.registered().await;
    let failure = older.event("the end", |event| if let Event::Refused(failure) = event { Some(failure) } else { None }).await;
    assert_eq!(failure.code, Code::Displaced);
    assert_eq!(newer.client.status().state, State::Registered);
}

/// Case 21 with our own clients, whose attempts are spread. How long it took is printed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_clients_come_back() {
    const CLIENTS: usize = 200;
    let mut server = ServerProcess::start().await;
    let bob_device = away(&server, "Bob", "phone").await;
    let devices: Vec<_> = (0..CLIENTS).map(|place| OurDevice::new(&format!("Peer {place}"), server.port)).collect();
    let running: Vec<_> = devices.iter().map(|device| device.start(server.port)).collect();
    for client in &running {
        client.registered().await;
    }
    server.kill().await;
    let mut sending = JoinSet::new();
    for (place, client) in running.iter().enumerate() {
        let (client, to) = (client.client.clone(), bob_device.credential());
        sending.spawn(async move { client.send(draft(to, &place.to_string())).await });
    }
    server = server.restart().await;
    let started = Instant::now();
    // Their waits grow to 30 s at most: all are back soon after that at the latest.
    let all = async {
        while let Some(sent) = sending.join_next().await {
            assert!(matches!(sent.unwrap(), Ok(Sent::Accepted { .. })))
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("everybody is back");
    eprintln!("{CLIENTS} clients came back in {:?}", started.elapsed());
    let mut bob = Device { ..bob_device }.connect(server.port).await;
    let mut texts = Vec::new();
    for _ in 0..CLIENTS {
        let arrived = bob.message().await;
        texts.push(arrived.text().to_owned());
        bob.ack(arrived.sequence.unwrap()).await;
    }
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), CLIENTS, "one of each");
}
