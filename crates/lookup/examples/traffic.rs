//! Writes a capture of what a node of 200 pods asks because of ndots: `cargo run --release --example traffic -- FILE
//! [PACKETS [SEED]]`. The same seed gives the same bytes. Prints as JSON what is in it, for `benches/peers.py` of the
//! command, which measures readers with it.
//!
//! What makes a reader slow is all there: many clients at once, few names behind three search suffixes, A and AAAA side by
//! side (from one port, as glibc and musl ask, or from two with EDNS, as Go does), NXDOMAIN with its SOA record, aliases
//! with compressed names, IPv6 beside IPv4, resends, answers that come twice, late or never, and some packets of others.

#![allow(
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a generator: it prints what it made, and all numbers are its own and small"
)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};

const PODS: u64 = 200;
const NAMESPACES: [&str; 10] =
    ["orders", "billing", "web", "default", "batch", "search", "accounts", "metrics", "build", "frontdoor"];
/// Behind the pod's own namespace.
const CLUSTER: [&str; 2] = ["svc.cluster.local", "cluster.local"];
/// 2025-10-09, in microseconds.
const BEGIN: u64 = 1_760_000_000_000_000;

/// Under which of its candidates a name exists.
#[derive(Clone, Copy, PartialEq)]
enum Found {
    AsIs,
    Suffix(usize),
    Never,
}

const NAMES: [(&str, Found); 18] = [
    ("www.example.com", Found::AsIs),
    ("api.payments.example", Found::AsIs),
    ("bucket.eu-west-1.storage.example", Found::AsIs),
    ("tokens.cloud.example", Found::AsIs),
    ("objects.googleapi.example", Found::AsIs),
    ("login.directory.example", Found::AsIs),
    ("hooks.chat.example", Found::AsIs),
    ("registry-1.images.example", Found::AsIs),
    ("one.two.three.four.five.example.org", Found::AsIs),
    ("primary.c1xyz.eu-central-1.db.example.com", Found::AsIs),
    ("kubernetes.default.svc.cluster.local", Found::AsIs),
    ("cache", Found::Suffix(0)),
    ("orders", Found::Suffix(0)),
    ("api.billing", Found::Suffix(1)),
    ("login.accounts", Found::Suffix(1)),
    ("kube-dns.kube-system.svc", Found::Suffix(2)),
    ("collector.metrics.svc", Found::Suffix(2)),
    ("www.exmaple.invalid", Found::Never),
];

/// Marsaglia's xorshift, with Vigna's multiplier.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low)
    }

    /// True that many times of a thousand.
    fn thousandths(&mut self, share: u64) -> bool {
        self.next() % 1_000 < share
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Resolver {
    Glibc,
    Musl,
    Go,
}

struct Pod {
    /// Four bytes or sixteen.
    address: Vec<u8>,
    server: Vec<u8>,
    namespace: &'static str,
    resolver: Resolver,
    /// Until when it asks each name: a lookup does not overlap another of the same name.
    busy: [u64; NAMES.len()],
}

impl Pod {
    fn numbered(number: u64, random: &mut Random) -> Self {
        let [high, low] = [(number / 50) as u8, (10 + number % 50) as u8];
        let v6 = number % 10 == 9;
        let in_prefix = |last: u8| [&[0xfd, 0, 0, 0x10][..], &[0; 10], &[high, last]].concat();
        let resolver = match random.between(0, 20) {
            0..3 => Resolver::Musl,
            3..6 => Resolver::Go,
            _ => Resolver::Glibc,
        };
        Self {
            address: if v6 { in_prefix(low) } else { vec![10, 244, high, low] },
            server: if v6 { in_prefix(1) } else { vec![10, 96, 0, 10] },
            namespace: NAMESPACES[(number % 10) as usize],
            resolver,
            busy: [0; NAMES.len()],
        }
    }
}

/// What the capture holds.
#[derive(Default)]
struct Made {
    lookups: u64,
    questions: u64,
    messages: u64,
    others: u64,
}

/// One packet: its microsecond, its number, its bytes.
type Packet = Reverse<(u64, u64, Vec<u8>)>;

struct Node {
    random: Random,
    pods: Vec<Pod>,
    queue: BinaryHeap<Packet>,
    made: Made,
}

/// One question of a lookup's step.
struct Asked<'a> {
    pod: usize,
    port: u16,
    name: &'a str,
    qtype: u16,
    rcode: u8,
}

impl Node {
    fn send(&mut self, at: u64, frame: Vec<u8>) {
        let number = self.made.messages + self.made.others;
        self.queue.push(Reverse((at, number, frame)));
    }

    fn message(&mut self, at: u64, asked: &Asked<'_>, from: From, message: &[u8]) {
        self.made.messages += 1;
        let pod = &self.pods[asked.pod];
        let frame = match from {
            From::Client => ip(&pod.address, &pod.server, UDP, &udp(asked.port, 53, message)),
            From::Server => ip(&pod.server, &pod.address, UDP, &udp(53, asked.port, message)),
        };
        self.send(at, frame);
    }

    /// Asks one question; says when the client knows its answer, or that it never does.
    fn ask(&mut self, at: u64, asked: &Asked<'_>) -> Result<u64, u64> {
        self.made.questions += 1;
        let (id, resolver) = (self.random.next() as u16, self.pods[asked.pod].resolver);
        let query = question(id, asked, resolver);
        let answer = answer(&query, asked, resolver, &mut self.random);
        let inside = asked.name.ends_with("cluster.local");
        let takes = if inside { self.random.between(150, 900) } else { self.random.between(1_500, 40_000) };
        self.message(at, asked, From::Client, &query);
        if !self.random.thousandths(3) {
            self.message(at + takes, asked, From::Server, &answer);
            return Ok(at + takes);
        }
        // Lost, or slower than the client is patient: the same message again.
        let patience = if resolver == Resolver::Musl { 2_500_000 } else { 5_000_000 };
        let again = at + patience;
        self.message(again, asked, From::Client, &query);
        match self.random.between(0, 10) {
            0 | 1 => return Err(again + patience),
            2..5 => self.message(again + takes + 300, asked, From::Server, &answer),
            _ => {}
        }
        self.message(again + takes, asked, From::Server, &answer);
        Ok(again + takes)
    }

    /// Walks the candidates of one name in one pod.
    fn lookup(&mut self, begin: u64) {
        let (pod, which) = loop {
            let pod = self.random.between(0, PODS) as usize;
            let which = self.random.between(0, NAMES.len() as u64) as usize;
            if self.pods[pod].busy[which] + 1_000_000 < begin {
                break (pod, which);
            }
        };
        self.made.lookups += 1;
        let mut at = begin;
        for (name, exists) in candidates(NAMES[which], self.pods[pod].namespace, &mut self.random) {
            let rcode = match (self.random.thousandths(2), exists) {
                (true, _) => 2,
                (false, true) => 0,
                (false, false) => 3,
            };
            let port = self.random.between(32_768, 61_000) as u16;
            let second = match self.pods[pod].resolver {
                Resolver::Go => self.random.between(32_768, 61_000) as u16,
                Resolver::Glibc | Resolver::Musl => port,
            };
            let gap = self.random.between(15, 70);
            let v4 = self.ask(at, &Asked { pod, port, name: &name, qtype: A, rcode });
            let v6 = self.ask(at + gap, &Asked { pod, port: second, name: &name, qtype: AAAA, rcode });
            at = v4.unwrap_or_else(|end| end).max(v6.unwrap_or_else(|end| end));
            if exists || rcode == 2 || (v4.is_err() && v6.is_err()) {
                break;
            }
            at += self.random.between(30, 150);
        }
        self.pods[pod].busy[which] = at;
    }

    /// A packet that is none of ours.
    fn other(&mut self, at: u64) {
        self.made.others += 1;
        let pod = &self.pods[(self.random.next() % PODS) as usize];
        let (protocol, payload) = if self.random.thousandths(700) {
            let segment =
                [&[0x9c, 0x40, 0x01, 0xbb][..], &[0; 8], &[0x50, 0x18, 1, 0, 0, 0, 0, 0], &[0x17; 36]];
            (TCP, segment.concat())
        } else {
            (UDP, udp(123, 123, &[0x1b; 48]))
        };
        let frame = ip(&pod.address, &pod.server, protocol, &payload);
        self.send(at, frame);
    }
}

#[derive(Clone, Copy)]
enum From {
    Client,
    Server,
}

/// What is asked for a name under ndots:5, and whether it exists; one name in twenty is written with its dot.
fn candidates((name, found): (&str, Found), namespace: &str, random: &mut Random) -> Vec<(String, bool)> {
    let as_is = (name.to_owned(), found == Found::AsIs);
    if as_is.1 && random.thousandths(50) {
        return vec![as_is];
    }
    let own = format!("{namespace}.{}", CLUSTER[0]);
    let suffixes = [own.as_str(), CLUSTER[0], CLUSTER[1]];
    let behind = suffixes.iter().enumerate();
    let mut all: Vec<_> =
        behind.map(|(at, suffix)| (format!("{name}.{suffix}"), found == Found::Suffix(at))).collect();
    let enough_dots = name.matches('.').count() >= 5;
    all.insert(if enough_dots { 0 } else { all.len() }, as_is);
    all
}

const A: u16 = 1;
const AAAA: u16 = 28;
/// RFC 6891: the root, type OPT, 1232 bytes.
const OPT: [u8; 11] = [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0];

fn question(id: u16, asked: &Asked<'_>, resolver: Resolver) -> Vec<u8> {
    let edns = resolver == Resolver::Go;
    let mut message = [id.to_be_bytes(), [1, 0], [0, 1], [0; 2], [0; 2], [0, u8::from(edns)]].concat();
    for label in asked.name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend([asked.qtype.to_be_bytes(), [0, 1]].concat());
    if edns {
        message.extend(OPT);
    }
    message
}

fn answer(query: &[u8], asked: &Asked<'_>, resolver: Resolver, random: &mut Random) -> Vec<u8> {
    let edns = resolver == Resolver::Go;
    let end = query.len() - if edns { OPT.len() } else { 0 };
    let mut message = query[..end].to_vec();
    message[2..4].copy_from_slice(&[0x81, 0x80 | asked.rcode]);
    let inside = asked.name.ends_with("cluster.local");
    let no_data = asked.rcode == 0 && asked.qtype == AAAA && (inside || random.thousandths(400));
    // The last two labels of the name that was asked.
    let zone = asked.name.rmatch_indices('.').nth(1).map_or(12, |(at, _)| 12 + at as u16 + 1) | 0xc000;
    if asked.rcode == 3 || no_data {
        message[9] = 1;
        record(&mut message, zone, 6, &soa(zone));
    } else if asked.rcode == 0 {
        let alias = !inside && random.thousandths(450);
        let addresses = if inside { 1 } else { random.between(1, 4) as u8 };
        message[7] = addresses + u8::from(alias);
        let mut owner = 0xc00c;
        if alias {
            owner = 0xc000 | (message.len() + 12) as u16;
            record(
                &mut message,
                0xc00c,
                5,
                &[b"\x04node\x06d17a2b\x04edge", &zone.to_be_bytes()[..]].concat(),
            );
        }
        for _ in 0..addresses {
            let data =
                if asked.qtype == A { random.next().to_be_bytes()[4..].to_vec() } else { [0x20; 16].into() };
            record(&mut message, owner, asked.qtype, &data);
        }
    }
    if edns {
        message.extend(OPT);
    }
    message
}

fn record(message: &mut Vec<u8>, owner: u16, kind: u16, data: &[u8]) {
    message.extend([owner.to_be_bytes(), kind.to_be_bytes(), [0, 1], [0, 0], [0, 30]].concat());
    message.extend((data.len() as u16).to_be_bytes());
    message.extend(data);
}

fn soa(zone: u16) -> Vec<u8> {
    let zone = zone.to_be_bytes();
    let numbers = [2_025_100_901_u32, 7_200, 1_800, 86_400, 30].map(u32::to_be_bytes).concat();
    [b"\x02ns\x03dns", &zone[..], b"\x0ahostmaster", &zone[..], &numbers].concat()
}

const TCP: u8 = 6;
const UDP: u8 = 17;

fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u16 + 8;
    // Without a checksum, as the kernel shows what a sender's card completes.
    let header = [source, destination, length, 0].map(u16::to_be_bytes).concat();
    [&header[..], payload].concat()
}

fn ip(source: &[u8], destination: &[u8], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    let length = payload.len() as u16;
    if source.len() == 4 {
        let [high, low] = (length + 20).to_be_bytes();
        let mut header = vec![0x45, 0, high, low, 0, 0, 0x40, 0, 64, protocol, 0, 0];
        header.extend([source, destination].concat());
        let words = header.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
        let sum: u32 = words.sum();
        let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        frame.extend([8, 0]);
        frame.extend(header);
    } else {
        let [high, low] = length.to_be_bytes();
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, high, low, protocol, 64]);
        frame.extend([source, destination].concat());
    }
    frame.extend(payload);
    frame
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (path, packets, seed) = match &words[..] {
        [path] => (path, 2_000_000, 1),
        [path, packets] => (path, packets.parse()?, 1),
        [path, packets, seed] => (path, packets.parse()?, seed.parse()?),
        _ => return Err("usage: traffic FILE [PACKETS [SEED]]".into()),
    };
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    // Microseconds, version 2.4, no time zone, snapshot length, Ethernet.
    file.write_all(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 0x4_0000, 1].map(u32::to_le_bytes).concat())?;
    let mut random = Random(seed | 1 << 63);
    let pods = (0..PODS).map(|number| Pod::numbered(number, &mut random)).collect();
    let mut node = Node { random, pods, queue: BinaryHeap::new(), made: Made::default() };
    let mut at = BEGIN;
    while node.made.messages + node.made.others < packets {
        node.lookup(at);
        if node.random.thousandths(250) {
            node.other(at + 7);
        }
        at += node.random.between(200, 1_800);
        write_until(&mut file, &mut node.queue, at)?;
    }
    write_until(&mut file, &mut node.queue, u64::MAX)?;
    file.flush()?;
    let Made { lookups, questions, messages, others } = node.made;
    println!(
        "{{\"packets\": {}, \"messages\": {messages}, \"questions\": {questions}, \"lookups\": {lookups}}}",
        messages + others
    );
    Ok(())
}

/// Writes what is due before a moment.
fn write_until(file: &mut impl Write, queue: &mut BinaryHeap<Packet>, end: u64) -> std::io::Result<()> {
    while queue.peek().is_some_and(|Reverse((at, ..))| *at < end) {
        let Some(Reverse((at, _, frame))) = queue.pop() else { break };
        let length = frame.len() as u32;
        let header = [(at / 1_000_000) as u32, (at % 1_000_000) as u32, length, length];
        file.write_all(&header.map(u32::to_le_bytes).concat())?;
        file.write_all(&frame)?;
    }
    Ok(())
}
