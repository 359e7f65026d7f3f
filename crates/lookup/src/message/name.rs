//! Names: as the wire has them, as they are shown, and as they are compared.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::rc::Rc;
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use crate::map::{mix, rough};

/// Bytes of names that are remembered before the memory is emptied.
const MOST_BYTES: usize = 2 * 1024 * 1024;
/// Bytes that a remembered name takes beside its letters, about.
const OVERHEAD: usize = 224;

/// An absolute domain name in presentation form with its trailing dot; compared without regard to case (RFC 4343).
/// Cheap to clone, to compare and to hash.
#[derive(Debug, Clone)]
pub struct QName(Rc<Spelled>);

#[derive(Debug)]
struct Spelled {
    /// Of `folded`, the same for the life of the process.
    hash: u64,
    shown: Rc<str>,
    /// `None` when that is what is shown.
    folded: Option<Box<str>>,
    /// The labels as the wire has them, each with its length in front and without the root's; empty where it was not read
    /// from there.
    wire: Labels,
}

/// Those of nearly all names lie where the name does, as they are compared for each message.
type Labels = SmallVec<[u8; 64]>;

/// The seed of this process: names come from strangers, who must not know which of them fall together.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::default);

impl QName {
    /// From presentation form; a missing trailing dot is added.
    pub fn new(name: &str) -> Self {
        Self::spelled(name, Labels::new())
    }

    fn spelled(name: &str, wire: Labels) -> Self {
        let shown: Rc<str> = if name.ends_with('.') { name.into() } else { format!("{name}.").into() };
        let upper = shown.bytes().any(|byte| byte.is_ascii_uppercase());
        let folded = upper.then(|| shown.to_ascii_lowercase().into_boxed_str());
        let hash = SEED.hash_one(folded.as_deref().unwrap_or(&shown));
        Self(Rc::new(Spelled { hash, shown, folded, wire }))
    }

    /// From the labels of the wire, each with its length in front and without the root's (RFC 1035 section 3.1): decimal
    /// escapes for odd bytes, which other tools read, too.
    fn from_wire(wire: &[u8]) -> Self {
        let mut shown = String::with_capacity(wire.len() + 1);
        let mut rest = wire;
        while let Some((length, after)) = rest.split_first() {
            let (label, next) = after.split_at_checked(usize::from(*length)).unwrap_or((after, &[]));
            for &byte in label {
                match byte {
                    b'.' | b'\\' => push_escape(&mut shown, byte),
                    0x21..=0x7e => shown.push(char::from(byte)),
                    _ => push_escape(&mut shown, byte),
                }
            }
            shown.push('.');
            rest = next;
        }
        if shown.is_empty() {
            shown.push('.');
        }
        Self::spelled(&shown, Labels::from_slice(wire))
    }

    /// As on the wire, with its trailing dot; odd bytes as `\ddd` (RFC 1035 section 5.1).
    pub fn as_str(&self) -> &str {
        &self.0.shown
    }

    /// The same, to be kept.
    pub(crate) fn shared(&self) -> Rc<str> {
        Rc::clone(&self.0.shown)
    }

    /// In lower case, with its trailing dot: the form that is compared.
    pub fn folded(&self) -> &str {
        self.0.folded.as_deref().unwrap_or(&self.0.shown)
    }

    /// Bytes of its labels on the wire, without the root's.
    pub(super) fn wire_length(&self) -> usize {
        self.0.wire.len()
    }

    /// A number that equal names share for the life of the process.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.0.hash
    }

    /// The fingerprint of the name that is [`Self::folded`] so.
    pub(crate) fn fingerprint_of(folded: &str) -> u64 {
        SEED.hash_one(folded)
    }
}

fn push_escape(shown: &mut String, byte: u8) {
    use fmt::Write as _;
    // Writing to a String cannot fail.
    let _ = write!(shown, "\\{byte:03}");
}

impl PartialEq for QName {
    fn eq(&self, other: &Self) -> bool {
        // Nearly always one and the same, or of another hash.
        Rc::ptr_eq(&self.0, &other.0) || (self.0.hash == other.0.hash && self.folded() == other.folded())
    }
}

impl Eq for QName {}

impl Hash for QName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl fmt::Display for QName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.shown)
    }
}

/// Names seen on the wire, each kept once: traffic asks for the same few again and again. Bounded: a flood of different
/// names empties it, and names that are still in use outlive that.
#[derive(Debug, Default)]
pub struct Names {
    /// By the hash of their wire form.
    known: HashTable<QName>,
    hasher: RandomState,
    /// Some of the latest, each at the place that some of its bytes lead to: nearly every name is one of these, and found
    /// without a hash of all of it.
    latest: Latest,
    /// The same for messages: what a message asks for is nearly always what one of its length asked that began alike.
    asked: Latest,
    bytes: usize,
}

/// Names, each at one of a few places. Who chooses names that share a place makes them slower to find, and no more.
#[derive(Debug)]
struct Latest(Box<[Option<QName>; Self::PLACES]>);

impl Default for Latest {
    fn default() -> Self {
        Self(Box::new([const { None }; Self::PLACES]))
    }
}

impl Latest {
    const BITS: u32 = 11;
    const PLACES: usize = 1 << Self::BITS;

    /// Where the name with these labels is kept.
    fn place(wire: &[u8]) -> usize {
        Self::place_at(rough(wire))
    }

    /// Where the name is kept that a message of this length asks for, whose question begins so.
    #[inline]
    fn place_of_question(length: usize, begins: &[u8; 16]) -> usize {
        let word = u128::from_le_bytes(*begins);
        let half = |word: u128| u64::try_from(word & u128::from(u64::MAX)).unwrap_or_default();
        Self::place_at(mix(half(word) ^ half(word >> 64).rotate_left(29) ^ length as u64))
    }

    #[inline]
    fn place_at(mixed: u64) -> usize {
        usize::try_from(mixed >> (u64::BITS - Self::BITS)).unwrap_or_default() % Self::PLACES
    }
}

/// Whether these bytes begin with those. Names are of all lengths: what is done for each is the same for nearly all of them, as
/// a processor cannot foresee where a loop over the next one will end.
#[inline]
fn begins_with(question: &[u8], wire: &[u8]) -> bool {
    const WINDOW: usize = 16;
    let length = wire.len();
    let Some(question) = question.get(..length) else { return false };
    if !(WINDOW..=4 * WINDOW).contains(&length) {
        return question == wire;
    }
    let window = |bytes: &[u8], at: usize| {
        let window: Option<&[u8; WINDOW]> = bytes.get(at..).and_then(<[u8]>::first_chunk);
        window.map_or(0, |window| u128::from_le_bytes(*window))
    };
    // The last of them reach back over what was compared before.
    let differs = |at: usize| window(question, at) ^ window(wire, at);
    let places = [0, WINDOW, 2 * WINDOW, 3 * WINDOW];
    places.into_iter().fold(0, |differ, at| differ | differs(at.min(length - WINDOW))) == 0
}

impl Names {
    /// The name that a message asks for if its question, the rest of it from there on, is one of the latest; without a look
    /// at each label, as they were looked at when the name was first seen.
    #[inline]
    pub(super) fn asked_before(&self, question: &[u8]) -> Option<&QName> {
        let begins = question.first_chunk()?;
        let name = self.asked.0[Latest::place_of_question(question.len(), begins)].as_ref()?;
        let wire = &name.0.wire[..];
        // The root's label ends it.
        (question.get(wire.len()) == Some(&0) && begins_with(question, wire)).then_some(name)
    }

    /// The name that begins a question and has labels of this length together, to be known when it is asked for again.
    pub(super) fn ask_for(&mut self, question: &[u8], length: usize) -> QName {
        let name = self.intern(&question[..length]);
        if let Some(begins) = question.first_chunk() {
            self.asked.0[Latest::place_of_question(question.len(), begins)] = Some(name.clone());
        }
        name
    }

    /// The name with these labels, each with its length in front and without the root's.
    pub(crate) fn intern(&mut self, wire: &[u8]) -> QName {
        let place = Latest::place(wire);
        let same = |latest: &&QName| latest.0.wire.len() == wire.len() && begins_with(wire, &latest.0.wire);
        if let Some(latest) = self.latest.0[place].as_ref().filter(same) {
            return latest.clone();
        }
        let name = self.find_or_add(wire);
        self.latest.0[place] = Some(name.clone());
        name
    }

    fn find_or_add(&mut self, wire: &[u8]) -> QName {
        let hash = self.hasher.hash_one(wire);
        if let Some(known) = self.known.find(hash, |known| known.0.wire[..] == *wire) {
            return known.clone();
        }
        if self.bytes >= MOST_BYTES {
            self.known = HashTable::new();
            self.bytes = 0;
        }
        let name = QName::from_wire(wire);
        self.bytes += 2 * wire.len() + OVERHEAD;
        let hasher = &self.hasher;
        self.known.insert_unique(hash, name.clone(), |known| hasher.hash_one(&known.0.wire[..]));
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_equal_whatever_their_case_and_origin() {
        let mut names = Names::default();
        let wire = names.intern(b"\x03Www\x07example\x03com");
        assert_eq!(wire, QName::new("www.example.com"));
        assert_eq!(wire.as_str(), "Www.example.com.");
        assert_eq!(wire.fingerprint(), QName::new("wWw.example.com.").fingerprint());
        assert_ne!(wire, QName::new("www.example.org"));
        assert_eq!(names.intern(b"").as_str(), ".");
    }

    #[test]
    fn names_of_all_lengths_are_told_apart_by_each_of_their_bytes() {
        let bytes: Vec<u8> = (0..100).collect();
        for length in 0..=bytes.len() {
            assert!(begins_with(&bytes, &bytes[..length]));
            for changed in 0..length {
                let mut other = bytes[..length].to_vec();
                other[changed] ^= 0x20;
                assert!(!begins_with(&bytes, &other), "byte {changed} of {length}");
            }
        }
        assert!(!begins_with(&bytes[..20], &bytes[..21]));
    }

    #[test]
    fn a_flood_of_names_is_held_in_bounded_memory() {
        let mut names = Names::default();
        let kept = names.intern(b"\x01a");
        for index in 0..50_000_u32 {
            names.intern(format!("\x08{index:08}").as_bytes());
        }
        assert!(names.bytes <= MOST_BYTES + 1_024);
        assert!(names.known.len() * OVERHEAD <= MOST_BYTES);
        assert_eq!(names.intern(b"\x01a"), kept);
    }
}
