//! What one query asks, and over what.

use std::fmt;

/// The type of records a question asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QType {
    /// IPv4 addresses (RFC 1035).
    A,
    /// IPv6 addresses (RFC 3596).
    Aaaa,
    /// Any other type, by its number in the DNS registry.
    Other(u16),
}

impl From<u16> for QType {
    fn from(number: u16) -> Self {
        match number {
            1 => Self::A,
            28 => Self::Aaaa,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for QType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::A => f.pad("A"),
            Self::Aaaa => f.pad("AAAA"),
            Self::Other(2) => f.pad("NS"),
            Self::Other(5) => f.pad("CNAME"),
            Self::Other(6) => f.pad("SOA"),
            Self::Other(12) => f.pad("PTR"),
            Self::Other(15) => f.pad("MX"),
            Self::Other(16) => f.pad("TXT"),
            Self::Other(33) => f.pad("SRV"),
            Self::Other(64) => f.pad("SVCB"),
            Self::Other(65) => f.pad("HTTPS"),
            Self::Other(255) => f.pad("ANY"),
            Self::Other(number) => f.pad(&format!("TYPE{number}")),
        }
    }
}

/// Which addresses the application asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Family {
    /// Both IPv4 and IPv6 (`AF_UNSPEC`).
    #[default]
    Unspec,
    /// IPv4 only (`AF_INET`).
    Inet,
    /// IPv6 only (`AF_INET6`).
    Inet6,
}

/// What carries the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// One datagram each way.
    Udp,
    /// A TCP connection (RFC 7766).
    Tcp,
}

impl Transport {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}
