//! The hash maps of the hot path: keyed by chance like the standard one, and several times as fast on short keys.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::net::IpAddr;

use foldhash::fast::RandomState;

/// A map whose keys come from packets: each map has a seed of its own.
pub(crate) type Map<K, V> = HashMap<K, V, RandomState>;

/// A map whose keys are hashes already, made with a seed that no stranger knows.
pub(crate) type MapOfHashes<V> = HashMap<u64, V, BuildHasherDefault<Hashed>>;

/// Takes a hash for what it is.
#[derive(Debug, Default)]
pub(crate) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
}

/// An address as a key, hashed in few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address(pub(crate) IpAddr);

impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.0 {
            IpAddr::V4(address) => state.write_u32(address.to_bits()),
            IpAddr::V6(address) => state.write_u128(address.to_bits()),
        }
    }
}

/// A number that some of these bytes lead to, in fewer steps than a hash of all of them takes: nearly always another one for
/// other bytes. Who knows it can find bytes that share one, so it may only tell where to look first.
#[inline]
pub(crate) fn rough(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    let word = |at: usize| {
        let word: Option<&[u8; 8]> =
            bytes.get(at.min(length.saturating_sub(8))..).and_then(<[u8]>::first_chunk);
        word.map_or(0, |word| u64::from_le_bytes(*word))
    };
    let words = if length < 8 {
        [bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0, 0]
    } else {
        // Names differ in their beginnings, search suffixes in their lengths.
        [word(0), word(length / 4).rotate_left(17), word(length / 2).rotate_left(39)]
    };
    mix(words.into_iter().fold(length as u64, |mixed, word| mixed ^ word))
}

/// Spreads a number over all 64 bits; the upper ones are the better mixed.
#[inline]
pub(crate) fn mix(word: u64) -> u64 {
    word.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
