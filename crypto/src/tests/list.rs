use super::*;
use crate::limits::{DEVICES_PER_LIST, REVOKED_PER_LIST};
use crate::{DeviceList, ListError, NextListError, read_list};
use msr_protocol::v2::{Field, List, ListedDevices, SignedList};

fn id(number: u16) -> Bytes16 {
    let mut id = [0; 16];
    id[..2].copy_from_slice(&number.to_be_bytes());
    id
}

impl Account {
    /// What a test changes before it has it signed.
    fn list(&self, devices: &[u16], revoked: &[u16]) -> ListedDevices<'_> {
        let listed = |number: &u16| self.listed(id(*number));
        ListedDevices {
            credential: self.credential,
            name: self.words.name.as_str(),
            email: self.words.email.as_str(),
            secret: self.secret.as_str(),
            counter: 3,
            signed_ms: 4,
            devices: List(devices.iter().map(listed).collect()),
            revoked: List(revoked.iter().map(|number| id(*number)).collect()),
        }
    }

    fn read(&self, list: &ListedDevices<'_>) -> Result<DeviceList, ListError> {
        read_list(&self.key.sign_list(list))
    }
}

#[test]
fn a_list_is_read() {
    let account = Account::new(1);
    let bytes = account.key.sign_list(&account.list(&[1, 2, 9], &[3, 4]));
    let list = read_list(&bytes).unwrap();
    assert_eq!((list.credential, list.counter, list.signed_ms), (account.credential, 3, 4));
    assert_eq!((&list.words, &list.secret, list.account), (&account.words, &account.secret, account.key.public()));
    assert_eq!(list.devices.iter().map(|listed| listed.device).collect::<Vec<_>>(), [id(1), id(2), id(9)]);
    assert_eq!((list.revoked.as_slice(), &list.bytes), ([id(3), id(4)].as_slice(), &bytes));
    assert_eq!(list.enrolment(id(2)), Some(&account.device(id(2)).enrolment));
    assert_eq!(list.enrolment(id(3)), None);
    assert!(list.is_revoked(id(3)) && !list.is_revoked(id(2)));
}

#[test]
fn an_empty_list_and_a_full_one_hold() {
    let account = Account::new(1);
    let most: Vec<u16> = (0..64).collect();
    let revoked: Vec<u16> = (100..356).collect();
    assert_eq!((most.len(), revoked.len()), (DEVICES_PER_LIST, REVOKED_PER_LIST));
    for list in [account.list(&[], &[]), account.list(&most, &revoked)] {
        assert!(account.read(&list).is_ok());
    }
}

#[test]
fn what_the_account_should_not_have_signed_is_refused() {
    let account = Account::new(1);
    let other = Account::new(2);
    let too_many: Vec<u16> = (0..65).collect();
    let too_many_revoked: Vec<u16> = (0..257).collect();
    let order = |devices: &[u16], revoked: &[u16]| account.read(&account.list(devices, revoked));
    assert_eq!(order(&[2, 1], &[]), Err(ListError::Order), "devices out of order");
    assert_eq!(order(&[1, 1], &[]), Err(ListError::Order), "a device twice");
    assert_eq!(order(&[], &[2, 1]), Err(ListError::Order), "revoked out of order");
    assert_eq!(order(&[], &[1, 1]), Err(ListError::Order), "revoked twice");
    assert_eq!(order(&[1, 2, 3], &[0, 3]), Err(ListError::Order), "listed and revoked");
    assert_eq!(order(&too_many, &[]), Err(ListError::TooMany));
    assert_eq!(order(&[], &too_many_revoked), Err(ListError::TooMany));

    let changed = |change: &dyn Fn(&mut ListedDevices<'_>)| {
        let mut list = account.list(&[1], &[2]);
        change(&mut list);
        account.read(&list)
    };
    assert_eq!(changed(&|list| list.counter = 0), Err(ListError::Counter));
    assert_eq!(changed(&|list| list.credential = other.credential), Err(ListError::Credential));
    let others_device = other.device(id(1)).enrolment;
    assert_eq!(changed(&|list| list.devices.0[0].enrolment = others_device), Err(ListError::Enrolment));
    assert_eq!(changed(&|list| list.devices.0[0].device = id(7)), Err(ListError::Enrolment), "enrolled as another device");
    assert_eq!(changed(&|list| list.devices.0[0].enrolment.enrolled_ms += 1), Err(ListError::Enrolment));
}

#[test]
fn words_that_are_not_the_credentials_are_refused() {
    let account = Account::new(1);
    let long = format!("\"{}\"", "n".repeat(msr_protocol::limits::PEER_FIELD_BYTES));
    let with_name = |name: &str| {
        let mut list = account.list(&[], &[]);
        list.name = name;
        read_list(&account.key.sign_list(&list))
    };
    assert_eq!(with_name("\"another\""), Err(ListError::Credential));
    for name in ["", "\"", "peer 1", "1", "null", "[\"peer 1\"]", "\"peer\" 1\"", " \"peer 1\"", &long] {
        assert_eq!(with_name(name), Err(ListError::Words), "{name}");
    }
}

#[test]
fn words_cannot_be_cut_elsewhere() {
    // The same text is hashed, with the border of name and e-mail address moved.
    let account = Account::new(1);
    let name = format!(r#"{},"email":"x""#, account.words.name);
    let moved = Words { name: JsonText::from_spelled(name), email: account.words.email.clone() };
    let credential = moved.credential(&account.secret);
    let mut list = account.list(&[], &[]);
    (list.name, list.credential) = (moved.name.as_str(), credential);
    assert_eq!(account.read(&list), Err(ListError::Words));
}

#[test]
fn a_secret_that_is_no_key_is_refused() {
    let account = Account::new(1);
    let padded = format!("\"{}=\"", account.key.secret_form());
    for secret in ["\"d41d8cd98f00b204e9800998ecf8427e\"", padded.as_str()] {
        let mut list = account.list(&[], &[]);
        list.secret = secret;
        list.credential = account.words.credential(&JsonText::from_spelled(secret.to_owned()));
        assert_eq!(account.read(&list), Err(ListError::Words));
    }
}

#[test]
fn forged_lists_are_refused() {
    let (account, other) = (Account::new(1), Account::new(2));
    let list = account.list(&[1], &[]);
    assert_eq!(other.read(&list), Err(ListError::Signature), "signed by another account");
    let device = crate::AccountKey::from_seed(&account.device(id(1)).key.seed());
    assert_eq!(read_list(&device.sign_list(&list)), Err(ListError::Signature), "signed by a device");
    let mut body = Vec::new();
    list.write(&mut body);
    let mut bytes = Vec::new();
    SignedList { signature: [0; 64], body: &body }.write(&mut bytes);
    assert_eq!(read_list(&bytes), Err(ListError::Signature), "not signed");
}

#[test]
fn every_changed_byte_is_refused() {
    let account = Account::new(1);
    let bytes = account.key.sign_list(&account.list(&[1, 2], &[3]));
    for place in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[place] ^= flip;
            assert!(read_list(&changed).is_err(), "byte {place}, {flip:#x}");
        }
    }
}

#[test]
fn every_cut_is_refused() {
    let account = Account::new(1);
    let mut bytes = account.key.sign_list(&account.list(&[1, 2], &[3]));
    for length in 0..bytes.len() {
        assert_eq!(read_list(&bytes[..length]), Err(ListError::Malformed), "{length}");
    }
    bytes.push(0);
    assert_eq!(read_list(&bytes), Err(ListError::Malformed));
}

#[test]
fn a_body_with_more_than_a_list_is_refused() {
    let account = Account::new(1);
    let mut body = Vec::new();
    account.list(&[1], &[]).write(&mut body);
    body.push(0);
    let signing = ed25519_dalek::SigningKey::from_bytes(&account.key.seed());
    let signature = ed25519_dalek::Signer::sign(&signing, &msr_protocol::v2::list_text(&body)).to_bytes();
    let mut bytes = Vec::new();
    SignedList { signature, body: &body }.write(&mut bytes);
    assert_eq!(read_list(&bytes), Err(ListError::Malformed));
}

#[test]
fn lists_follow_each_other() {
    let account = Account::new(1);
    let first = account.read(&DeviceList::first(&account.words, &account.secret, account.listed(id(5)), 1)).unwrap();
    assert_eq!((first.counter, first.credential, first.revoked.len()), (1, account.credential, 0));
    let second = account.read(&first.with_device(account.listed(id(2)), 2).unwrap()).unwrap();
    assert_eq!((second.counter, second.signed_ms), (2, 2));
    assert_eq!(second.devices.iter().map(|listed| listed.device).collect::<Vec<_>>(), [id(2), id(5)]);
    let third = account.read(&second.without(id(5), 3).unwrap()).unwrap();
    assert_eq!((third.devices.len(), third.revoked.as_slice()), (1, [id(5)].as_slice()));
    assert_eq!(third.with_device(account.listed(id(5)), 4), Err(NextListError::Revoked));
    let again = account.read(&third.without(id(5), 4).unwrap()).unwrap();
    assert_eq!((again.counter, again.revoked.as_slice()), (4, [id(5)].as_slice()));
    let stranger = account.read(&again.without(id(1), 5).unwrap()).unwrap();
    assert_eq!(stranger.revoked, [id(1), id(5)]);
}

#[test]
fn a_device_enrolled_anew_takes_its_place() {
    let account = Account::new(1);
    let first = account.read(&account.list(&[1, 2], &[])).unwrap();
    let enrolment = account.key.enrol(account.credential, id(2), &account.device(id(2)).key.public(), [9; 32], 9);
    let next = account.read(&first.with_device(ListedDevice { device: id(2), enrolment }, 5).unwrap()).unwrap();
    assert_eq!((next.devices.len(), next.enrolment(id(2))), (2, Some(&enrolment)));
}

#[test]
fn lists_are_bounded() {
    let account = Account::new(1);
    let most: Vec<u16> = (0..64).collect();
    let revoked: Vec<u16> = (100..356).collect();
    let full = account.read(&account.list(&most, &revoked)).unwrap();
    assert_eq!(full.with_device(account.listed(id(70)), 5), Err(NextListError::Full));
    assert!(full.with_device(account.listed(id(7)), 5).is_ok(), "it is listed already");
    assert_eq!(full.without(id(7), 5), Err(NextListError::Spent));
    let mut last = account.list(&[1], &[]);
    last.counter = u64::MAX;
    let last = account.read(&last).unwrap();
    assert_eq!(last.without(id(1), 5), Err(NextListError::Last));
}

#[test]
fn a_device_whose_keys_are_no_more_leaves_without_a_trace() {
    let account = Account::new(1);
    let list = account.read(&account.list(&[1, 2], &[3])).unwrap();
    let next = account.read(&list.without_lost(id(1), 5).unwrap()).unwrap();
    assert_eq!((next.counter, next.devices.len(), next.enrolment(id(1))), (4, 1, None));
    assert_eq!(next.revoked, [id(3)]);
    assert!(next.with_device(account.listed(id(1)), 6).is_ok(), "it may come back");
}

#[test]
fn where_there_is_no_room_a_device_takes_the_place_of_one_that_is_unknown() {
    let account = Account::new(1);
    let most: Vec<u16> = (0..64).collect();
    let mut all = account.list(&most, &[]);
    for (place, listed) in all.devices.0.iter_mut().enumerate() {
        let enrolled_ms = 1_000 - place as i64;
        listed.enrolment =
            account.key.enrol(account.credential, listed.device, &account.device(listed.device).key.public(), [9; 32], enrolled_ms);
    }
    let full = account.read(&all).unwrap();
    let new = || account.listed(id(70));
    assert_eq!(full.with_device_in_place(new(), |_| true, 5), Err(NextListError::Full));
    // 63 was enrolled longest ago, and is known.
    let next = account.read(&full.with_device_in_place(new(), |device| device == id(63), 5).unwrap()).unwrap();
    assert_eq!((next.devices.len(), next.revoked.len(), next.counter), (64, 0, full.counter + 1));
    assert!(next.enrolment(id(70)).is_some() && next.enrolment(id(62)).is_none() && next.enrolment(id(63)).is_some());
    let roomy = account.read(&account.list(&[1, 2], &[])).unwrap();
    let next = account.read(&roomy.with_device_in_place(new(), |_| false, 5).unwrap()).unwrap();
    assert_eq!(next.devices.len(), 3, "where there is room nobody goes");
    let revoked = account.read(&account.list(&most, &[70])).unwrap();
    assert_eq!(revoked.with_device_in_place(new(), |_| false, 5), Err(NextListError::Revoked));
}
