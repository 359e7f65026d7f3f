//! Captures made of nothing: one client, one server, UDP over IPv4 over Ethernet, whatever names are wanted.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]
#![allow(dead_code, reason = "each test file uses its own part")]

use std::net::IpAddr;

pub(crate) const NOERROR: u16 = 0;
pub(crate) const NXDOMAIN: u16 = 3;
pub(crate) const A: u16 = 1;
pub(crate) const AAAA: u16 = 28;
const CNAME: u16 = 5;

const CLIENT: [u8; 4] = [10, 244, 1, 7];
const SERVER: [u8; 4] = [10, 96, 0, 10];
const MICROSECOND: u64 = 1_000;

/// A capture in the making: classic pcap with nanoseconds.
pub(crate) struct Made {
    pub(crate) bytes: Vec<u8>,
    now_ns: u64,
    id: u16,
}

impl Made {
    pub(crate) fn new() -> Self {
        let mut bytes = Vec::new();
        for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 65_535, 1] {
            bytes.extend(word.to_le_bytes());
        }
        Self { bytes, now_ns: 1_700_000_000_000_000_000, id: 0 }
    }

    pub(crate) fn wait_us(&mut self, us: u64) {
        self.now_ns += us * MICROSECOND;
    }

    /// glibc's questions for one candidate, labels given apart, and their answers after so many µs.
    pub(crate) fn candidate(&mut self, labels: &[&[u8]], rcode: u16, addresses: &[IpAddr], after_us: u64) {
        self.pair(labels, &Answer { rcode, alias: &[], addresses }, after_us);
    }

    /// The same, answered with an alias to another name and that name's addresses.
    pub(crate) fn aliased(&mut self, labels: &[&[u8]], alias: &[&[u8]], addresses: &[IpAddr], after_us: u64) {
        self.pair(labels, &Answer { rcode: NOERROR, alias, addresses }, after_us);
    }

    fn pair(&mut self, labels: &[&[u8]], answer: &Answer<'_>, after_us: u64) {
        // glibc's ids are random: two of a pair are far apart.
        self.id = self.id.wrapping_mul(25_173).wrapping_add(13_849);
        let ids = [self.id, self.id ^ 0x8000];
        let port = 33_000 + self.id % 20_000;
        for (id, qtype) in ids.into_iter().zip([A, AAAA]) {
            self.packet((CLIENT, port), (SERVER, 53), &message(id, labels, qtype, None));
            self.wait_us(5);
        }
        self.wait_us(after_us);
        for (id, qtype) in ids.into_iter().zip([A, AAAA]) {
            self.packet((SERVER, 53), (CLIENT, port), &message(id, labels, qtype, Some(answer)));
            self.wait_us(5);
        }
    }

    fn packet(&mut self, from: ([u8; 4], u16), to: ([u8; 4], u16), payload: &[u8]) {
        let length = |more: usize| u16::try_from(payload.len() + more).unwrap().to_be_bytes();
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
        frame.extend([0x45, 0]);
        frame.extend(length(28));
        frame.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
        frame.extend(from.0);
        frame.extend(to.0);
        frame.extend(from.1.to_be_bytes());
        frame.extend(to.1.to_be_bytes());
        frame.extend(length(8));
        frame.extend([0, 0]);
        frame.extend(payload);
        let seconds = u32::try_from(self.now_ns / 1_000_000_000).unwrap();
        let nanos = u32::try_from(self.now_ns % 1_000_000_000).unwrap();
        let size = u32::try_from(frame.len()).unwrap();
        for word in [seconds, nanos, size, size] {
            self.bytes.extend(word.to_le_bytes());
        }
        self.bytes.extend(frame);
    }
}

/// What a server says.
struct Answer<'a> {
    rcode: u16,
    /// The labels of the name that the one asked for is an alias of; none where it is none.
    alias: &'a [&'a [u8]],
    addresses: &'a [IpAddr],
}

fn name(labels: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in labels {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(*label);
    }
    bytes.push(0);
    bytes
}

/// A query, or an answer with those of the addresses that are of the type.
fn message(id: u16, labels: &[&[u8]], qtype: u16, answer: Option<&Answer<'_>>) -> Vec<u8> {
    let data: Vec<Vec<u8>> = answer
        .iter()
        .flat_map(|answer| answer.addresses.iter())
        .filter_map(|address| match (address, qtype) {
            (IpAddr::V4(it), A) => Some(it.octets().to_vec()),
            (IpAddr::V6(it), AAAA) => Some(it.octets().to_vec()),
            _ => None,
        })
        .collect();
    let alias = answer.map(|answer| answer.alias).filter(|alias| !alias.is_empty());
    let flags = answer.map_or(0x0100, |answer| 0x8180 | answer.rcode);
    let records = u16::try_from(data.len()).unwrap() + u16::from(alias.is_some());
    let mut bytes = Vec::new();
    for word in [id, flags, 1, records, 0, 0] {
        bytes.extend(word.to_be_bytes());
    }
    bytes.extend(name(labels));
    bytes.extend([qtype, 1].iter().flat_map(|word| word.to_be_bytes()));
    let mut owner = vec![0xc0, 12];
    if let Some(alias) = alias {
        let target = name(alias);
        bytes.extend(&owner);
        bytes.extend(
            [CNAME, 1, 0, 5, u16::try_from(target.len()).unwrap()].iter().flat_map(|it| it.to_be_bytes()),
        );
        bytes.extend(&target);
        owner = target;
    }
    for address in data {
        bytes.extend(&owner);
        bytes.extend([qtype, 1, 0, 5].iter().flat_map(|word| word.to_be_bytes()));
        bytes.extend(u16::try_from(address.len()).unwrap().to_be_bytes());
        bytes.extend(address);
    }
    bytes
}
