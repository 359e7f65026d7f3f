//! Payload to DNS message. The only file of this crate that knows hickory-proto; its own types go on from here.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use dnsprobe_resolv::{Outcome, QType};
use hickory_proto::op::{
    Edns as WireEdns, Header, Message as WireMessage, MessageType, OpCode, Query, ResponseCode,
};
use hickory_proto::rr::rdata::opt::EdnsCode;
use hickory_proto::rr::{Name, RData, Record};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

use crate::time::Nanos;

/// An absolute domain name in presentation form with its trailing dot; compared without regard to case (RFC 4343).
#[derive(Debug, Clone)]
pub struct QName {
    shown: Arc<str>,
    folded: Arc<str>,
}

impl QName {
    /// From presentation form; a missing trailing dot is added.
    pub fn new(name: &str) -> Self {
        let shown: Arc<str> = if name.ends_with('.') { name.into() } else { format!("{name}.").into() };
        let folded = if shown.bytes().any(|byte| byte.is_ascii_uppercase()) {
            shown.to_ascii_lowercase().into()
        } else {
            Arc::clone(&shown)
        };
        Self { shown, folded }
    }

    /// As on the wire, with its trailing dot; odd bytes as `\ddd` (RFC 1035 section 5.1).
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// In lower case, with its trailing dot: the form that is compared.
    pub fn folded(&self) -> &str {
        &self.folded
    }
}

impl PartialEq for QName {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for QName {}

impl Hash for QName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}

impl fmt::Display for QName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.shown)
    }
}

/// A DNS message, as far as lookups need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Transaction id.
    pub id: u16,
    /// What is asked; only an answer may lack it (servers that did not understand the query send a bare header).
    pub question: Option<(QName, QType)>,
    /// The EDNS part, if there is one (RFC 6891).
    pub edns: Option<Edns>,
    /// The AD bit: on a query, that the resolver wants to know about authenticity (RFC 6840 section 5.7).
    pub authentic_data: bool,
    /// Query, or answer with what it says.
    pub kind: Kind,
}

/// Query or answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Asks.
    Query,
    /// Answers.
    Response(Response),
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// What it comes to.
    pub outcome: Outcome,
    /// Addresses among the answers, in their order.
    pub addresses: Vec<IpAddr>,
    /// Where the first alias among the answers points.
    pub first_alias: Option<QName>,
    /// Where the last alias among the answers points.
    pub alias: Option<QName>,
    /// The TC bit: cut off, to be repeated over TCP.
    pub truncated: bool,
    /// How much of the wait for it an embedded server spent waiting for the real one; not in the message itself.
    pub upstream: Option<Nanos>,
}

/// What the EDNS part of a query tells about its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns {
    /// Largest UDP payload the sender takes, in bytes.
    pub payload_size: u16,
    /// Whether it sends a cookie (RFC 7873).
    pub cookie: bool,
}

/// Why a payload is no message of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotAMessage {
    /// Header or question cannot be read.
    Malformed,
    /// A query with no question or several, which no resolver sends.
    NoSingleQuestion,
    /// Not a standard query (an update, a notification …).
    OtherOpcode,
}

/// Decodes one message. Records that are missing because the capture kept too little are no defect: header and
/// question are enough.
pub fn decode(payload: &[u8]) -> Result<Message, NotAMessage> {
    let mut decoder = BinDecoder::new(payload);
    let header = Header::read(&mut decoder).map_err(|_| NotAMessage::Malformed)?;
    if header.metadata.op_code != OpCode::Query {
        return Err(NotAMessage::OtherOpcode);
    }
    let response = header.metadata.message_type == MessageType::Response;
    let question = match header.counts.queries {
        1 => {
            let query = Query::read(&mut decoder).map_err(|_| NotAMessage::Malformed)?;
            Some((presentation(&query.name), QType::from(u16::from(query.query_type))))
        }
        0 if response => None,
        _ => return Err(NotAMessage::NoSingleQuestion),
    };
    let records = Records::read(&mut decoder, &header);
    let kind = if response {
        Kind::Response(records.response(&header, question.as_ref().map(|(_, qtype)| *qtype)))
    } else {
        Kind::Query
    };
    let edns = records.edns.as_ref().map(|edns| Edns {
        payload_size: edns.max_payload(),
        cookie: edns.option(EdnsCode::Cookie).is_some(),
    });
    Ok(Message {
        id: header.metadata.id,
        question,
        edns,
        authentic_data: header.metadata.authentic_data,
        kind,
    })
}

/// The records after the question, as far as they could be read: a short capture ends anywhere.
#[derive(Default)]
struct Records {
    answers: Vec<Record>,
    edns: Option<WireEdns>,
}

impl Records {
    fn read(decoder: &mut BinDecoder<'_>, header: &Header) -> Self {
        let mut records = Self::default();
        for _ in 0..header.counts.answers {
            let Ok(record) = Record::read(decoder) else { return records };
            records.answers.push(record);
        }
        let section = |decoder: &mut BinDecoder<'_>, count: u16, additional: bool| {
            WireMessage::read_records(decoder, usize::from(count), additional, OpCode::Query)
        };
        if section(decoder, header.counts.authorities, false).is_err() {
            return records;
        }
        if let Ok((_, edns, _)) = section(decoder, header.counts.additionals, true) {
            records.edns = edns;
        }
        records
    }

    fn response(&self, header: &Header, qtype: Option<QType>) -> Response {
        let mut addresses = Vec::new();
        let mut first_alias = None;
        let mut alias = None;
        let mut found = Found::Nothing;
        for record in &self.answers {
            if qtype == Some(QType::from(u16::from(record.record_type()))) {
                found = Found::Records;
            }
            match &record.data {
                RData::A(address) => addresses.push(IpAddr::V4(address.0)),
                RData::AAAA(address) => addresses.push(IpAddr::V6(address.0)),
                RData::CNAME(target) => {
                    alias = Some(presentation(&target.0));
                    first_alias = first_alias.or_else(|| alias.clone());
                    found = found.max(Found::Alias);
                }
                _ => {}
            }
        }
        let outcome = outcome(header, found);
        let truncated = header.metadata.truncation;
        Response { outcome, addresses, first_alias, alias, truncated, upstream: None }
    }
}

/// What the answer section holds, as far as it was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Nothing,
    /// An alias, but no record of the type asked for.
    Alias,
    /// Records of the type asked for.
    Records,
}

fn outcome(header: &Header, found: Found) -> Outcome {
    let flags = &header.metadata;
    match flags.response_code {
        ResponseCode::NoError if flags.truncation => Outcome::Truncated,
        ResponseCode::NoError if found == Found::Records => Outcome::Answer,
        ResponseCode::NoError if found == Found::Alias => Outcome::Cname,
        // Nothing, from a server that neither owns the name nor asks on: glibc 2.36 resolv/res_send.c (send_dg).
        ResponseCode::NoError
            if header.counts.answers == 0
                && !flags.authoritative
                && !flags.recursion_available
                && header.counts.additionals == 0 =>
        {
            Outcome::Lame
        }
        // The records may lie behind the end of a short capture; their number does not.
        ResponseCode::NoError if header.counts.answers > 0 => Outcome::Answer,
        ResponseCode::NoError => Outcome::NoData,
        ResponseCode::NXDomain => Outcome::NxDomain,
        ResponseCode::ServFail => Outcome::ServFail,
        ResponseCode::Refused => Outcome::Refused,
        ResponseCode::FormErr => Outcome::FormErr,
        ResponseCode::NotImp => Outcome::NotImp,
        _ => Outcome::Unknown,
    }
}

/// Presentation form with decimal escapes; hickory's own escapes are octal, which no other tool reads.
fn presentation(name: &Name) -> QName {
    let mut shown = String::with_capacity(name.len() + 1);
    for label in name {
        for &byte in label {
            match byte {
                b'.' | b'\\' => push_escape(&mut shown, byte),
                0x21..=0x7e => shown.push(char::from(byte)),
                _ => push_escape(&mut shown, byte),
            }
        }
        shown.push('.');
    }
    if shown.is_empty() {
        shown.push('.');
    }
    QName::new(&shown)
}

fn push_escape(shown: &mut String, byte: u8) {
    use fmt::Write as _;
    // Writing to a String cannot fail.
    let _ = write!(shown, "\\{byte:03}");
}

#[cfg(test)]
mod tests {
    use super::*;

    use hickory_proto::op::Query;
    use hickory_proto::rr::RecordType;
    use hickory_proto::rr::rdata::{A, CNAME};

    fn query(name: &str) -> WireMessage {
        let mut message = WireMessage::query();
        message.metadata.id = 4711;
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
        message
    }

    fn response(name: &str) -> WireMessage {
        let mut message = query(name);
        message.metadata.message_type = MessageType::Response;
        message.metadata.recursion_available = true;
        message
    }

    fn kind(message: &WireMessage) -> Response {
        match decode(&message.to_vec().unwrap()).unwrap().kind {
            Kind::Response(response) => response,
            Kind::Query => panic!("not a response"),
        }
    }

    fn record(data: RData) -> Record {
        Record::from_rdata(Name::from_ascii("www.example.com.").unwrap(), 5, data)
    }

    #[test]
    fn a_query_gives_its_question_and_edns() {
        let mut message = query("Www.Example.com.");
        message.set_edns(WireEdns::new());
        let decoded = decode(&message.to_vec().unwrap()).unwrap();
        let (name, qtype) = decoded.question.unwrap();
        assert_eq!(name.as_str(), "Www.Example.com.");
        assert_eq!(name, QName::new("www.example.com"));
        assert_eq!(qtype, QType::A);
        assert_eq!(decoded.id, 4711);
        assert!(!decoded.edns.unwrap().cookie);
    }

    #[test]
    fn answers_come_to_an_outcome() {
        let mut message = response("www.example.com.");
        assert_eq!(kind(&message).outcome, Outcome::NoData);
        message.metadata.recursion_available = false;
        assert_eq!(kind(&message).outcome, Outcome::Lame);
        message.add_answer(record(RData::CNAME(CNAME(Name::from_ascii("edge.example.net.").unwrap()))));
        assert_eq!(kind(&message).outcome, Outcome::Cname);
        assert_eq!(kind(&message).alias, Some(QName::new("edge.example.net.")));
        message.add_answer(record(RData::A(A::new(192, 0, 2, 1))));
        assert_eq!(kind(&message).outcome, Outcome::Answer);
        assert_eq!(kind(&message).addresses, ["192.0.2.1".parse::<IpAddr>().unwrap()]);
        message.metadata.response_code = ResponseCode::NXDomain;
        assert_eq!(kind(&message).outcome, Outcome::NxDomain);
    }

    #[test]
    fn a_short_capture_still_gives_question_and_rcode() {
        let mut message = response("www.example.com.");
        message.add_answer(record(RData::A(A::new(192, 0, 2, 1))));
        let bytes = message.to_vec().unwrap();
        let decoded = decode(&bytes[..bytes.len() - 6]).unwrap();
        assert!(matches!(decoded.kind, Kind::Response(Response { outcome: Outcome::Answer, .. })));
        assert_eq!(decode(&bytes[..20]), Err(NotAMessage::Malformed));
    }

    #[test]
    fn odd_bytes_are_escaped_in_decimal() {
        let mut bytes = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        bytes.extend(b"\x04a\x07.b\x00\x00\x01\x00\x01");
        assert_eq!(decode(&bytes).unwrap().question.unwrap().0.as_str(), "a\\007\\046b.");
    }

    #[test]
    fn a_bare_header_is_an_answer_but_no_query() {
        let mut bytes = vec![0, 1, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(decode(&bytes).unwrap().question.is_none());
        bytes[2] = 1;
        assert_eq!(decode(&bytes), Err(NotAMessage::NoSingleQuestion));
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_payloads_never_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
            let _ = decode(&bytes);
        }
    }
}
