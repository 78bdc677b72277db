//! The tables of the store, and everything that is done to them.

use std::sync::Arc;

use msr_protocol::Credential;
use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use super::{Profile, SessionDigest, SessionState, StoreError, StoredPeer, StoredSession};

/// The version of what follows.
const SCHEMA: u64 = 1;

/// `schema` → [`SCHEMA`].
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// Credential → online, signed in at, signed out at (ms since 1970; 0 for never), profile.
type PeerRow = (bool, i64, i64, &'static str);
const PEERS: TableDefinition<'_, &[u8; 16], PeerRow> = TableDefinition::new("peers");

/// Digest of the session id → state, since, successor, credential, profile.
type SessionRow = (u8, i64, Option<&'static [u8; 32]>, &'static [u8; 16], &'static str);
const SESSIONS: TableDefinition<'_, &[u8; 32], SessionRow> = TableDefinition::new("sessions");

const OPEN: u8 = 0;
const ENDED: u8 = 1;
const USED: u8 = 2;

/// Writes the schema into an empty store; refuses one of another schema.
pub(super) fn prepare(transaction: &WriteTransaction) -> Result<(), StoreError> {
    let mut meta = transaction.open_table(META)?;
    let found = meta.get("schema")?.map(|schema| schema.value());
    match found {
        None => meta.insert("schema", SCHEMA).map(drop)?,
        Some(SCHEMA) => {}
        Some(found) => return Err(StoreError::Schema { found, known: SCHEMA }),
    }
    transaction.open_table(PEERS)?;
    transaction.open_table(SESSIONS)?;
    Ok(())
}

/// Signs everybody out who was online when the server stopped; their sessions ended then too.
pub(super) fn sign_everybody_out(transaction: &WriteTransaction, now_ms: i64) -> Result<(), StoreError> {
    let mut online = Vec::new();
    let mut peers = transaction.open_table(PEERS)?;
    for row in peers.iter()? {
        let (credential, peer) = row?;
        if peer.value().0 {
            online.push(*credential.value());
        }
    }
    for credential in online {
        set_signed_out(&mut peers, &credential, now_ms)?;
    }
    let mut open = Vec::new();
    let mut sessions = transaction.open_table(SESSIONS)?;
    for row in sessions.iter()? {
        let (digest, session) = row?;
        let (state, _, _, credential, profile) = session.value();
        if state == OPEN {
            open.push((*digest.value(), *credential, profile.to_owned()));
        }
    }
    for (digest, credential, profile) in open {
        sessions.insert(&digest, (ENDED, now_ms, None, &credential, profile.as_str()))?;
    }
    Ok(())
}

pub(super) fn sign_in(transaction: &WriteTransaction, profile: &Profile, at_ms: i64) -> Result<(), StoreError> {
    let mut peers = transaction.open_table(PEERS)?;
    let key = profile.credential.0;
    let signed_out_ms = peers.get(&key)?.map_or(0, |peer| peer.value().2);
    peers.insert(&key, (true, at_ms, signed_out_ms, profile.to_stored()?.as_str()))?;
    Ok(())
}

pub(super) fn sign_out(transaction: &WriteTransaction, credential: Credential, at_ms: i64) -> Result<(), StoreError> {
    set_signed_out(&mut transaction.open_table(PEERS)?, &credential.0, at_ms)
}

fn set_signed_out(peers: &mut redb::Table<'_, &[u8; 16], PeerRow>, key: &[u8; 16], at_ms: i64) -> Result<(), StoreError> {
    let known = peers.get(key)?.map(|peer| {
        let (_, signed_in_ms, _, profile) = peer.value();
        (signed_in_ms, profile.to_owned())
    });
    if let Some((signed_in_ms, profile)) = known {
        peers.insert(key, (false, signed_in_ms, at_ms, profile.as_str()))?;
    }
    Ok(())
}

pub(super) fn put_session(transaction: &WriteTransaction, session: &StoredSession) -> Result<(), StoreError> {
    let (state, successor) = match &session.state {
        SessionState::Open => (OPEN, None),
        SessionState::Ended => (ENDED, None),
        SessionState::Used { successor } => (USED, successor.as_ref().map(|successor| &successor.0)),
    };
    let profile = session.profile.to_stored()?;
    let row = (state, session.since_ms, successor, &session.profile.credential.0, profile.as_str());
    transaction.open_table(SESSIONS)?.insert(&session.digest.0, row)?;
    Ok(())
}

pub(super) fn forget_session(transaction: &WriteTransaction, digest: SessionDigest) -> Result<(), StoreError> {
    transaction.open_table(SESSIONS)?.remove(&digest.0)?;
    Ok(())
}

/// Removes the peers signed out, and the sessions over, before that time.
pub(super) fn clear(transaction: &WriteTransaction, before_ms: i64) -> Result<(), StoreError> {
    transaction.open_table(PEERS)?.retain(|_, (online, _, signed_out_ms, _)| online || signed_out_ms >= before_ms)?;
    transaction.open_table(SESSIONS)?.retain(|_, (state, since_ms, ..)| state == OPEN || since_ms >= before_ms)?;
    Ok(())
}

pub(super) fn peer(transaction: &ReadTransaction, credential: Credential) -> Result<Option<StoredPeer>, StoreError> {
    let peers = transaction.open_table(PEERS)?;
    let Some(row) = peers.get(&credential.0)? else { return Ok(None) };
    let (online, signed_in_ms, signed_out_ms, profile) = row.value();
    Ok(Some(StoredPeer { profile: Profile::from_stored(credential, profile)?, online, signed_in_ms, signed_out_ms }))
}

pub(super) fn sessions(transaction: &ReadTransaction) -> Result<Vec<StoredSession>, StoreError> {
    let mut sessions = Vec::new();
    for row in transaction.open_table(SESSIONS)?.iter()? {
        let (digest, row) = row?;
        let (state, since_ms, successor, credential, profile) = row.value();
        let state = match state {
            OPEN => SessionState::Open,
            ENDED => SessionState::Ended,
            USED => SessionState::Used { successor: successor.map(|digest| SessionDigest(*digest)) },
            unknown => return Err(StoreError::SessionState(unknown)),
        };
        let profile = Arc::new(Profile::from_stored(Credential(*credential), profile)?);
        sessions.push(StoredSession { digest: SessionDigest(*digest.value()), profile, state, since_ms });
    }
    Ok(sessions)
}
