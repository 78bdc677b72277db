//! What a device gives to another one of the same person, in a backup: the account's key and what is known of peers. No
//! session: two devices with one state of a ratchet would use it twice.

use msr_protocol::Credential;
use msr_protocol::v2::List;
use zeroize::Zeroizing;

use super::Machine;
use super::io::{Failure, SecretBytes};
use super::peers::Judged;
use super::records::{PeerRecord, peer_key};
use super::spelled::{read_whole, spell, spelled};
use crate::{AccountKey, read_list};
use msr_protocol::Code;

spelled! {
    /// What is in a backup.
    ExportText<'a> {
        /// 1.
        version: u8,
        /// Whose it is.
        credential: Credential,
        /// The seed of the account's key, where the device knew it.
        account: Option<[u8; 32]>,
        /// Records of peers, the peer's own among them.
        peers: List<&'a [u8]>,
    }
}

impl Machine {
    /// What a backup holds, to be sealed with [`crate::seal_backup`].
    #[must_use]
    pub fn export(&mut self) -> SecretBytes {
        let peers: Vec<_> = self.peers.credentials().into_iter().filter_map(|peer| Some(self.peers.get(peer).ok()??.to_record())).collect();
        let account = self.own.account.as_ref().map(|account| *account.seed());
        let peers = List(peers.iter().map(Vec::as_slice).collect());
        SecretBytes(Zeroizing::new(spell(&ExportText { version: 1, credential: self.me.0, account, peers })))
    }

    /// Takes over what [`Self::export`] gave: the account's key, and peers as far as more is known there than here. What
    /// it says of lists is checked as if a server said it.
    ///
    /// # Errors
    /// When it is damaged, or of another peer.
    pub fn import(&mut self, backup: &[u8], now_ms: i64) -> Result<(), Failure> {
        self.now_ms = now_ms;
        let text: ExportText<'_> = read_whole(backup).map_err(|_| Failure::from(Code::Damaged))?;
        if text.version != 1 || text.credential != self.me.0 {
            return Err(Code::InvalidArgument.into());
        }
        let account = text.account.map(|seed| AccountKey::from_seed(&seed));
        if let Some(account) = account.filter(|account| account.secret_text() == self.own.secret) {
            self.own.account = Some(account);
        }
        for record in text.peers.0 {
            let record: PeerRecord<'_> = read_whole(record).map_err(|_| Failure::from(Code::Damaged))?;
            self.import_peer(&record)?;
        }
        self.work();
        Ok(())
    }

    fn import_peer(&mut self, record: &PeerRecord<'_>) -> Result<(), Failure> {
        if record.list.is_empty() {
            return Ok(());
        }
        let list = read_list(record.list).map_err(|error| Failure::from(error.code()))?;
        let credential = list.credential;
        let peer = self.peers.entry(credential);
        let (fresh, alarm) = (peer.list.is_none(), peer.alarm);
        peer.verified |= record.verified && peer.list.as_ref().is_none_or(|known| known.account == list.account);
        peer.written |= record.written;
        match peer.judge(list) {
            Judged::Adopted(_) if fresh => {
                let record = peer.to_record();
                self.journal.put(peer_key(credential), record);
            }
            Judged::Adopted(changes) => self.adopted(credential, &changes),
            Judged::Held(changes) => self.held(credential, &changes),
            // A backup may be old: that is no alarm.
            Judged::Known | Judged::Alarm(_) => {
                peer.alarm = alarm;
                self.keep_peer(credential);
            }
        }
        Ok(())
    }
}
