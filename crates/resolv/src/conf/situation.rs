//! What beside the file decides how a resolver behaves.

/// What beside the file decides how a resolver behaves: the process's environment and the host it runs on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Situation {
    /// The host's name, with its domain if it has one.
    pub hostname: String,
    /// `RES_OPTIONS` of the process, if set.
    pub res_options: Option<String>,
    /// `LOCALDOMAIN` of the process, if set. The empty string is a value.
    pub local_domain: Option<String>,
    /// The contents of the file that `HOSTALIASES` names, if set and readable.
    pub host_aliases: Option<Vec<u8>>,
    /// `GODEBUG` of the process, if set.
    pub go_debug: Option<String>,
    /// `/etc/nsswitch.conf`, which decides when a Go program built with cgo asks the libc.
    pub nsswitch: Nsswitch,
    /// Whether there is an `/etc/mdns.allow`.
    pub mdns_allow: Presence,
    /// The host's addresses apart from loopback, for `AI_ADDRCONFIG`; `None` when not known, then nothing is narrowed.
    pub addresses: Option<Vec<HostAddress>>,
}

/// Whether something is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Presence {
    /// It is not, or was not looked for.
    #[default]
    Absent,
    /// It is.
    Present,
}

/// `/etc/nsswitch.conf`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Nsswitch {
    /// Not looked for.
    #[default]
    Unknown,
    /// There is none.
    Missing,
    /// It is there but cannot be read.
    Unreadable,
    /// What it holds.
    Found(Vec<u8>),
}

/// A kind of address an interface of the host has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HostAddress {
    /// IPv4.
    Inet,
    /// IPv6, link-local (`fe80::/10`).
    Inet6LinkLocal,
    /// IPv6, of larger scope.
    Inet6,
}

impl HostAddress {
    /// The word of `--host-addresses`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Inet6LinkLocal => "inet6-link-local",
            Self::Inet6 => "inet6",
        }
    }

    /// The kind of a word of `--host-addresses`.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Inet, Self::Inet6LinkLocal, Self::Inet6].into_iter().find(|kind| kind.as_str() == word)
    }
}
