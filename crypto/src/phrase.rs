//! Pass phrases that need no luck, and what a secret of somebody's own choice is roughly worth.

const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 4] = b"aiou";
/// What a group of five letters is worth.
const GROUP_BITS: f64 = 16.0;
/// From how many groups on a text is taken for a pass phrase of ours: single names have their shape too.
const GROUPS_AT_LEAST: usize = 4;

/// 128 random bits as eight groups of five letters that can be read aloud and typed anywhere: proquints
/// (D. S. Wilkerson, arXiv:0901.4016), `lusab-babad-…`.
#[must_use]
pub fn pass_phrase(entropy: [u8; 16]) -> String {
    let group = |pair: &[u8]| -> String {
        let number = pair.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
        let consonant = |shift: u32| CONSONANTS[number >> shift & 15];
        let vowel = |shift: u32| VOWELS[number >> shift & 3];
        [consonant(12), vowel(10), consonant(6), vowel(4), consonant(0)].map(char::from).iter().collect()
    };
    entropy.chunks(2).map(group).collect::<Vec<_>>().join("-")
}

fn is_group(text: &str) -> bool {
    let letters = text.as_bytes();
    let fits = |(place, letter): (usize, &u8)| if place % 2 == 0 { CONSONANTS.contains(letter) } else { VOWELS.contains(letter) };
    letters.len() == 5 && letters.iter().enumerate().all(fits)
}

/// What everybody tries first, by themselves or as part of a secret.
const COMMON: &[&str] = &[
    "abc", "admin", "asdf", "asdfgh", "baseball", "dragon", "football", "hello", "iloveyou", "letmein", "login", "master", "monkey",
    "pass", "passw", "password", "princess", "qwer", "qwert", "qwerty", "qwertz", "secret", "shadow", "sunshine", "test", "welcome",
];
const COMMON_BITS: f64 = 4.0;
/// A run up, down or on the spot: `1234`, `dcba`, `aaaa`.
const RUN_BITS: f64 = 4.0;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letter,
    Digit,
    Other,
}

/// Other scripts count as letters: what Unicode knows of them would be a third of what the page loads to derive a key.
fn kind(char: char) -> Kind {
    if char.is_ascii_alphabetic() || !char.is_ascii() {
        Kind::Letter
    } else if char.is_ascii_digit() {
        Kind::Digit
    } else {
        Kind::Other
    }
}

fn is_run(part: &[char]) -> bool {
    let step = |pair: &[char]| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0]));
    let mut steps = part.windows(2).map(step);
    let first = steps.next();
    part.len() > 2 && first.is_some_and(|first| first.abs() <= 1) && steps.all(|step| Some(step) == first)
}

/// Whether the letters could be a word of a language: a share of vowels as words have, or letters we know nothing of.
fn is_word(letters: &[char]) -> bool {
    let vowels = letters.iter().filter(|char| matches!(char, 'a' | 'e' | 'i' | 'o' | 'u' | 'y') || !char.is_ascii()).count();
    letters.len() > 2 && (letters.len()..=letters.len() * 4).contains(&(vowels * 5))
}

/// A count of characters or parts; texts are far shorter than what an `f64` counts exactly.
fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

fn letter_bits(part: &[char], lower: &[char]) -> f64 {
    let count = number(part.len());
    let capitals = number(part.iter().filter(|char| char.is_ascii_uppercase()).count()).min(count / 2.0);
    let spelled: String = lower.iter().collect();
    if COMMON.contains(&spelled.as_str()) {
        COMMON_BITS
    } else if lower.iter().any(|char| *char > '\u{2e80}') {
        // A character is a word or half of one.
        7.0 * count
    } else if is_word(lower) {
        (2.2 * count).min(13.0 * number(part.len().div_ceil(8))) + capitals.min(2.0)
    } else {
        4.7 * count + capitals
    }
}

fn digit_bits(part: &[char]) -> f64 {
    let is_year = matches!(part, ['1', '9', _, _] | ['2', '0', _, _]);
    if is_year { 6.0 } else { 3.3 * number(part.len()) }
}

fn other_bits(part: &[char]) -> f64 {
    let is_separator = matches!(part, [' ' | '-' | '_' | '.' | ',']);
    if is_separator { 0.5 } else { 4.0 * number(part.len()) }
}

fn part_bits(part: &[char]) -> f64 {
    let lower: Vec<char> = part.iter().map(char::to_ascii_lowercase).collect();
    if is_run(&lower) {
        return RUN_BITS;
    }
    match part.first().map(|first| kind(*first)) {
        Some(Kind::Letter) => letter_bits(part, &lower),
        Some(Kind::Digit) => digit_bits(part),
        Some(Kind::Other) => other_bits(part),
        None => 0.0,
    }
}

/// About how many bits of luck a guesser needs for this secret: a pass phrase of ours 16 a group, else what its words,
/// numbers and signs are usually worth, repeated parts one bit. Rough and without a dictionary: to warn of bad secrets
/// (below 40 somebody guesses it, from 70 on nobody does), not to praise good ones.
#[must_use]
pub fn strength_bits(secret: &str) -> f64 {
    let groups: Vec<&str> = secret.split('-').collect();
    if groups.len() >= GROUPS_AT_LEAST && groups.iter().all(|group| is_group(group)) {
        let is_first = |(place, group): &(usize, &&str)| !groups[..*place].contains(group);
        return GROUP_BITS * number(groups.iter().enumerate().filter(is_first).count());
    }
    let chars: Vec<char> = secret.chars().collect();
    let mut seen: Vec<&[char]> = vec![];
    let mut sum = 0.0;
    for part in chars.chunk_by(|one, next| kind(*one) == kind(*next)) {
        let bits = part_bits(part);
        sum += if seen.contains(&part) { bits.min(1.0) } else { bits };
        seen.push(part);
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn pass_phrases_are_proquints() {
        // 127.0.0.1 and 63.84.220.193 of the paper.
        let phrase = pass_phrase([127, 0, 0, 1, 63, 84, 220, 193, 0, 0, 255, 255, 0, 16, 1, 0]);
        assert_eq!(phrase, "lusab-babad-gutih-tugad-babab-zuzuz-babib-bahab");
        assert_eq!(strength_bits(&phrase), 128.0);
    }

    #[test]
    fn every_bit_is_in_the_pass_phrase() {
        let phrases: BTreeSet<_> = (0..128).map(|bit| pass_phrase((1_u128 << bit).to_be_bytes())).collect();
        assert_eq!(phrases.len(), 128);
    }

    #[test]
    fn bad_secrets_are_told() {
        for secret in
            ["", "a", "password", "Password1", "123456", "qwerty123", "aaaaaaaaaaaaaaaa", "summer2024", "hello hello hello", "robin"]
        {
            assert!(strength_bits(secret) < 30.0, "{secret}: {}", strength_bits(secret));
        }
    }

    #[test]
    fn good_secrets_are_left_alone() {
        for secret in ["correct horse battery staple", "J7#kq!zR2xPv", "der blaue Elefant tanzt auf 77 Dächern"] {
            assert!(strength_bits(secret) > 40.0, "{secret}: {}", strength_bits(secret));
        }
        assert!(strength_bits("xK9#mQ2$vL7!pR4&") > 70.0);
    }

    #[test]
    fn nothing_is_below_nothing() {
        for secret in ["", " ", "\u{0}", "é", "密码密码", "👍👍", "----", "-"] {
            let bits = strength_bits(secret);
            assert!(bits.is_finite() && bits >= 0.0, "{secret}: {bits}");
        }
    }
}
