//! What messages mean.

use super::*;

use hickory_proto::op::{Edns as WireEdns, Message as WireMessage, MessageType, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME};
use hickory_proto::rr::{Name, RData, Record, RecordType};

fn read(payload: &[u8]) -> Result<Message, NotAMessage> {
    decode(payload, &mut Names::default())
}

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
    match read(&message.to_vec().unwrap()).unwrap().kind {
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
    let decoded = read(&message.to_vec().unwrap()).unwrap();
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
    assert_eq!(kind(&message).alias(), Some(&QName::new("edge.example.net.")));
    message.add_answer(record(RData::A(A::new(192, 0, 2, 1))));
    assert_eq!(kind(&message).outcome, Outcome::Answer);
    assert_eq!(kind(&message).addresses(), ["192.0.2.1".parse::<IpAddr>().unwrap()]);
    message.metadata.response_code = ResponseCode::NXDomain;
    assert_eq!(kind(&message).outcome, Outcome::NxDomain);
}

#[test]
fn a_short_capture_still_gives_question_and_rcode() {
    let mut message = response("www.example.com.");
    message.add_answer(record(RData::A(A::new(192, 0, 2, 1))));
    let bytes = message.to_vec().unwrap();
    let decoded = read(&bytes[..bytes.len() - 6]).unwrap();
    assert!(matches!(decoded.kind, Kind::Response(Response { outcome: Outcome::Answer, .. })));
    assert_eq!(read(&bytes[..20]), Err(NotAMessage::Malformed));
}

#[test]
fn odd_bytes_are_escaped_in_decimal() {
    let mut bytes = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    bytes.extend(b"\x04a\x07.b\x00\x00\x01\x00\x01");
    assert_eq!(read(&bytes).unwrap().question.unwrap().0.as_str(), "a\\007\\046b.");
}

#[test]
fn a_bare_header_is_an_answer_but_no_query() {
    let mut bytes = vec![0, 1, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0];
    assert!(read(&bytes).unwrap().question.is_none());
    bytes[2] = 1;
    assert_eq!(read(&bytes), Err(NotAMessage::NoSingleQuestion));
}

proptest::proptest! {
    #[test]
    fn arbitrary_payloads_never_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
        let _ = read(&bytes);
    }
}

/// The pieces that messages are made of, sound and damaged.
mod pieces {
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// A name: plain labels, then the root or a pointer.
    fn name() -> impl Strategy<Value = Vec<u8>> {
        let label = vec(any::<u8>(), 1..6);
        let end = prop_oneof![
            3 => Just(vec![0]),
            4 => Just(vec![0xc0, 12]),
            1 => (0..120_u8).prop_map(|at| vec![0xc0, at]),
            1 => Just(vec![0x40]),
        ];
        (vec(label, 0..4), end).prop_map(|(labels, end)| {
            let framed = labels.into_iter().flat_map(|label| {
                let mut framed = vec![u8::try_from(label.len()).unwrap()];
                framed.extend(label);
                framed
            });
            framed.chain(end).collect()
        })
    }

    fn data() -> impl Strategy<Value = Vec<u8>> {
        let soa = (name(), name(), vec(any::<u8>(), 20))
            .prop_map(|(one, other, numbers)| [one, other, numbers].concat());
        let cookie =
            (0..45_u8).prop_map(|length| [vec![0, 10, 0, length], vec![7; usize::from(length)]].concat());
        prop_oneof![vec(any::<u8>(), 4), vec(any::<u8>(), 16), name(), soa, cookie, vec(any::<u8>(), 0..9),]
    }

    fn record() -> impl Strategy<Value = Vec<u8>> {
        let owner = prop_oneof![2 => Just(vec![0xc0, 12]), 1 => Just(vec![0]), 1 => name()];
        let rtype = prop_oneof![
            Just(1_u16),
            Just(28),
            Just(5),
            Just(6),
            Just(2),
            Just(41),
            Just(33),
            Just(65),
            Just(16),
            any::<u16>()
        ];
        let class = prop_oneof![6 => Just(1_u16), 2 => Just(1_232), 1 => any::<u16>()];
        (owner, rtype, class, any::<u32>(), data()).prop_map(|(owner, rtype, class, ttl, data)| {
            let length = u16::try_from(data.len()).unwrap();
            [
                owner,
                rtype.to_be_bytes().to_vec(),
                class.to_be_bytes().to_vec(),
                ttl.to_be_bytes().to_vec(),
                length.to_be_bytes().to_vec(),
                data,
            ]
            .concat()
        })
    }

    /// A message with so many records, of which one byte may be another and the end may be missing.
    pub(super) fn message() -> impl Strategy<Value = Vec<u8>> {
        let records = (vec(record(), 0..4), vec(record(), 0..2), vec(record(), 0..3));
        let question = prop_oneof![8 => name(), 1 => Just([60; 244].to_vec())];
        let flags =
            (prop_oneof![Just(0x01_u8), Just(0x81), Just(0x85), Just(0x83), any::<u8>()], any::<u8>());
        let damage = (
            0..400_usize,
            proptest::option::weighted(0.3, any::<u8>()),
            proptest::option::weighted(0.2, 0..200_usize),
        );
        (flags, question, any::<u16>(), records, damage).prop_map(
            |((high, low), question, qtype, (answers, authorities, additionals), (at, byte, cut))| {
                let mut bytes = vec![0x12, 0x34, high, low, 0, 1];
                for section in [&answers, &authorities, &additionals] {
                    bytes.extend(u16::try_from(section.len()).unwrap().to_be_bytes());
                }
                bytes.extend(question);
                bytes.extend(qtype.to_be_bytes());
                bytes.extend([0, 1]);
                bytes.extend([answers, authorities, additionals].concat().concat());
                if let Some(byte) = byte {
                    let at = at % bytes.len();
                    bytes[at] = byte;
                }
                bytes.truncate(cut.unwrap_or(usize::MAX));
                bytes
            },
        )
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(4_096))]

    #[test]
    fn both_decoders_read_the_same_in_every_message(bytes in pieces::message()) {
        let (decoded, expected) = (read(&bytes), general::decode(&bytes, &mut Names::default()));
        // To the case of every letter, which does not count when names are compared.
        proptest::prop_assert_eq!(format!("{decoded:?}"), format!("{expected:?}"));
        proptest::prop_assert_eq!(decoded, expected);
    }

    #[test]
    fn names_that_were_seen_before_change_nothing(
        labels in proptest::collection::vec("[a-z]{1,9}", 2..6),
        (high, rest) in (proptest::sample::select(vec![1_u8, 0x81]), pieces::message()),
        (at, byte) in (10..60_usize, 0..12_u8),
    ) {
        let mut bytes = vec![0x12, 0x34, high, 0x80, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in &labels {
            bytes.push(u8::try_from(label.len()).unwrap());
            bytes.extend(label.as_bytes());
        }
        let end = bytes.len();
        bytes.extend([0, 0, 1, 0, 1]);
        bytes.extend(rest);
        // Begins alike and is as long, but goes on where the first name ends, or is another one.
        let [mut longer, mut other] = [bytes.clone(), bytes.clone()];
        longer[end] = byte;
        let at = at % other.len();
        other[at] = byte;
        let mut names = Names::default();
        for message in [&bytes, &longer, &other, &bytes] {
            let (decoded, expected) = (decode(message, &mut names), read(message));
            proptest::prop_assert_eq!(format!("{decoded:?}"), format!("{expected:?}"));
        }
    }
}

#[test]
fn usual_messages_are_read_quickly() {
    let mut names = Names::default();
    let mut asks = query("www.example.com.");
    asks.set_edns(WireEdns::new());
    let mut says = response("www.example.com.");
    says.add_answer(record(RData::CNAME(CNAME(Name::from_ascii("edge.example.net.").unwrap()))));
    says.add_answer(record(RData::A(A::new(192, 0, 2, 1))));
    for message in [asks, says] {
        let bytes = message.to_vec().unwrap();
        assert_eq!(quick::decode(&bytes, &mut names), general::decode(&bytes, &mut names).ok());
    }
}

#[test]
fn a_pointer_from_inside_the_question_to_its_beginning_is_no_name() {
    // The owner of the answer points into the second label of the question, where a pointer leads to its first: found by
    // the fuzzer.
    let question = b"\x01a\x04\x01b\xc0\x0c\x01c\x00\x00\x01\x00\x01";
    let answer = b"\xc0\x11\x00\x05\x00\x01\x00\x00\x00\x05\x00\x03\x01d\x00";
    let header = [0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    let bytes = [&header[..], question, answer].concat();
    assert_eq!(read(&bytes), general::decode(&bytes, &mut Names::default()));
    assert!(matches!(read(&bytes).unwrap().kind, Kind::Response(it) if it.alias().is_none()));
}
