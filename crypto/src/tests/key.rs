use super::*;
use crate::{PublicKey, account_key_of};

/// The eight points of small order, and the spellings of them and of others that are not the shortest: y of p and above
/// (p = 2^255 - 19), and x = 0 with a sign. "Taming the many EdDSAs" (Chalkias et al., 2020), table 2.
const NOT_KEYS: [&str; 14] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

fn bytes_of(hex_digits: &str) -> [u8; 32] {
    hex::decode(hex_digits).unwrap().try_into().unwrap()
}

/// The secret form of any 32 bytes.
fn form_of(bytes: &[u8; 32]) -> String {
    use base64ct::{Base64UrlUnpadded, Encoding};
    format!("\"ed25519:{}\"", Base64UrlUnpadded::encode_string(bytes))
}

#[test]
fn the_secret_form_is_read_back() {
    let account = Account::new(1);
    assert_eq!(account.secret.as_str().len(), 53);
    assert_eq!(account_key_of(account.secret.as_str()), Some(account.key.public()));
}

#[test]
fn small_order_and_other_spellings_are_no_keys() {
    for digits in NOT_KEYS {
        assert!(PublicKey::from_bytes(&bytes_of(digits)).is_none(), "{digits}");
        assert!(account_key_of(&form_of(&bytes_of(digits))).is_none(), "{digits}");
    }
}

#[test]
fn every_spelling_above_the_field_is_refused() {
    for low in 0xed..=0xff_u8 {
        for high in [0x7f, 0xff] {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (low, high);
            assert!(PublicKey::from_bytes(&bytes).is_none(), "{low:x} {high:x}");
        }
    }
}

#[test]
fn what_is_no_point_is_no_key() {
    let mut bytes = [0; 32];
    bytes[0] = 2;
    assert!(PublicKey::from_bytes(&bytes).is_none(), "there is no x for y = 2");
}

#[test]
fn the_secret_form_has_one_spelling() {
    let account = Account::new(1);
    let form = account.key.secret_form();
    let key = form.strip_prefix("ed25519:").unwrap();
    // The last character has two bits to spare: three more spellings decode to the same bytes elsewhere.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = alphabet.find(key.chars().last().unwrap()).unwrap();
    let loose = (1..4).map(|bits| format!("\"ed25519:{}{}\"", &key[..42], alphabet.chars().nth(last | bits).unwrap()));
    let others = [
        form.clone(),
        format!("\"{form}=\""),
        format!("\"{form}A\""),
        format!("\"{} \"", form),
        format!("\" {form}\""),
        format!("\"{form}\" "),
        format!("\"{}\"", &form[..form.len() - 1]),
        format!("\"Ed25519:{key}\""),
        format!("\"ED25519:{key}\""),
        format!("\"ed25519:{}\"", key.replace('-', "+").replace('_', "/") + "="),
        format!("\"ed25519:\\u{:04x}{}\"", u32::from(key.as_bytes()[0]), &key[1..]),
        format!("\"ed25519{key}\""),
        format!("\"{key}\""),
        "\"ed25519:\"".to_owned(),
        "\"\"".to_owned(),
        "\"".to_owned(),
        String::new(),
        "\"d41d8cd98f00b204e9800998ecf8427e\"".to_owned(),
    ];
    for text in loose.chain(others) {
        assert!(account_key_of(&text).is_none(), "{text}");
    }
}

#[test]
fn one_letter_off_is_another_key_or_none() {
    let account = Account::new(1);
    for place in 0..account.secret.as_str().len() {
        let mut bytes = account.secret.as_str().as_bytes().to_vec();
        bytes[place] ^= 1;
        let key = account_key_of(std::str::from_utf8(&bytes).unwrap());
        assert_ne!(key, Some(account.key.public()), "{place}");
    }
}

#[test]
fn base64_of_the_other_alphabet_is_refused() {
    // A key whose text has both signs that the alphabets differ in.
    let form = (0..=255).map(|seed| AccountKey::from_seed(&[seed; 32]).secret_form()).find(|form| form.contains('-') && form.contains('_'));
    let form = form.unwrap();
    assert!(account_key_of(&format!("\"{form}\"")).is_some());
    assert!(account_key_of(&format!("\"{}\"", form.replace('-', "+").replace('_', "/"))).is_none());
}

#[test]
fn a_signature_that_fits_all_texts_fits_none() {
    // R the neutral point, s = 0, under the neutral point: accepted by whoever is not strict.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&neutral);
    assert!(PublicKey::from_bytes(&neutral).is_none());
    assert!(!Account::new(1).key.public().signed(b"any", &signature));
}

#[test]
fn a_signature_has_one_spelling() {
    let account = Account::new(1);
    let device = account.device([1; 16]);
    let text = b"text";
    let mut signature = [0; 64];
    signature.copy_from_slice(&ed25519_dalek::Signer::sign(&ed25519_dalek::SigningKey::from_bytes(&device.key.seed()), text).to_bytes());
    assert!(device.key.public().signed(text, &signature));
    // s + L, where L is the order of the group: the same number to whoever does not look.
    let order = bytes_of("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut carry = 0;
    for (byte, added) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(added) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert!(!device.key.public().signed(text, &signature));
}

#[test]
fn debug_shows_nothing_secret() {
    let account = Account::new(0x5a);
    let device = account.device([1; 16]);
    for (shown, seed) in [
        (format!("{:?}", account.key), account.key.seed()),
        (format!("{:?}", device.key), device.key.seed()),
        (format!("{device:?}"), device.key.seed()),
    ] {
        let decimal = format!("{:?}", &seed[..4]);
        assert!(!shown.contains(&hex::encode(&seed[..4])) && !shown.contains(decimal.trim_matches(['[', ']'])), "{shown}");
    }
}
