//! Which resolver a process uses, from its executable and the libraries it has loaded.

use crate::target::Located;

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detection {
    /// The resolver.
    Known(Detected),
    /// Not recognised; the words say what was looked at.
    Unknown(String),
}

/// A resolver that was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// `glibc`, `musl` or `go`.
    pub id: &'static str,
    /// `2.36`, `1.2.5`, `1.22.3`, where it can be read.
    pub version: Option<String>,
    /// What says so, for `-v`: `/lib/ld-musl-x86_64.so.1 is the interpreter of /bin/app`.
    pub evidence: String,
}

/// The resolver of the target's process; without a process, the one that the programs below its root use
/// (by `bin/sh`).
pub fn resolver_of(_located: &Located) -> Detection {
    todo!()
}
