//! The words of the session for letters are those of the machine, one for one.

use msr_client as client;
use msr_crypto as crypto;

pub(super) fn letter(letter: client::Letter) -> crypto::Letter {
    let client::Letter { recipients, flags, reply_to, subject, payload, encrypt, allow_plain } = letter;
    let encrypt = match encrypt {
        client::Encrypt::Required => crypto::Encrypt::Required,
        client::Encrypt::Auto | client::Encrypt::Off => crypto::Encrypt::Auto,
    };
    crypto::Letter { recipients, flags, reply_to, subject, payload, encrypt, allow_plain }
}

fn failure(crypto::Failure { code, detail }: crypto::Failure) -> client::Failure {
    client::Failure { code, detail }
}

pub(super) fn sealing(sealing: crypto::Sealing) -> client::Sealing {
    match sealing {
        crypto::Sealing::Sealed { payload, headers } => client::Sealing::Sealed { payload, headers },
        crypto::Sealing::Plain => client::Sealing::Plain,
        crypto::Sealing::Refused(refused) => client::Sealing::Refused(failure(refused)),
    }
}

pub(super) fn opened(opened: crypto::Opened) -> client::Opened {
    let crypto::Opened { flags, reply_to, subject, payload } = opened;
    client::Opened { flags, reply_to, subject, payload }
}

pub(super) fn opening(opening: crypto::Opening) -> client::Opening {
    match opening {
        crypto::Opening::Opened(it) => client::Opening::Opened(opened(it)),
        crypto::Opening::Silent => client::Opening::Silent,
        crypto::Opening::Failed(failed) => client::Opening::Failed(failure(failed)),
    }
}

pub(super) fn changes(changes: Vec<crypto::Change>) -> Vec<client::Change> {
    let change = |change| match change {
        crypto::Change::Put { key, value } => client::Change::Put { key, value },
        crypto::Change::Delete { key } => client::Change::Delete { key },
    };
    changes.into_iter().map(change).collect()
}
