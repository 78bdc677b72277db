//! Requests on their way to the disk: what has come is written in one transaction, and answered when that is committed.

use std::collections::VecDeque;
use std::time::Duration;

use msr_protocol::Code;
use tokio::sync::mpsc::Receiver;
use tokio::time::sleep;
use tracing::{error, info};

use super::desk::Desk;
use super::limits;
use super::request::{Request, Settled};
use super::stored::StoredKeys;
use super::tables::Tables;
use crate::store::StoreError;

/// Writes until nobody can ask any more, or nobody shall.
pub(super) async fn run(mut stored: StoredKeys, mut requests: Receiver<Request>) {
    let mut refused = false;
    while let Some(first) = requests.recv().await {
        let mut batch = VecDeque::from([first]);
        while batch.len() < limits::BATCH_REQUESTS
            && let Ok(request) = requests.try_recv()
        {
            batch.push_back(request);
        }
        let closes = batch.iter().any(|request| matches!(request, Request::Close { .. }));
        let written = tokio::task::spawn_blocking(move || {
            let (settled, result) = write(&mut stored, batch, refused);
            (stored, settled, result)
        });
        let Ok((kept, settled, result)) = written.await else {
            return error!("the thread that writes keys was lost");
        };
        stored = kept;
        match &result {
            Ok(()) if refused => info!("keys are written again"),
            Err(error) if !refused => error!(%error, "keys were not written"),
            Ok(()) | Err(_) => {}
        }
        refused = result.is_err();
        if closes {
            // The file is closed before whoever waits for that goes on.
            requests.close();
            drop(stored);
            settled.into_iter().for_each(|settled| settled(answered(&result)));
            while let Some(request) = requests.recv().await {
                request.refuse(Code::GoingAway);
            }
            return;
        }
        settled.into_iter().for_each(|settled| settled(answered(&result)));
        if refused {
            sleep(Duration::from_millis(limits::RETRY_MS)).await;
        }
    }
}

fn answered(result: &Result<(), StoreError>) -> Result<(), Code> {
    match result {
        Ok(()) => Ok(()),
        Err(_) => Err(Code::StoreFull),
    }
}

/// Does what is asked. What the disk refuses is refused to all of them.
fn write(stored: &mut StoredKeys, mut batch: VecDeque<Request>, reopen: bool) -> (Vec<Settled>, Result<(), StoreError>) {
    let mut settled = Vec::with_capacity(batch.len());
    let result = try_to_write(stored, &mut batch, &mut settled, reopen);
    batch.into_iter().for_each(|request| request.refuse(Code::StoreFull));
    (settled, result)
}

fn try_to_write(
    stored: &mut StoredKeys,
    batch: &mut VecDeque<Request>,
    settled: &mut Vec<Settled>,
    reopen: bool,
) -> Result<(), StoreError> {
    if reopen {
        stored.reopen()?;
    }
    let database = stored.file.database()?;
    let transaction = database.begin_write()?;
    let mut desk = Desk::new(Tables::open(&transaction)?, &stored.lists);
    while let Some(request) = batch.pop_front() {
        settled.push(request.carry_out(&mut desk)?);
    }
    if !desk.has_changed() {
        drop(desk);
        return transaction.abort().map_err(StoreError::from);
    }
    let fresh = desk.finish()?;
    transaction.commit()?;
    for (peer, list) in fresh {
        match list {
            Some(list) => stored.lists.put(peer, list),
            None => stored.lists.remove(peer),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use msr_protocol::Credential;

    use super::super::tests::list;
    use super::*;

    fn put(peer: u8, told: &std::sync::mpsc::Sender<Result<Code, Code>>) -> VecDeque<Request> {
        let told = told.clone();
        let answer = Box::new(move |put: Result<super::super::ListPut, Code>| {
            let _ = told.send(put.map(|put| put.code));
        });
        VecDeque::from([Request::PutList { peer: Credential([peer; 16]), list: list(1, &[peer], &[]), answer }])
    }

    #[test]
    fn after_a_refusal_what_is_on_disk_counts() {
        let folder = tempfile::tempdir().unwrap();
        let mut stored = StoredKeys::open(folder.path()).unwrap();
        let (told, heard) = std::sync::mpsc::channel();
        let (settled, result) = write(&mut stored, put(1, &told), false);
        settled.into_iter().for_each(|settled| settled(answered(&result)));
        assert_eq!(heard.try_recv(), Ok(Ok(Code::Done)));
        // The commit of another one failed, or so it seemed.
        stored.lists.put(Credential([2; 16]), list(1, &[2], &[]));
        let (settled, result) = write(&mut stored, put(3, &told), true);
        assert!(heard.try_recv().is_err(), "nothing is answered before it is committed");
        settled.into_iter().for_each(|settled| settled(answered(&result)));
        assert_eq!(heard.try_recv(), Ok(Ok(Code::Done)));
        let has = [1, 2, 3].map(|peer| stored.lists.get(Credential([peer; 16])).is_some());
        assert_eq!(has, [true, false, true]);
    }

    #[test]
    fn what_the_disk_refuses_is_refused_to_all() {
        let folder = tempfile::tempdir().unwrap();
        let mut stored = StoredKeys::open(folder.path()).unwrap();
        let (told, heard) = std::sync::mpsc::channel();
        let mut batch = put(1, &told);
        batch.append(&mut put(2, &told));
        // The file cannot be opened again.
        std::fs::remove_file(folder.path().join("keys.redb")).unwrap();
        std::fs::create_dir(folder.path().join("keys.redb")).unwrap();
        let (settled, result) = write(&mut stored, batch, true);
        assert!(settled.is_empty() && result.is_err());
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), [Err(Code::StoreFull); 2]);
        assert!(stored.lists.get(Credential([1; 16])).is_none());
        // And now it can.
        std::fs::remove_dir(folder.path().join("keys.redb")).unwrap();
        let (settled, result) = write(&mut stored, put(1, &told), true);
        settled.into_iter().for_each(|settled| settled(answered(&result)));
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), [Ok(Code::Done)]);
    }
}
