//! The server's store is put back to an older copy: an older list, and one-time keys that were handed out before.

use std::path::Path;

use msr_client::Event;
use msr_crypto::read_list;
use msr_tests::ServerProcess;
use msr_tests::keyed::{Own, Person};

use crate::{online, secrets};

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, name) = (entry.as_ref().unwrap().path(), entry.as_ref().unwrap().file_name());
        if from.is_dir() {
            copy_folder(&from, &to.join(name));
        } else {
            std::fs::copy(&from, to.join(name)).unwrap();
        }
    }
}

async fn stop(server: &mut ServerProcess) {
    server.terminate();
    assert!(server.ended().await.success());
}

#[tokio::test]
async fn an_older_list_is_found_and_the_newer_put_back() {
    let mut server = ServerProcess::start().await;
    let (ann, bob) = (Person::new("Ann"), Person::new("Bob"));
    let (_laptop_slot, mut laptop) = online(&server, &ann).await;
    let (_bob_slot, mut bobs) = online(&server, &bob).await;
    stop(&mut server).await;
    let copy = server.settings.folder().join("copy");
    copy_folder(&server.settings.store(), &copy);
    server = server.restart().await;
    // A device more, and sessions that take one-time keys.
    laptop.registered().await;
    bobs.registered().await;
    let (_phone_slot, mut phone) = online(&server, &ann).await;
    laptop.heard("both", |heard| heard.listed.len() == 2).await;
    bobs.send(ann.credential(), "before").await;
    assert_eq!((laptop.secret().await, phone.secret().await), ("before".to_owned(), "before".to_owned()));
    let newer = laptop.told().counter;
    stop(&mut server).await;
    std::fs::remove_dir_all(server.settings.store()).unwrap();
    copy_folder(&copy, &server.settings.store());
    let server = server.restart().await;
    for client in [&mut laptop, &mut phone] {
        client.event("the gap to be told", |event| matches!(event, Event::Gap).then_some(())).await;
        client.registered().await;
    }
    bobs.registered().await;
    // The list that the server has is the newer one again, or one after it, with both devices on it.
    let (first, second) = (laptop.told().device.unwrap(), phone.told().device.unwrap());
    let mut asking = Own::new(&Person::new("Probe"), 9).register(server.port).await.ok().unwrap();
    let mut list = asking.list_of(ann.credential()).await.unwrap();
    msr_tests::within("the newer list", async {
        while read_list(&list).map_or(true, |list| list.counter < newer) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            list = asking.list_of(ann.credential()).await.unwrap();
        }
    })
    .await;
    let list = read_list(&list).unwrap();
    assert!(list.enrolment(first).is_some() && list.enrolment(second).is_some());
    // Sessions go on; and who begins one now is handed keys that were used before, and heals.
    bobs.send(ann.credential(), "after").await;
    assert_eq!((laptop.secret().await, phone.secret().await), ("after".to_owned(), "after".to_owned()));
    let (_carol_slot, carol) = online(&server, &Person::new("Carol")).await;
    carol.send(ann.credential(), "from Carol").await;
    assert_eq!((laptop.secret().await, phone.secret().await), ("from Carol".to_owned(), "from Carol".to_owned()));
    laptop.send(bob.credential(), "back").await;
    assert_eq!(secrets(&mut bobs, 1).await, ["back"]);
}
