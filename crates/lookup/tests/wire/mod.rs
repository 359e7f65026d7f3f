//! Builds the packets of a conversation: one client, one server, UDP over IPv4 over Ethernet.

mod packets;

use std::net::{Ipv4Addr, SocketAddrV4};

use dnsprobe_lookup::{Frame, LinkType, Lookup, Nanos, Pipeline, SearchList, Timestamp};
use dnsprobe_resolv::QType;
use hickory_proto::op::{Edns, Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// What the server says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Say {
    NxDomain,
    NoData,
    Address,
    ServFail,
    /// An alias for `ALIAS`, and nothing that this stands for.
    LoneAlias,
}

/// What `Say::LoneAlias` points to.
pub(crate) const ALIAS: &str = "gone.example.net";

/// Packets with their times.
pub(crate) struct Conversation {
    packets: Vec<(Timestamp, Vec<u8>)>,
    now: i64,
    /// EDNS size of queries.
    pub(crate) edns: Option<u16>,
    /// How often each packet is captured.
    pub(crate) copies: usize,
    /// Who asks.
    pub(crate) client: Ipv4Addr,
}

impl Conversation {
    pub(crate) fn new() -> Self {
        Self {
            packets: Vec::new(),
            now: 1_700_000_000_000_000_000,
            edns: None,
            copies: 1,
            client: Ipv4Addr::new(10, 244, 1, 7),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.now)
    }

    pub(crate) fn wait_ms(&mut self, ms: i64) {
        self.now += ms * 1_000_000;
    }

    pub(crate) fn ask(&mut self, name: &str, qtype: QType, port: u16, id: u16) {
        let mut message = question(name, qtype, id);
        if let Some(size) = self.edns {
            let mut edns = Edns::new();
            edns.set_max_payload(size);
            message.set_edns(edns);
        }
        self.packet(port, 53, &message);
    }

    pub(crate) fn answer(&mut self, name: &str, qtype: QType, port: u16, id: u16, say: Say) {
        let message = answer(name, qtype, id, say);
        self.packet(53, port, &message);
    }

    /// A question, or an answer that says something, between any two sockets.
    pub(crate) fn between(
        &mut self,
        from: SocketAddrV4,
        to: SocketAddrV4,
        about: (&str, QType, u16),
        say: Option<Say>,
    ) {
        let (name, qtype, id) = about;
        let message = say.map_or_else(|| question(name, qtype, id), |say| answer(name, qtype, id, say));
        let bytes = packets::ethernet(from, to, &message.to_vec().unwrap());
        self.packets.push((Timestamp(self.now), bytes));
    }

    /// Has the last packet captured before the one in front of it; both keep their times.
    pub(crate) fn overtake(&mut self) {
        let last = self.packets.len() - 1;
        self.packets.swap(last - 1, last);
    }

    /// A and AAAA from one port with unrelated ids, answered after a millisecond; then a little thinking.
    pub(crate) fn pair(&mut self, name: &str, port: u16, say: Say) {
        let id = port.wrapping_mul(31);
        let other = id ^ 0x5a5a;
        self.ask(name, QType::A, port, id);
        self.ask(name, QType::Aaaa, port, other);
        self.wait_ms(1);
        self.answer(name, QType::A, port, id, say);
        self.answer(name, QType::Aaaa, port, other, say);
        self.now += 50_000;
    }

    /// Everything the pipeline makes of it, in the order begun.
    pub(crate) fn lookups(&self, search: SearchList) -> Vec<Lookup> {
        let mut lookups = self.play(&mut Pipeline::new(vec![53], search));
        lookups.sort_by_key(|lookup| lookup.start);
        lookups
    }

    pub(crate) fn play(&self, pipeline: &mut Pipeline) -> Vec<Lookup> {
        let mut lookups = self.play_without_end(pipeline);
        lookups.extend(pipeline.finish());
        lookups
    }

    pub(crate) fn play_without_end(&self, pipeline: &mut Pipeline) -> Vec<Lookup> {
        self.frames().flat_map(|frame| pipeline.frame(&frame)).collect()
    }

    /// The same, each lookup in the place of the one before.
    #[allow(dead_code, reason = "not every file of tests saves memory")]
    pub(crate) fn play_in_one_place(&self, pipeline: &mut Pipeline) -> Vec<Lookup> {
        let mut lookups = Vec::new();
        let mut place = Lookup::of_nothing();
        for frame in self.frames() {
            pipeline.advance(&frame);
            while pipeline.next_over(&mut place) {
                lookups.push(place.clone());
            }
        }
        lookups
    }

    fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        self.packets.iter().map(|(at, bytes)| {
            let original_len = u32::try_from(bytes.len()).unwrap();
            Frame { at: *at, link: LinkType::ETHERNET, bytes, original_len, interface: 1 }
        })
    }

    /// When its first packet was captured.
    #[allow(dead_code, reason = "not every file of tests asks")]
    pub(crate) fn first(&self) -> Option<Timestamp> {
        self.packets.first().map(|(at, _)| *at)
    }

    /// What is captured when another conversation goes on at the same time.
    #[allow(dead_code, reason = "not every file of tests has two clients")]
    pub(crate) fn beside(&self, other: &Self) -> Self {
        let mut packets = [self.packets.clone(), other.packets.clone()].concat();
        packets.sort_by_key(|(at, _)| *at);
        Self { packets, now: self.now.max(other.now), ..*self }
    }

    /// Plays it as it happens, to an hour after its end; `next_look` says when to look at the clock if no packet comes
    /// before. Each lookup with when it was seen.
    #[allow(dead_code, reason = "not every file of tests plays live")]
    pub(crate) fn live(
        &self,
        pipeline: &mut Pipeline,
        next_look: &dyn Fn(&mut Pipeline, Timestamp) -> Option<Timestamp>,
    ) -> Vec<(Timestamp, Lookup)> {
        let end = self.now() + Nanos::from_millis(3_600_000);
        let mut clock = self.packets.first().map_or(end, |(at, _)| *at);
        let mut seen = Vec::new();
        let packets = self.packets.iter().map(|(at, bytes)| (*at, Some(bytes)));
        for (until, packet) in packets.chain([(end, None)]) {
            let mut looked = None;
            while let Some(look) = next_look(pipeline, clock).filter(|look| *look < until) {
                // It may have been due when a packet came that no lookup was about.
                clock = clock.max(look);
                assert!(looked < Some(clock), "what was due has been seen");
                looked = Some(clock);
                seen.extend(pipeline.silence(clock).into_iter().map(|lookup| (clock, lookup)));
            }
            let Some(bytes) = packet else { break };
            clock = until;
            let original_len = u32::try_from(bytes.len()).unwrap();
            let frame = Frame { at: until, link: LinkType::ETHERNET, bytes, original_len, interface: 1 };
            seen.extend(pipeline.frame(&frame).into_iter().map(|lookup| (clock, lookup)));
        }
        seen
    }

    fn packet(&mut self, source: u16, destination: u16, message: &Message) {
        let (client, server) = (self.client, Ipv4Addr::new(10, 96, 0, 10));
        let (from, to) = if destination == 53 { (client, server) } else { (server, client) };
        let (from, to) = (SocketAddrV4::new(from, source), SocketAddrV4::new(to, destination));
        let bytes = packets::ethernet(from, to, &message.to_vec().unwrap());
        for _ in 0..self.copies {
            self.packets.push((Timestamp(self.now), bytes.clone()));
            self.now += 20_000;
        }
        self.now -= 20_000 * i64::try_from(self.copies).unwrap();
    }
}

fn answer(name: &str, qtype: QType, id: u16, say: Say) -> Message {
    let mut message = question(name, qtype, id);
    message.metadata.message_type = MessageType::Response;
    message.metadata.recursion_available = true;
    match say {
        Say::NxDomain => message.metadata.response_code = ResponseCode::NXDomain,
        Say::ServFail => message.metadata.response_code = ResponseCode::ServFail,
        Say::NoData => {}
        Say::LoneAlias => {
            let alias = RData::CNAME(CNAME(Name::from_ascii(ALIAS).unwrap()));
            let record = Record::from_rdata(message.queries[0].name.clone(), 5, alias);
            message.add_answer(record);
        }
        Say::Address => {
            let data = match qtype {
                QType::A => RData::A(A::new(192, 0, 2, 1)),
                _ => RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
            };
            let record = Record::from_rdata(message.queries[0].name.clone(), 5, data);
            message.add_answer(record);
        }
    }
    message
}

fn question(name: &str, qtype: QType, id: u16) -> Message {
    let mut message = Message::query();
    message.metadata.id = id;
    let rtype = match qtype {
        QType::A => RecordType::A,
        QType::Aaaa => RecordType::AAAA,
        QType::Other(number) => RecordType::from(number),
    };
    message.add_query(Query::query(Name::from_ascii(name.trim_end_matches('.')).unwrap(), rtype));
    message
}
