//! The hash map of the hot path: keyed by chance like the standard one, and several times as fast on short keys.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use foldhash::fast::RandomState;

/// A map whose keys come from packets: each map has a seed of its own.
pub(crate) type Map<K, V> = HashMap<K, V, RandomState>;

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
