//! Scripted servers: what `--answers` files and recorded vectors say, and the assumptions of `--offline`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::nearest::nearest;
use crate::simulate::{Answered, Answers};
use crate::{Fqdn, Message, QType, Query, Rcode, Reply, Transport};

/// Microseconds in a millisecond, the unit of `delay_ms`.
const MILLISECOND_US: f64 = 1000.0;

/// A script of what the servers do.
#[derive(Debug, Clone, Default)]
pub struct AnswerScript {
    entries: BTreeMap<ScriptKey, ScriptAnswer>,
    /// Script server number for each nameserver in force, by index; identity where missing.
    servers: Vec<Option<usize>>,
}

/// Which queries an entry is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScriptKey {
    /// The nameserver it is for, from 0; `None`: all.
    pub server: Option<usize>,
    /// The name and type it is for.
    pub scope: ScriptScope,
}

/// The name and type an entry is for, in the order they are tried.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScriptScope {
    /// `name./TYPE`: the name in lower case with its dot, and the type's word.
    Question(String, String),
    /// `name./*`
    Name(String),
    /// `*/TYPE`
    Type(String),
    /// `default`
    Default,
}

/// What a server does with a query. The default is NODATA with a SOA record.
#[expect(clippy::struct_excessive_bools, reason = "these are the independent switches of the file format")]
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScriptAnswer {
    /// The response code.
    pub rcode: Rcode,
    /// Addresses for A questions.
    pub a: Vec<Ipv4Addr>,
    /// Addresses for AAAA questions.
    pub aaaa: Vec<Ipv6Addr>,
    /// Where a CNAME points; the addresses are then those of the target.
    pub cname: Option<String>,
    /// Truncated over UDP.
    pub truncated: bool,
    /// Time before the answer, in milliseconds; `None`: not said.
    pub delay_ms: Option<f64>,
    /// No answer.
    pub drop: bool,
    /// No answer over TCP.
    pub drop_tcp: bool,
    /// ICMP port unreachable instead of an answer.
    pub unreachable: bool,
    /// No OPT record in the answer to a query with EDNS.
    pub no_edns: bool,
}

/// A key that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is no key; {}", advice(.nearest.as_deref()))]
pub struct KeyError {
    /// What was given.
    pub key: String,
    /// The nearest right key.
    pub nearest: Option<String>,
}

fn advice(nearest: Option<&str>) -> String {
    match nearest {
        Some(near) => format!("did you mean `{near}`?"),
        None => "keys are `name./TYPE`, `name./*`, `*/TYPE` and `default`, each also behind `@N `".to_owned(),
    }
}

/// The words of the values, for callers that read the file.
pub const FIELDS: [&str; 10] =
    ["rcode", "a", "aaaa", "cname", "tc", "delay_ms", "drop", "drop_tcp", "icmp", "noedns"];

/// The nearest field to a mistyped one.
pub fn nearest_field(word: &str) -> Option<&'static str> {
    nearest(word, FIELDS)
}

const TYPES: [&str; 12] =
    ["A", "AAAA", "NS", "CNAME", "SOA", "PTR", "MX", "TXT", "SRV", "SVCB", "HTTPS", "ANY"];

impl ScriptKey {
    /// Reads a key: `name./TYPE`, `name./*`, `*/TYPE` or `default`, each also behind `@N `.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (prefix, server, scope) = match text.strip_prefix('@').and_then(|rest| rest.split_once(' ')) {
            Some((number, scope)) => {
                let Ok(server) = number.parse() else {
                    let nearest = Some(format!("@0 {scope}")).filter(|_| parse_scope(scope).is_ok());
                    return Err(KeyError { key: text.to_owned(), nearest });
                };
                (format!("@{number} "), Some(server), scope)
            }
            None => (String::new(), None, text),
        };
        let wrong = |near: Option<String>| KeyError {
            key: text.to_owned(),
            nearest: near.map(|near| format!("{prefix}{near}")),
        };
        let scope = parse_scope(scope).map_err(wrong)?;
        Ok(Self { server, scope })
    }
}

fn parse_scope(text: &str) -> Result<ScriptScope, Option<String>> {
    if text == "default" {
        return Ok(ScriptScope::Default);
    }
    let Some((name, word)) = text.rsplit_once('/') else {
        return Err(match nearest(text, ["default"]) {
            Some(near) => Some(near.to_owned()),
            None if !text.is_empty() => Some(format!("{}./*", text.trim_end_matches('.'))),
            None => None,
        });
    };
    let dotted = format!("{}.", name.trim_end_matches('.'));
    let known = TYPES.contains(&word) || word == "*" || word.strip_prefix("TYPE").is_some_and(is_number);
    if !known {
        let near = TYPES.iter().find(|known| known.eq_ignore_ascii_case(word)).copied();
        let near = near.or_else(|| nearest(word, TYPES)).unwrap_or("*");
        let name = if name == "*" { "*" } else { &dotted };
        return Err(Some(if (name, near) == ("*", "*") {
            "default".to_owned()
        } else {
            format!("{name}/{near}")
        }));
    }
    match (name, word) {
        ("*", "*") => Err(Some("default".to_owned())),
        ("*", word) => Ok(ScriptScope::Type(word.to_owned())),
        (name, _) if !name.ends_with('.') || name.len() != dotted.len().max(1) => {
            Err(Some(format!("{dotted}/{word}")))
        }
        (name, "*") => Ok(ScriptScope::Name(name.to_ascii_lowercase())),
        (name, word) => Ok(ScriptScope::Question(name.to_ascii_lowercase(), word.to_owned())),
    }
}

fn is_number(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

impl AnswerScript {
    /// A script without an entry: every name is NXDOMAIN.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry; a second one of the same key replaces the first.
    pub fn insert(&mut self, key: ScriptKey, answer: ScriptAnswer) {
        self.entries.insert(key, answer);
    }

    /// Says which script server each nameserver in force is; without this they are the same.
    #[must_use]
    pub fn with_servers(mut self, servers: Vec<Option<usize>>) -> Self {
        self.servers = servers;
        self
    }

    /// The entry for a query; `None`: NXDOMAIN with a SOA record.
    pub fn entry(&self, server: Option<usize>, qname: &Fqdn, qtype: QType) -> Option<&ScriptAnswer> {
        let name = qname.to_lowercase();
        let word = qtype.to_string();
        let scopes = [
            ScriptScope::Question(name.clone(), word.clone()),
            ScriptScope::Name(name),
            ScriptScope::Type(word),
            ScriptScope::Default,
        ];
        let find = |server: Option<usize>| {
            scopes.iter().find_map(|scope| self.entries.get(&ScriptKey { server, scope: scope.clone() }))
        };
        server.and_then(|index| find(Some(index))).or_else(|| find(None))
    }

    fn server(&self, index: usize) -> Option<usize> {
        self.servers.get(index).copied().unwrap_or(Some(index).filter(|_| self.servers.is_empty()))
    }
}

impl Answers for AnswerScript {
    fn answer(&self, query: &Query) -> Answered {
        let Some(entry) = self.entry(self.server(query.server), &query.qname, query.qtype) else {
            let message = Message { soa: true, ..Message::with_rcode(Rcode::NXDOMAIN) };
            return Answered { reply: Some(Reply::Message(message)), delay_us: None };
        };
        entry.answered(query)
    }
}

impl ScriptAnswer {
    fn answered(&self, query: &Query) -> Answered {
        let tcp = query.transport == Transport::Tcp;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates; a delay is positive"
        )]
        let delay_us = self.delay_ms.map(|ms| (ms * MILLISECOND_US) as u64);
        // A port that nobody listens on is told at once.
        let delay_us = if self.unreachable && !tcp { delay_us.map(|_| 0) } else { delay_us };
        let reply = if self.drop || (tcp && self.drop_tcp) {
            None
        } else if self.unreachable && !tcp {
            Some(Reply::Unreachable)
        } else {
            Some(Reply::Message(self.message(query)))
        };
        Answered { reply, delay_us }
    }

    fn message(&self, query: &Query) -> Message {
        let truncated = self.truncated && query.transport == Transport::Udp;
        let addresses: Vec<IpAddr> = match query.qtype {
            _ if truncated || (self.rcode != Rcode::NOERROR && self.cname.is_none()) => Vec::new(),
            QType::A => self.a.iter().copied().map(IpAddr::V4).collect(),
            QType::Aaaa => self.aaaa.iter().copied().map(IpAddr::V6).collect(),
            QType::Other(_) => Vec::new(),
        };
        let cname = self.cname.as_deref().filter(|_| !truncated).map(Fqdn::from_presentation);
        Message {
            rcode: if truncated { Rcode::NOERROR } else { self.rcode },
            soa: addresses.is_empty() && matches!(self.rcode, Rcode::NOERROR | Rcode::NXDOMAIN),
            addresses,
            cname,
            truncated,
            authoritative: false,
            recursion_available: true,
            additional: query.edns.is_some() && !self.no_edns,
        }
    }
}

/// The assumption of `--offline`: every candidate with a suffix is NXDOMAIN, the name as-is has an address of each
/// family (from the documentation ranges, RFC 5737 and RFC 3849).
#[derive(Debug, Clone, Copy, Default)]
pub struct Offline;

/// The addresses [`Offline`] answers with.
pub const OFFLINE_ADDRESSES: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(192, 0, 2, 1), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

impl Answers for Offline {
    fn answer(&self, query: &Query) -> Answered {
        let message = if query.suffixed {
            Message { soa: true, ..Message::with_rcode(Rcode::NXDOMAIN) }
        } else {
            match query.qtype {
                QType::A => Message::with_addresses(vec![OFFLINE_ADDRESSES.0.into()]),
                QType::Aaaa => Message::with_addresses(vec![OFFLINE_ADDRESSES.1.into()]),
                QType::Other(_) => Message::default(),
            }
        };
        Answered { reply: Some(Reply::Message(message)), delay_us: None }
    }
}
