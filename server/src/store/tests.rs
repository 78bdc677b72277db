use super::*;
use msr_protocol::{JsonText, Location};
use redb::Database;

const TTL: Duration = Duration::from_millis(1_000);

fn profile(number: u8) -> Arc<Profile> {
    Arc::new(Profile {
        credential: Credential([number; 16]),
        name: JsonText::from_spelled(r#""\ud800 Ann""#.to_owned()),
        email: JsonText::string("ann@example.org"),
        location: Location::default(),
        publish: true,
        identity: Identity::Md5,
    })
}

fn session(number: u8, state: SessionState, since_ms: i64) -> StoredSession {
    StoredSession { digest: SessionDigest([number; 32]), profile: profile(number), state, since_ms }
}

#[tokio::test]
async fn a_peer_is_remembered_and_signed_out_by_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = PeerStore::open(folder.path(), TTL, 0).unwrap();
    store.sign_in(profile(1), 100);
    store.sign_in(profile(2), 110);
    store.sign_out(profile(2).credential, 120);
    store.flush().await.unwrap();
    let known = store.peer(profile(1).credential).unwrap().unwrap();
    assert_eq!(known, StoredPeer { profile: (*profile(1)).clone(), online: true, signed_in_ms: 100, signed_out_ms: 0 });
    drop(store);

    let store = PeerStore::open(folder.path(), TTL, 500).unwrap();
    let known = store.peer(profile(1).credential).unwrap().unwrap();
    assert_eq!((known.online, known.signed_in_ms, known.signed_out_ms), (false, 100, 500));
    let known = store.peer(profile(2).credential).unwrap().unwrap();
    assert_eq!((known.online, known.signed_in_ms, known.signed_out_ms), (false, 110, 120));
}

#[tokio::test]
async fn an_identity_by_key_is_remembered_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let store = PeerStore::open(folder.path(), TTL, 0).unwrap();
    let identity = Identity::of(&JsonText::string("ed25519:AAAA"));
    let by_key = Arc::new(Profile { identity, ..(*profile(1)).clone() });
    store.sign_in(Arc::clone(&by_key), 100);
    assert_eq!(store.known(by_key.credential).unwrap(), Some(Arc::clone(&by_key)), "before it is written");
    store.flush().await.unwrap();
    assert_eq!(store.known(by_key.credential).unwrap(), Some(Arc::clone(&by_key)));
    assert_eq!(store.inner.unwritten.profile(by_key.credential), None);
    assert_eq!(store.known(Credential([2; 16])).unwrap(), None);
}

#[tokio::test]
async fn while_the_file_cannot_be_opened_again_nobody_knows_who_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let store = PeerStore::open(folder.path(), TTL, 0).unwrap();
    store.sign_in(profile(1), 100);
    store.flush().await.unwrap();
    let (file, away) = (folder.path().join("peers.redb"), folder.path().join("away"));
    std::fs::rename(&file, &away).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert!(store.inner.file.reopen().is_err());
    let known = || store.known(profile(1).credential);
    assert!(matches!(known(), Err(StoreError::Closed)), "whose lists must not be forgotten");
    std::fs::remove_dir(&file).unwrap();
    std::fs::rename(&away, &file).unwrap();
    store.inner.file.reopen().unwrap();
    assert_eq!(known().unwrap(), Some(profile(1)));
}

#[tokio::test]
async fn a_row_of_before_there_were_keys_is_read() {
    let folder = tempfile::tempdir().unwrap();
    drop(PeerStore::open(folder.path(), TTL, 0).unwrap());
    let database = Database::open(folder.path().join("peers.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    let row = r#"{"identity":"md5","name":"\"Ann\"","email":"\"\"","location":"{}","publish":true}"#;
    let peers = redb::TableDefinition::<&[u8; 16], (bool, i64, i64, &str)>::new("peers");
    transaction.open_table(peers).unwrap().insert(&[3; 16], (false, 1, 2, row)).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let store = PeerStore::open(folder.path(), TTL, 5).unwrap();
    let known = store.known(Credential([3; 16])).unwrap().unwrap();
    assert_eq!((known.name.as_str(), &known.identity), ("\"Ann\"", &Identity::Md5));
}

#[tokio::test]
async fn dropping_the_last_handle_writes() {
    let folder = tempfile::tempdir().unwrap();
    let store = PeerStore::open(folder.path(), TTL, 0).unwrap();
    let other = store.clone();
    drop(store);
    other.sign_in(profile(1), 100);
    drop(other);
    let store = PeerStore::open(folder.path(), TTL, 200).unwrap();
    assert!(store.peer(profile(1).credential).unwrap().is_some());
}

#[tokio::test]
async fn what_is_older_than_the_ttl_is_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let store = PeerStore::open(folder.path(), TTL, 0).unwrap();
    for number in 1..=3 {
        store.sign_in(profile(number), 100);
    }
    store.sign_out(profile(1).credential, 200);
    store.sign_out(profile(2).credential, 300);
    store.put_session(session(1, SessionState::Ended, 200));
    store.put_session(session(2, SessionState::Used { successor: Some(SessionDigest([3; 32])) }, 300));
    store.put_session(session(3, SessionState::Open, 100));
    store.clear(1_300);
    store.flush().await.unwrap();
    let known: Vec<bool> = (1..=3).map(|number| store.peer(profile(number).credential).unwrap().is_some()).collect();
    assert_eq!(known, [false, true, true], "peer 3 is online still");
    drop(store);

    let store = PeerStore::open(folder.path(), TTL, 1_300).unwrap();
    let used = SessionState::Used { successor: Some(SessionDigest([3; 32])) };
    assert_eq!(store.take_sessions(), [session(2, used, 300), session(3, SessionState::Ended, 1_300)]);
    assert_eq!(store.take_sessions(), [], "they are given once");
    drop(store);

    let store = PeerStore::open(folder.path(), TTL, 1_301).unwrap();
    assert!(store.peer(profile(2).credential).unwrap().is_none());
    assert_eq!(store.take_sessions(), [session(3, SessionState::Ended, 1_300)]);
}

#[tokio::test]
async fn a_session_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let store = PeerStore::open(folder.path(), TTL, 0).unwrap();
    store.put_session(session(1, SessionState::Ended, 10));
    store.forget_session(SessionDigest([1; 32]));
    drop(store);
    let store = PeerStore::open(folder.path(), TTL, 20).unwrap();
    assert_eq!(store.take_sessions(), []);
}

#[tokio::test]
async fn what_waits_is_bounded_in_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let store = PeerStore::open(folder.path(), TTL, 0).unwrap();
    let large = Arc::new(Profile { name: JsonText::string(&"x".repeat(1024 * 1024)), ..(*profile(1)).clone() });
    let fit = limits::WAITING_BYTES / large.bytes();
    // While this goes on, the writer waits with what it has taken.
    let transaction = store.inner.file.database().unwrap().begin_write().unwrap();
    for _ in 0..fit {
        store.sign_in(Arc::clone(&large), 100);
    }
    assert_eq!(store.lost(), 0);
    for _ in 0..3 {
        store.put_session(StoredSession { profile: Arc::clone(&large), ..session(1, SessionState::Ended, 10) });
    }
    store.sign_out(large.credential, 110);
    assert_eq!(store.lost(), 3, "what holds no profile still fits");
    transaction.abort().unwrap();
    store.flush().await.unwrap();
    assert!(!store.peer(large.credential).unwrap().unwrap().online);
    store.sign_in(large, 120);
    store.flush().await.unwrap();
    assert_eq!((store.lost(), store.inner.waiting_bytes.load(Ordering::Relaxed)), (3, 0));
}

#[tokio::test]
async fn a_store_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _store = PeerStore::open(folder.path(), TTL, 0).unwrap();
    assert!(matches!(PeerStore::open(folder.path(), TTL, 0).err(), Some(StoreError::InUse { .. })));
}

#[tokio::test]
async fn a_file_that_is_no_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("peers.redb"), [0x5a; 8_192]).unwrap();
    let error = PeerStore::open(folder.path(), TTL, 0).err().unwrap();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("peers.redb"));
}

#[tokio::test]
async fn a_damaged_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = PeerStore::open(folder.path(), TTL, 0).unwrap();
    for number in 0..200 {
        store.sign_in(profile(number), 100);
    }
    drop(store);
    let file = folder.path().join("peers.redb");
    let mut bytes = std::fs::read(&file).unwrap();
    let needle = b"ann@example.org";
    let places: Vec<usize> = (0..bytes.len() - needle.len()).filter(|&at| bytes[at..].starts_with(needle)).collect();
    for at in places {
        bytes[at] ^= 0xff;
    }
    std::fs::write(&file, bytes).unwrap();
    let error = PeerStore::open(folder.path(), TTL, 200).err().unwrap();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn another_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(PeerStore::open(folder.path(), TTL, 0).unwrap());
    let database = Database::open(folder.path().join("peers.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(redb::TableDefinition::<&str, u64>::new("meta")).unwrap().insert("schema", 2).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert!(matches!(PeerStore::open(folder.path(), TTL, 0).err(), Some(StoreError::Schema { found: 2, known: 1 })));
}
