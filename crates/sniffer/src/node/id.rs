//! Numbers that name pods and containers.

use std::fmt;

/// Where a UUID has its dashes.
const DASHES: [usize; 4] = [8, 13, 18, 23];
const UUID_LEN: usize = 36;
/// A static pod's UID is the MD5 of its manifest (kubelet `pkg/kubelet/config/common.go`).
const HASH_LEN: usize = 32;

/// A container's id: 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContainerId(String);

/// A pod's UID as the kubelet uses it: a UUID with dashes, or 32 hexadecimal digits for a static pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PodUid(String);

impl ContainerId {
    /// Its digits, as every runtime here makes it.
    pub(crate) const LEN: usize = 64;

    /// From exactly 64 hexadecimal digits.
    pub fn new(text: &str) -> Option<Self> {
        (text.len() == Self::LEN && is_hex(text.as_bytes())).then(|| Self(text.to_owned()))
    }

    /// The first id in `text` that stands alone: next to it are only ends, or what separates words in cgroup names.
    pub(crate) fn find(text: &str) -> Option<Self> {
        text.split(|c: char| !c.is_ascii_alphanumeric()).find_map(Self::new)
    }

    /// All its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits that people and tools write.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl PodUid {
    /// From a UUID (with dashes, or with `_` in their place as systemd's slices write it) or a static pod's hash.
    pub fn new(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        match bytes.len() {
            HASH_LEN if is_hex(bytes) => Some(Self(text.to_owned())),
            UUID_LEN => uuid(bytes).then(|| Self(text.replace('_', "-"))),
            _ => None,
        }
    }

    /// Whether it is a static pod's.
    pub(crate) fn is_static(&self) -> bool {
        self.0.len() == HASH_LEN
    }

    /// The UID behind a `pod` in one name of a cgroup path.
    pub(crate) fn find(segment: &str) -> Option<Self> {
        segment.match_indices("pod").find_map(|(at, word)| {
            let rest = &segment[at + word.len()..];
            [UUID_LEN, HASH_LEN].iter().find_map(|len| {
                let (uid, after) = (rest.get(..*len)?, rest.get(*len..)?);
                if after.starts_with(|c: char| c.is_ascii_alphanumeric()) { None } else { Self::new(uid) }
            })
        })
    }

    /// The UID, with dashes where it has any.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_hex(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_hexdigit)
}

fn uuid(bytes: &[u8]) -> bool {
    let dash = bytes[DASHES[0]];
    matches!(dash, b'-' | b'_')
        && bytes.iter().enumerate().all(|(index, byte)| {
            if DASHES.contains(&index) { *byte == dash } else { byte.is_ascii_hexdigit() }
        })
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PodUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
