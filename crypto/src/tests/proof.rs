use super::*;
use crate::{DamagedDevice, ProofError, Verified, verify_prekey, verify_proof};
use msr_protocol::v2::{Field, Proof};

const NONCE: [u8; 32] = [7; 32];
const HOST: &str = "router.example.org:443";
const DEVICE: Bytes16 = [1; 16];

fn verify(account: &Account, proof: &[u8]) -> Result<Verified, ProofError> {
    verify_proof(proof, &NONCE, account.credential, account.secret.as_str(), DEVICE)
}

fn encoded(proof: &Proof<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    proof.write(&mut out);
    out
}

#[test]
fn a_device_shows_whose_it_is() {
    let account = Account::new(1);
    let device = account.device(DEVICE);
    let verified = verify(&account, &device.proof(&NONCE, HOST, account.credential)).unwrap();
    assert_eq!((verified.host.as_str(), verified.enrolment), (HOST, device.enrolment));
}

#[test]
fn what_is_signed_for_something_else_is_refused() {
    let (account, other) = (Account::new(1), Account::new(2));
    let device = account.device(DEVICE);
    let verify = |proof: &[u8], nonce, of: &Account, device| verify_proof(proof, nonce, of.credential, of.secret.as_str(), device);
    let proof = device.proof(&NONCE, HOST, account.credential);
    assert_eq!(verify(&proof, &[8; 32], &account, DEVICE), Err(ProofError::Signature), "nonce");
    assert_eq!(verify(&proof, &NONCE, &account, [2; 16]), Err(ProofError::Enrolment), "device");
    assert_eq!(verify(&proof, &NONCE, &other, DEVICE), Err(ProofError::Enrolment), "account");
    let credential = other.credential;
    let refused = verify_proof(&proof, &NONCE, credential, account.secret.as_str(), DEVICE);
    assert_eq!(refused, Err(ProofError::Enrolment), "credential");
}

#[test]
fn each_signature_binds_by_itself() {
    // Enrolled rightly, but the connection is signed for another nonce, host, credential, device, or by another key.
    let (account, other) = (Account::new(1), Account::new(2));
    let OwnDevice { key, enrolment, .. } = account.device(DEVICE);
    let another_key = account.device([9; 16]).key;
    let signatures = [
        key.sign_connection(&[8; 32], HOST, account.credential, DEVICE),
        key.sign_connection(&NONCE, "other.example.org:443", account.credential, DEVICE),
        key.sign_connection(&NONCE, HOST, other.credential, DEVICE),
        key.sign_connection(&NONCE, HOST, account.credential, [2; 16]),
        another_key.sign_connection(&NONCE, HOST, account.credential, DEVICE),
        [0; 64],
    ];
    for signature in signatures {
        let proof = encoded(&Proof { host: HOST, enrolment, signature });
        assert_eq!(verify(&account, &proof), Err(ProofError::Signature));
    }
}

#[test]
fn an_enrolment_by_another_account_is_refused() {
    let (account, other) = (Account::new(1), Account::new(2));
    let mut device = account.device(DEVICE);
    device.enrolment = other.key.enrol(account.credential, DEVICE, &device.key.public(), [1; 32], 0);
    let refused = verify(&account, &device.proof(&NONCE, HOST, account.credential));
    assert_eq!(refused, Err(ProofError::Enrolment));
}

#[test]
fn a_device_key_of_small_order_is_refused() {
    let account = Account::new(1);
    let mut enrolment = account.device(DEVICE).enrolment;
    enrolment.device_key = [0; 32];
    enrolment.device_key[0] = 1;
    // Signed by the account, all the same.
    let signing = ed25519_dalek::SigningKey::from_bytes(&account.key.seed());
    let text = msr_protocol::v2::enrolment_text(account.credential, DEVICE, &enrolment);
    enrolment.signature = ed25519_dalek::Signer::sign(&signing, &text).to_bytes();
    let mut signature = [0; 64];
    signature[0] = 1;
    let proof = encoded(&Proof { host: HOST, enrolment, signature });
    assert_eq!(verify(&account, &proof), Err(ProofError::Enrolment));
}

#[test]
fn a_secret_that_is_no_key_is_refused() {
    let account = Account::new(1);
    let proof = account.device(DEVICE).proof(&NONCE, HOST, account.credential);
    for secret in ["\"d41d8cd98f00b204e9800998ecf8427e\"", account.key.secret_form().as_str(), ""] {
        let refused = verify_proof(&proof, &NONCE, account.credential, secret, DEVICE);
        assert_eq!(refused, Err(ProofError::Secret), "{secret}");
    }
}

#[test]
fn every_changed_bit_is_refused() {
    let account = Account::new(1);
    let proof = account.device(DEVICE).proof(&NONCE, HOST, account.credential);
    for place in 0..proof.len() {
        for bit in 0..8 {
            let mut changed = proof.clone();
            changed[place] ^= 1 << bit;
            assert!(verify(&account, &changed).is_err(), "byte {place}, bit {bit}");
        }
    }
}

#[test]
fn every_cut_is_refused() {
    let account = Account::new(1);
    let mut proof = account.device(DEVICE).proof(&NONCE, HOST, account.credential);
    for length in 0..proof.len() {
        assert_eq!(verify(&account, &proof[..length]), Err(ProofError::Malformed), "{length}");
    }
    proof.push(0);
    assert_eq!(verify(&account, &proof), Err(ProofError::Malformed));
}

#[test]
fn hosts_are_bounded() {
    let account = Account::new(1);
    let host = "h".repeat(crate::limits::HOST_BYTES + 1);
    let proof = account.device(DEVICE).proof(&NONCE, &host, account.credential);
    assert_eq!(verify(&account, &proof), Err(ProofError::Malformed));
}

#[test]
fn prekeys_are_the_devices_own() {
    let (account, other) = (Account::new(1), Account::new(2));
    let OwnDevice { key, .. } = account.device(DEVICE);
    let prekey = key.sign_prekey(account.credential, DEVICE, [5; 32], false, 6);
    let public = key.public();
    assert!(verify_prekey(account.credential, DEVICE, &public, &prekey));
    assert!(!verify_prekey(other.credential, DEVICE, &public, &prekey));
    assert!(!verify_prekey(account.credential, [2; 16], &public, &prekey));
    assert!(!verify_prekey(account.credential, DEVICE, &account.device([9; 16]).key.public(), &prekey));
    let mut bytes = Vec::new();
    prekey.write(&mut bytes);
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        let read = Field::read(&mut changed.as_slice());
        assert!(!read.is_ok_and(|prekey| verify_prekey(account.credential, DEVICE, &public, &prekey)), "{place}");
    }
}

#[test]
fn a_device_is_kept() {
    let device = Account::new(1).device(DEVICE);
    let bytes = device.encode();
    let read = OwnDevice::decode(&bytes).unwrap();
    assert_eq!((read.device, read.key.seed(), read.enrolment), (device.device, device.key.seed(), device.enrolment));
    for length in 0..bytes.len() {
        assert_eq!(OwnDevice::decode(&bytes[..length]).map(|_| ()), Err(DamagedDevice), "{length}");
    }
    for place in [0, 17, 49] {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        assert_eq!(OwnDevice::decode(&changed).map(|_| ()), Err(DamagedDevice), "version, seed or key: {place}");
    }
    assert!(OwnDevice::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
}
