//! Any message, by hickory-proto: what `quick` leaves, and what it is held against. The only file that knows hickory-proto.

use std::net::IpAddr;

use dnsprobe_resolv::QType;
use hickory_proto::op::{Edns as WireEdns, Header, Message as WireMessage, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::opt::EdnsCode;
use hickory_proto::rr::{Name, RData, Record};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

use super::{Addresses, Content, Edns, Found, Kind, Message, Names, NotAMessage, QName, Response, Verdict};

/// Decodes one message, as [`super::decode`] does.
#[inline(never)]
pub fn decode(payload: &[u8], names: &mut Names) -> Result<Message, NotAMessage> {
    let mut decoder = BinDecoder::new(payload);
    let header = Header::read(&mut decoder).map_err(|_| NotAMessage::Malformed)?;
    if header.metadata.op_code != OpCode::Query {
        return Err(NotAMessage::OtherOpcode);
    }
    let response = header.metadata.message_type == MessageType::Response;
    let question = match header.counts.queries {
        1 => {
            let query = Query::read(&mut decoder).map_err(|_| NotAMessage::Malformed)?;
            Some((intern(&query.name, names), QType::from(u16::from(query.query_type))))
        }
        0 if response => None,
        _ => return Err(NotAMessage::NoSingleQuestion),
    };
    let records = Records::read(&mut decoder, &header);
    let kind = if response {
        Kind::Response(records.response(&header, question.as_ref().map(|(_, qtype)| *qtype), names))
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

/// The records after the question that say something, as far as they could be read: a short capture ends anywhere.
#[derive(Default)]
struct Records {
    answers: Vec<Record>,
    /// Of a query.
    edns: Option<WireEdns>,
}

impl Records {
    fn read(decoder: &mut BinDecoder<'_>, header: &Header) -> Self {
        let mut records = Self::default();
        for _ in 0..header.counts.answers {
            let Ok(record) = Record::read(decoder) else { return records };
            records.answers.push(record);
        }
        if header.metadata.message_type == MessageType::Response {
            return records;
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

    fn response(&self, header: &Header, qtype: Option<QType>, names: &mut Names) -> Response {
        let mut addresses = Addresses::new();
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
                    alias = Some(intern(&target.0, names));
                    first_alias = first_alias.or_else(|| alias.clone());
                    found = found.max(Found::Alias);
                }
                _ => {}
            }
        }
        let content = Content { addresses, first_alias, last_alias: alias };
        Response::new(verdict(header), found, content.boxed())
    }
}

fn verdict(header: &Header) -> Verdict {
    let flags = &header.metadata;
    Verdict {
        // What is above four bits comes from EDNS, which a header alone does not have.
        rcode: u8::try_from(u16::from(flags.response_code)).unwrap_or(u8::MAX),
        truncated: flags.truncation,
        authoritative: flags.authoritative,
        recursion_available: flags.recursion_available,
        answers: header.counts.answers,
        additionals: header.counts.additionals,
    }
}

fn intern(name: &Name, names: &mut Names) -> QName {
    let mut wire = Vec::with_capacity(name.len() + 1);
    for label in name {
        // A label has 63 bytes at most (RFC 1035 section 2.3.4).
        wire.push(u8::try_from(label.len()).unwrap_or(u8::MAX));
        wire.extend(label);
    }
    names.intern(&wire)
}
