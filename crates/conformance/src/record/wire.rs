//! Questions and answers as bytes.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use dnsprobe_resolv::name;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::vector::ScriptValue;

/// How long answers may be kept, in seconds. Every client is a new process.
const TTL: u32 = 30;

/// A question that can be read.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    message: Message,
    /// In presentation form, case as on the wire, with its dot.
    pub(super) qname: String,
    pub(super) qtype: String,
}

impl Asked {
    /// `None` for a message that is no readable question.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let message = Message::from_vec(bytes).ok()?;
        let query = message.queries.first()?;
        if message.metadata.message_type != MessageType::Query {
            return None;
        }
        let labels: Vec<String> = query.name().iter().map(label).collect();
        let qtype = match query.query_type() {
            RecordType::Unknown(number) => format!("TYPE{number}"),
            known => known.to_string(),
        };
        Some(Self { qname: labels.join(".") + ".", qtype, message })
    }

    /// The value for this question, of the server of this index.
    pub(super) fn value<'a>(
        &self,
        answers: &'a BTreeMap<String, ScriptValue>,
        server: Option<usize>,
    ) -> Option<&'a ScriptValue> {
        let name = self.qname.to_ascii_lowercase();
        let keys = [
            format!("{name}/{}", self.qtype),
            format!("{name}/*"),
            format!("*/{}", self.qtype),
            "default".to_owned(),
        ];
        let of_server =
            server.into_iter().flat_map(|server| keys.iter().map(move |key| format!("@{server} {key}")));
        of_server.chain(keys.iter().cloned()).find_map(|key| answers.get(&key))
    }

    /// The answer; without a value it is NXDOMAIN.
    pub(super) fn answer(&self, value: Option<&ScriptValue>, over_udp: bool) -> Option<Vec<u8>> {
        let not_there = ScriptValue { rcode: Some("NXDOMAIN".into()), ..ScriptValue::default() };
        let value = value.unwrap_or(&not_there);
        let query = self.message.queries.first()?;
        let cut = value.tc && over_udp;
        let rcode = if cut { ResponseCode::NoError } else { rcode(value.rcode.as_deref()) };
        let mut reply = Message::new(self.message.metadata.id, MessageType::Response, OpCode::Query);
        reply.metadata.recursion_desired = self.message.metadata.recursion_desired;
        reply.metadata.recursion_available = true;
        reply.metadata.truncation = cut;
        reply.metadata.response_code = rcode;
        reply.add_query(query.clone());
        if !cut {
            reply.answers = records(query.name(), query.query_type(), value, rcode);
        }
        let negative = reply.answers.is_empty() || rcode == ResponseCode::NXDomain;
        if negative && matches!(rcode, ResponseCode::NoError | ResponseCode::NXDomain) {
            reply.authorities.push(soa());
        }
        if self.message.edns.is_some() && !value.noedns {
            let mut edns = Edns::new();
            edns.set_max_payload(1232);
            reply.edns = Some(edns);
        }
        reply.to_vec().ok()
    }
}

fn label(bytes: &[u8]) -> String {
    // A dot or backslash inside a label, as vectors have it.
    name::escape(bytes).replace('.', "\\046")
}

fn rcode(word: Option<&str>) -> ResponseCode {
    match word {
        Some("FORMERR") => ResponseCode::FormErr,
        Some("SERVFAIL") => ResponseCode::ServFail,
        Some("NXDOMAIN") => ResponseCode::NXDomain,
        Some("NOTIMP") => ResponseCode::NotImp,
        Some("REFUSED") => ResponseCode::Refused,
        _ => ResponseCode::NoError,
    }
}

fn records(name: &Name, qtype: RecordType, value: &ScriptValue, rcode: ResponseCode) -> Vec<Record> {
    let mut records = Vec::new();
    if rcode != ResponseCode::NoError && value.cname.is_none() {
        return records;
    }
    let mut owner = name.clone();
    let target = value.cname.as_ref().and_then(|target| Name::from_ascii(format!("{target}.")).ok());
    if let (Some(target), RecordType::A | RecordType::AAAA) = (target, qtype) {
        records.push(Record::from_rdata(owner, TTL, RData::CNAME(CNAME(target.clone()))));
        owner = target;
    }
    let data: Vec<RData> = match qtype {
        RecordType::A => value.a.iter().map(|address| RData::A(A(*address))).collect(),
        RecordType::AAAA => value.aaaa.iter().map(|address| RData::AAAA(AAAA(*address))).collect(),
        _ => Vec::new(),
    };
    records.extend(data.into_iter().map(|data| Record::from_rdata(owner.clone(), TTL, data)));
    records
}

fn soa() -> Record {
    let name = |text: &str| Name::from_ascii(text).unwrap_or_default();
    let soa = SOA::new(name("ns.none.invalid."), name("root.none.invalid."), 1, 7200, 900, 86400, 30);
    Record::from_rdata(Name::root(), TTL, RData::SOA(soa))
}

/// An ICMP "port unreachable" for a datagram from `client` to port 53 of `server` (RFC 792).
pub(super) fn port_unreachable(client: SocketAddrV4, server: Ipv4Addr) -> Vec<u8> {
    let mut packet = vec![3, 3, 0, 0, 0, 0, 0, 0];
    // The datagram's IPv4 header: version and length, 48 bytes, protocol UDP.
    packet.extend([0x45, 0, 0, 48, 0, 1, 0, 0, 64, 17, 0, 0]);
    packet.extend(client.ip().octets());
    packet.extend(server.octets());
    packet.extend(client.port().to_be_bytes());
    packet.extend([0, 53, 0, 28, 0, 0]);
    let sum = packet.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum::<u32>();
    let folded = (sum >> 16) + (sum & 0xffff);
    let folded = (folded >> 16) + (folded & 0xffff);
    let checksum = u16::try_from(!folded & 0xffff).unwrap_or_default();
    packet[2..4].copy_from_slice(&checksum.to_be_bytes());
    packet
}
