//! What do pairing and grouping add to decoding? `cargo bench -p dnsprobe-lookup [-- CAPTURE]`, a capture being a file of
//! frames from a cluster; without one, a synthetic node of forty pods. Prints nanoseconds of processor time a message and
//! ratios of one run, which another machine may compare with its own.

#[path = "../tests/wire/packets.rs"]
mod packets;

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::ControlFlow;
use std::time::Duration;

use dnsprobe_lookup::{Frame, LinkType, Pipeline, SearchList, Timestamp, datagram, message, pcap};
use nix::time::{ClockId, clock_gettime};

const PORTS: [u16; 1] = [53];
const RUNS: usize = 5;
const POD: &[u8] = b"search default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n";

/// Frames one after another in one buffer, as a file has them.
#[derive(Default)]
struct Frames {
    bytes: Vec<u8>,
    each: Vec<(Timestamp, LinkType, usize, usize)>,
}

impl Frames {
    fn push(&mut self, at: Timestamp, link: LinkType, bytes: &[u8]) {
        self.each.push((at, link, self.bytes.len(), bytes.len()));
        self.bytes.extend(bytes);
    }

    fn iter(&self) -> impl Iterator<Item = Frame<'_>> {
        self.each.iter().map(|&(at, link, start, length)| {
            let bytes = self.bytes.get(start..start + length).unwrap_or_default();
            Frame { at, link, bytes, original_len: u32::try_from(length).unwrap_or(u32::MAX), interface: 0 }
        })
    }
}

fn main() {
    let path = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let frames = match &path {
        Some(path) => match read(path) {
            Ok(frames) => frames,
            Err(error) => {
                eprintln!("read {path}: {error}");
                std::process::exit(2);
            }
        },
        None => synthetic(),
    };
    let messages = decode(&frames);
    let decoding = best(|| decode(&frames));
    let known = best(|| group(&frames, &SearchList::Known(Some(POD.to_vec()))));
    let inferred =
        best(|| group(&frames, &SearchList::Inferred(dnsprobe_lookup::Nanos::from_millis(60_000))));
    println!("{} frames, {messages} messages, the best of {RUNS} runs", frames.each.len());
    println!("decoding                   {:8.0} ns a message", each(decoding, messages));
    for (what, time) in [("search list known", known), ("search list inferred", inferred)] {
        let added = each(time, messages) - each(decoding, messages);
        let ratio = time.as_secs_f64() / decoding.as_secs_f64();
        println!("grouped, {what:20} + {added:5.0} ns a message, {ratio:.2} times decoding alone");
    }
}

fn each(time: Duration, messages: u64) -> f64 {
    time.as_secs_f64() * 1e9 / messages.max(1) as f64
}

fn best(mut run: impl FnMut() -> u64) -> Duration {
    let times = (0..RUNS).map(|_| {
        let begun = processor_time();
        black_box(run());
        processor_time().saturating_sub(begun)
    });
    times.min().unwrap_or_default()
}

/// Of this process so far: others on the same machine do not count.
fn processor_time() -> Duration {
    // This clock always exists.
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

/// Frames to messages.
fn decode(frames: &Frames) -> u64 {
    let mut messages = 0;
    let mut names = message::Names::default();
    for frame in frames.iter() {
        let Ok(datagram) = datagram::decode(&frame, &PORTS) else { continue };
        messages += u64::from(black_box(message::decode(datagram.payload, &mut names)).is_ok());
    }
    messages
}

/// Frames to lookups.
fn group(frames: &Frames, search: &SearchList) -> u64 {
    let mut pipeline = Pipeline::new(PORTS.to_vec(), search.clone());
    // As `read` does.
    pipeline.in_batches();
    let mut lookups = 0;
    for frame in frames.iter() {
        lookups += black_box(pipeline.frame(&frame)).len() as u64;
    }
    lookups + pipeline.finish().len() as u64
}

fn read(path: &str) -> Result<Frames, Box<dyn std::error::Error>> {
    let mut frames = Frames::default();
    pcap::read(std::fs::File::open(path)?, &mut |frame| {
        frames.push(frame.at, frame.link, frame.bytes);
        ControlFlow::Continue(())
    })?;
    Ok(frames)
}

/// Forty pods, each with its walks of an outside name and of a service, interleaved.
fn synthetic() -> Frames {
    let mut frames = Frames::default();
    let mut now = 1_700_000_000_000_000_000;
    let walks: [&[&str]; 2] = [
        &[
            "www.example.com.default.svc.cluster.local",
            "www.example.com.svc.cluster.local",
            "www.example.com.cluster.local",
            "www.example.com",
        ],
        &["orders.default.svc.cluster.local"],
    ];
    for round in 0..500_u16 {
        for walk in walks {
            for (index, name) in walk.iter().enumerate() {
                let rcode = if index + 1 == walk.len() { 0 } else { 3 };
                for (answers, pod) in
                    [false, true].into_iter().flat_map(|it| (0..40_u8).map(move |pod| (it, pod)))
                {
                    for qtype in [1, 28] {
                        let port = 32_768 + (round * 4 + u16::try_from(index).unwrap_or(0)) % 28_000;
                        let message = dns(name, qtype, port ^ (qtype << 9), answers.then_some(rcode));
                        frames.push(
                            Timestamp(now),
                            LinkType::ETHERNET,
                            &ethernet(pod, port, answers, &message),
                        );
                        now += 5_000;
                    }
                }
            }
        }
    }
    frames
}

fn dns(name: &str, qtype: u16, id: u16, rcode: Option<u8>) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    let (flags, code) = rcode.map_or((1, 0), |rcode| (0x81, 0x80 | rcode));
    let mut bytes = vec![high, low, flags, code, 0, 1, 0, 0, 0, 0, 0, 0];
    if rcode == Some(0) {
        bytes[7] = 1;
    }
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap_or(0));
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend(qtype.to_be_bytes());
    bytes.extend([0, 1]);
    if rcode == Some(0) {
        let data: &[u8] = if qtype == 1 { &[192, 0, 2, 1] } else { &[0x20; 16] };
        bytes.extend([0xc0, 12]);
        bytes.extend(qtype.to_be_bytes());
        bytes.extend([0, 1, 0, 0, 0, 5, 0, u8::try_from(data.len()).unwrap_or(0)]);
        bytes.extend(data);
    }
    bytes
}

fn ethernet(pod: u8, port: u16, answers: bool, payload: &[u8]) -> Vec<u8> {
    let client = SocketAddrV4::new(Ipv4Addr::new(10, 244, 1, pod), port);
    let server = SocketAddrV4::new(Ipv4Addr::new(10, 96, 0, 10), 53);
    let (from, to) = if answers { (server, client) } else { (client, server) };
    packets::ethernet(from, to, payload)
}
