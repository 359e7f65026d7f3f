//! What a resolver takes from `resolv.conf` and its situation.

use std::fmt;
use std::net::IpAddr;

use super::{HostAddress, Nameserver};
use crate::name;

/// Notes kept of one file; hostile files have millions.
const NOTES_MAX: usize = 1000;

/// The notes while a file is read.
#[derive(Debug, Default)]
pub(super) struct Notes {
    list: Vec<Note>,
}

impl Notes {
    /// Keeps a note while there is room; only then is its text made.
    pub(super) fn add(&mut self, line: usize, column: usize, what: fmt::Arguments<'_>) {
        if !self.is_full() {
            self.list.push(Note { line, column, what: what.to_string() });
        }
    }

    /// Keeps a note in the place of the last one if there is no room: one that says that more is missing.
    pub(super) fn force(&mut self, line: usize, what: &str) {
        if self.is_full() {
            self.list.pop();
        }
        self.list.push(Note { line, column: 0, what: what.to_owned() });
    }

    /// Whether no further note is kept.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= NOTES_MAX
    }

    /// The notes in the order of the file.
    pub(super) fn into_list(mut self) -> Vec<Note> {
        self.list.sort_by_key(|note| (note.line, note.column));
        self.list
    }
}

/// A word of the file as notes show it: escaped, and no more of it than helps to find it.
pub(super) struct Shown<'a>(pub(super) &'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 80;
        f.write_str(&name::escape(&self.0[..self.0.len().min(MOST)]))?;
        if self.0.len() > MOST { f.write_str("…") } else { Ok(()) }
    }
}

/// What a resolver takes from `resolv.conf` and its situation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The nameservers it uses, in its order.
    pub nameservers: Vec<Nameserver>,
    /// The search list in force.
    pub search: Vec<Suffix>,
    /// From how many dots on a name is tried as-is first.
    pub ndots: u32,
    /// How long one transmission is waited for at first, in milliseconds (c-ares has an option in that unit).
    pub timeout_ms: u64,
    /// Rounds over the nameservers.
    pub attempts: u32,
    /// Options without a value.
    pub flags: Flags,
    /// Aliases of `HOSTALIASES`: name, what it stands for.
    pub aliases: Vec<(String, String)>,
    /// The host's addresses apart from loopback, as in [`super::Situation::addresses`].
    pub addresses: Option<Vec<HostAddress>>,
    /// What this resolver ignored, capped, rejected or misread.
    pub notes: Vec<Note>,
}

impl Settings {
    /// The timeout in seconds.
    pub fn timeout_s(&self) -> f64 {
        self.timeout_ms as f64 / 1000.0
    }

    /// Whether the host has a route to this nameserver, as far as its addresses tell: one of global IPv6 scope needs
    /// an address of that scope.
    pub fn reaches(&self, server: usize) -> bool {
        let (Some(nameserver), Some(addresses)) = (self.nameservers.get(server), &self.addresses) else {
            return true;
        };
        match nameserver.address.to_canonical() {
            // Linux takes the unspecified address for loopback.
            IpAddr::V6(address) if address.is_loopback() || address.is_unspecified() => true,
            IpAddr::V6(address) if address.is_unicast_link_local() => nameserver.scope.is_some(),
            IpAddr::V6(_) => addresses.contains(&HostAddress::Inet6),
            IpAddr::V4(_) => true,
        }
    }

    /// What `HOSTALIASES` makes of a name; only names without a dot have aliases.
    pub fn alias_of(&self, typed: &[u8]) -> Option<&[u8]> {
        if typed.contains(&b'.') {
            return None;
        }
        let alias = self.aliases.iter().find(|(alias, _)| alias.as_bytes().eq_ignore_ascii_case(typed));
        alias.map(|(_, name)| name.as_bytes())
    }
}

/// A word of the search list, as written.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Suffix(Vec<u8>);

impl Suffix {
    /// A suffix from the bytes in the file.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes in the file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it stands for the root.
    pub fn is_root(&self) -> bool {
        matches!(self.as_bytes(), b"" | b".")
    }
}

impl fmt::Display for Suffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&name::escape(&self.0))
    }
}

impl fmt::Debug for Suffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Suffix({self})")
    }
}

/// An option without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flag {
    /// `rotate`: another nameserver first each time.
    Rotate,
    /// `edns0`.
    Edns0,
    /// `single-request`: AAAA after the answer to A.
    SingleRequest,
    /// `single-request-reopen`: the same, from a new port.
    SingleRequestReopen,
    /// `no-tld-query`: a name without a dot is never asked as-is.
    NoTldQuery,
    /// `use-vc`: TCP only.
    UseVc,
    /// `trust-ad`: the AD bit is set in queries.
    TrustAd,
    /// `no-aaaa`: no AAAA questions.
    NoAaaa,
    /// `strict-error`: one error of a pair moves to the next nameserver.
    StrictError,
}

/// The options without a value that are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(u16);

impl Flags {
    /// Whether the flag is set.
    pub fn has(self, flag: Flag) -> bool {
        self.0 & (1 << flag as u16) != 0
    }

    /// Sets the flag.
    pub fn set(&mut self, flag: Flag) {
        self.0 |= 1 << flag as u16;
    }

    /// Clears the flag.
    pub fn clear(&mut self, flag: Flag) {
        self.0 &= !(1 << flag as u16);
    }
}

/// Something in the file that this resolver does not take as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Line, from 1; 0 for the environment.
    pub line: usize,
    /// Column in bytes, from 1; 0 for the whole line.
    pub column: usize,
    /// What happens to it, in words.
    pub what: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => f.pad(&self.what),
            (line, 0) => write!(f, "line {line}: {}", self.what),
            (line, column) => write!(f, "line {line}, column {column}: {}", self.what),
        }
    }
}
