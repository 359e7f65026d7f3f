//! What came back for one transmission, as far as a stub resolver looks at it.

use std::net::IpAddr;

use crate::{Fqdn, Outcome};

/// The response code of a message (RFC 1035 section 4.1.1, RFC 6895).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rcode(pub u16);

impl Rcode {
    /// No error.
    pub const NOERROR: Self = Self(0);
    /// The server did not understand the query.
    pub const FORMERR: Self = Self(1);
    /// The server failed.
    pub const SERVFAIL: Self = Self(2);
    /// The name does not exist.
    pub const NXDOMAIN: Self = Self(3);
    /// The server does not implement this kind of query.
    pub const NOTIMP: Self = Self(4);
    /// The server refused.
    pub const REFUSED: Self = Self(5);

    /// The code of a word such as `NXDOMAIN`, in any case.
    pub fn from_word(word: &str) -> Option<Self> {
        let words = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
        let position = words.iter().position(|known| known.eq_ignore_ascii_case(word))?;
        u16::try_from(position).ok().map(Self)
    }
}

/// What came back for one transmission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A response.
    Message(Message),
    /// ICMP port unreachable, or a refused or broken TCP connection.
    Unreachable,
}

/// The parts of a response that stub resolvers decide by.
#[expect(clippy::struct_excessive_bools, reason = "these are bits and presence flags of one message")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The response code.
    pub rcode: Rcode,
    /// Addresses in the answer section, of the type asked for.
    pub addresses: Vec<IpAddr>,
    /// Where the CNAME chain of the answer section ends, if there is one.
    pub cname: Option<Fqdn>,
    /// TC: cut off.
    pub truncated: bool,
    /// AA: authoritative.
    pub authoritative: bool,
    /// RA: recursion available.
    pub recursion_available: bool,
    /// Whether the authority section has a SOA record, which makes a negative answer cacheable (RFC 2308).
    pub soa: bool,
    /// Whether the additional section has records, an OPT record included.
    pub additional: bool,
}

impl Default for Message {
    /// NOERROR without records from a recursive server.
    fn default() -> Self {
        Self {
            rcode: Rcode::NOERROR,
            addresses: Vec::new(),
            cname: None,
            truncated: false,
            authoritative: false,
            recursion_available: true,
            soa: false,
            additional: false,
        }
    }
}

impl Message {
    /// A response with this code and nothing else in it.
    pub fn with_rcode(rcode: Rcode) -> Self {
        Self { rcode, ..Self::default() }
    }

    /// A response with these addresses.
    pub fn with_addresses(addresses: Vec<IpAddr>) -> Self {
        Self { addresses, ..Self::default() }
    }

    /// How a question that got this response ended, before a resolver's own view of it. `Truncated` when TC is set.
    pub fn outcome(&self) -> Outcome {
        match self.rcode {
            _ if self.truncated => Outcome::Truncated,
            Rcode::NOERROR if !self.addresses.is_empty() => Outcome::Answer,
            Rcode::NOERROR if self.cname.is_some() => Outcome::Cname,
            Rcode::NOERROR if self.is_lame() => Outcome::Lame,
            Rcode::NOERROR => Outcome::NoData,
            Rcode::FORMERR => Outcome::FormErr,
            Rcode::SERVFAIL => Outcome::ServFail,
            Rcode::NXDOMAIN => Outcome::NxDomain,
            Rcode::NOTIMP => Outcome::NotImp,
            Rcode::REFUSED => Outcome::Refused,
            _ => Outcome::Unknown,
        }
    }

    /// NOERROR, empty, neither authoritative nor recursive. That an additional record saves it is a rule of glibc and
    /// later Go, see [`crate::profile::LameRule`].
    fn is_lame(&self) -> bool {
        !self.authoritative && !self.recursion_available
    }
}

impl Reply {
    /// The same without records in its answer section.
    #[must_use]
    pub(crate) fn without_records(&self) -> Self {
        match self {
            Self::Message(message) => {
                Self::Message(Message { addresses: Vec::new(), cname: None, ..message.clone() })
            }
            Self::Unreachable => Self::Unreachable,
        }
    }
}
