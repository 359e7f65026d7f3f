//! How a question, a candidate or a whole lookup ended.

use std::fmt;

/// How a question, a candidate or a whole lookup ended, in the field's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// At least one record of the type asked for.
    Answer,
    /// NOERROR without any record of the type asked for (RFC 2308 section 2.2).
    NoData,
    /// A CNAME chain that ends without a record of the type asked for.
    Cname,
    /// The name does not exist (RFC 1035 rcode 3).
    NxDomain,
    /// The server failed (rcode 2).
    ServFail,
    /// The server refused (rcode 5).
    Refused,
    /// The server did not understand the query (rcode 1).
    FormErr,
    /// The server does not implement this kind of query (rcode 4).
    NotImp,
    /// NOERROR, empty, neither authoritative nor recursive: the server knows nothing about the name.
    Lame,
    /// Cut off over UDP and not repeated over TCP (TC bit, RFC 1035 section 4.1.1).
    Truncated,
    /// No answer in the time the resolver waits.
    Timeout,
    /// ICMP said that nobody listens there.
    Unreachable,
    /// Another rcode, or a message that could not be read.
    Unknown,
}

impl Outcome {
    /// The word used in tables and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "ANSWER",
            Self::NoData => "NODATA",
            Self::Cname => "CNAME",
            Self::NxDomain => "NXDOMAIN",
            Self::ServFail => "SERVFAIL",
            Self::Refused => "REFUSED",
            Self::FormErr => "FORMERR",
            Self::NotImp => "NOTIMP",
            Self::Lame => "LAME",
            Self::Truncated => "TRUNCATED",
            Self::Timeout => "TIMEOUT",
            Self::Unreachable => "UNREACHABLE",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
