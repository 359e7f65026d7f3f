//! The hash map of the hot path: keyed by chance like the standard one, and several times as fast on short keys.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// A map whose keys come from packets: each map has a seed of its own.
pub(crate) type Map<K, V> = HashMap<K, V, RandomState>;
