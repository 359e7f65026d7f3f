//! Any frames at any times, decoded, paired, grouped and judged. Nothing may panic, no query may be in two lookups, and
//! the steps of a lookup add up to its latency.

#![no_main]

#[allow(dead_code, reason = "tests need more of it")]
#[path = "../../tests/wire/packets.rs"]
mod packets;

use std::net::{Ipv4Addr, SocketAddrV4};

use dnsprobe_lookup::{Frame, LinkType, Lookup, Nanos, Pipeline, SearchList, Summary, Timestamp};
use libfuzzer_sys::fuzz_target;

const POD: &[u8] = b"search shop.svc.cluster.local svc.cluster.local cluster.local corp.example\noptions ndots:5 timeout:1\n";
const LINKS: [LinkType; 8] = [
    LinkType::ETHERNET, LinkType::RAW, LinkType::LINUX_SLL, LinkType::LINUX_SLL2, LinkType::NULL, LinkType::LOOP,
    LinkType::IPV6, LinkType(7),
];
const NAMES: [&str; 4] = ["web", "web.shop", "www.example.com", "a.b.c.d.e.f"];
const SUFFIXES: [&str; 5] = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example", ""];
const PAUSES: [i64; 8] = [0, 1, 300, 8_000, 60_000, 600_000, 1_000_000, 6_000_000];

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = Bytes(bytes);
    let search = match bytes.next() % 3 {
        0 => SearchList::Known(None),
        1 => SearchList::Known(Some(POD.to_vec())),
        _ => SearchList::Inferred(Nanos::from_millis(5_000)),
    };
    let mut pipeline = Pipeline::new(vec![53], search);
    let mut summary = Summary::default();
    let mut now = 1_700_000_000_000_000_000;
    while !bytes.0.is_empty() {
        let kind = bytes.next();
        now += PAUSES[usize::from(kind >> 5)] * 1_000;
        let (link, frame) = match kind & 3 {
            0 => {
                let link = LINKS[usize::from(bytes.next() % 8)];
                (link, bytes.take().to_vec())
            }
            1 => (LinkType::RAW, datagram(bytes.next(), bytes.take())),
            _ => {
                let ends = bytes.next();
                let message = message(ends, &mut bytes);
                (LinkType::RAW, datagram(ends, &message))
            }
        };
        let original_len = frame.len() as u32;
        let frame = Frame { at: Timestamp(now), link, bytes: &frame, original_len, interface: 0 };
        check(&pipeline.frame(&frame), &mut summary);
        if kind & 4 != 0 {
            check(&pipeline.silence(Timestamp(now + 700_000_000)), &mut summary);
        }
    }
    check(&pipeline.finish(), &mut summary);
    assert!(summary.questions <= pipeline.counters().messages);
    let _ = (summary.by_name(), summary.by_suffix(), summary.by_remedy(), pipeline.inferred());
});

fn check(lookups: &[Lookup], summary: &mut Summary) {
    for lookup in lookups {
        summary.add(lookup, Some("fuzz"));
        assert!(!lookup.steps.is_empty() && lookup.steps.iter().all(|step| !step.questions.is_empty()));
        let sum: Option<Nanos> = lookup.steps.iter().map(|step| step.added).sum();
        assert_eq!(sum, lookup.latency);
        assert!(lookup.latency.is_none_or(|latency| latency >= Nanos(0)));
    }
}

/// What is left of the input; zeros behind its end.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn take(&mut self) -> &'a [u8] {
        let length = usize::from(self.next()).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }
}

/// A payload between one of two clients, one of eight ports, and one of two servers.
fn datagram(ends: u8, payload: &[u8]) -> Vec<u8> {
    let client = SocketAddrV4::new(Ipv4Addr::new(10, 244, 1, 7 + (ends & 1)), 40_000 + u16::from(ends >> 2 & 7));
    let server = SocketAddrV4::new(Ipv4Addr::new(10, 96, 0, 10 + (ends >> 1 & 1)), 53);
    let (from, to) = if ends & 0x80 != 0 { (server, client) } else { (client, server) };
    packets::udp(from, to, payload)
}

/// A question, or an answer with an address, an alias or nothing.
fn message(ends: u8, bytes: &mut Bytes<'_>) -> Vec<u8> {
    let (what, about) = (bytes.next(), bytes.next());
    let answers = ends & 0x80 != 0;
    let records = u8::from(answers && what & 0x40 != 0);
    let flags = if answers { [0x81 | what >> 4 & 2, 0x80 | what & 0xf] } else { [1, 0] };
    let mut message = vec![0, about >> 6, flags[0], flags[1], 0, 1, 0, records, 0, 0, 0, 0];
    let suffix = SUFFIXES[usize::from(about >> 2 & 7) % SUFFIXES.len()];
    for label in NAMES[usize::from(about & 3)].split('.').chain(suffix.split('.').filter(|it| !it.is_empty())) {
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    let qtype = if what & 0x80 == 0 { 1 } else { 28 };
    message.extend([0, 0, qtype, 0, 1]);
    if records == 1 {
        let (rtype, data): (u8, &[u8]) = match (what & 0x10, qtype) {
            (0, 1) => (1, &[192, 0, 2, 1]),
            (0, _) => (28, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            _ => (5, b"\x04edge\x07example\x00"),
        };
        message.extend([0xc0, 12, 0, rtype, 0, 1, 0, 0, 0, 5, 0, data.len() as u8]);
        message.extend(data);
    }
    message
}
