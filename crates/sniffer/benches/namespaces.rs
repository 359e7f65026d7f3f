//! What it costs to watch many network namespaces: `sudo cargo bench -p dnsprobe-sniffer --bench namespaces`.
//!
//! Opens a socket in each of 250 namespaces and prints the time and the memory that takes, and the processor time while
//! questions are asked in all of them. With tcpdump installed, starts one of it for each as well, with the same load.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a benchmark: it prints, ends where it cannot go on, and its numbers are its own"
)]

mod setup;

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dnsprobe_sniffer::netns::run_in;
use dnsprobe_sniffer::{Capture, CaptureOptions, Netns, netns, privileges, wake};
use setup::{Namespaces, Seen};

const NAMESPACES: usize = 250;
/// Questions a second, over all namespaces.
const RATE: u64 = 5_000;
/// How long they are asked.
const SECONDS: u64 = 5;

fn main() {
    if !setup::may_run() {
        return;
    }
    privileges::raise_open_files().unwrap();
    let Namespaces { names, open } = &Namespaces::new("bench", NAMESPACES);
    let pairs: Vec<[UdpSocket; 2]> = open.iter().map(sockets).collect();
    let (waker, wake) = wake::pair().unwrap();
    let mut one = Capture::new(wake::pair().unwrap().1).unwrap();
    let single = timed(|| {
        one.attach(&open[0], &CaptureOptions::default()).unwrap();
    });
    drop(one);
    let before = resident();
    let mut all = Capture::new(wake).unwrap();
    let attached = timed(|| {
        let each = || {
            for netns in open {
                all.attach(netns, &CaptureOptions::default()).unwrap();
            }
        };
        netns::visiting(each).unwrap();
    });
    let kept = resident() - before;
    println!(
        "{NAMESPACES} namespaces attached in {attached:.1?} (one: {single:.1?}), {kept} KiB of memory for them"
    );
    let watched = watched(&mut all, &pairs);
    println!("    this process has {} KiB in all, one thread captures", resident());
    let closed = timed(|| drop(all));
    println!("    closed in {closed:.1?}");
    drop(waker);
    if setup::has_tcpdump() {
        beside_tcpdumps(names, &pairs, attached, kept, watched);
    }
}

/// Captures while questions are asked; the thread's processor time.
fn watched(capture: &mut Capture, pairs: &[[UdpSocket; 2]]) -> Duration {
    let done = AtomicBool::new(false);
    let (asked, Seen { frames, dropped, cpu }) = std::thread::scope(|scope| {
        let counting = scope.spawn(|| setup::count(capture, &done));
        let asked = ask(pairs);
        done.store(true, Ordering::Relaxed);
        (asked, counting.join().unwrap())
    });
    println!(
        "    {asked} questions in {SECONDS} s: {frames} packets captured, {dropped} dropped, {cpu:.2?} of a processor"
    );
    cpu
}

/// A client and a server in a namespace, on its loopback.
fn sockets(netns: &Netns) -> [UdpSocket; 2] {
    let bound = |address: &str| run_in(netns, || UdpSocket::bind(address)).unwrap().unwrap();
    let [client, server] = [bound("127.0.0.1:0"), bound("127.0.0.1:53")];
    client.connect(server.local_addr().unwrap()).unwrap();
    [client, server]
}

/// Asks in one namespace after the other; says how often.
fn ask(pairs: &[[UdpSocket; 2]]) -> u64 {
    let query = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01";
    let (begun, mut asked, mut buffer) = (Instant::now(), 0, [0; 64]);
    while begun.elapsed() < Duration::from_secs(SECONDS) {
        let [client, server] = &pairs[asked as usize % pairs.len()];
        client.send(query).unwrap();
        let (length, from) = server.recv_from(&mut buffer).unwrap();
        buffer[2] |= 0x80;
        server.send_to(&buffer[..length], from).unwrap();
        client.recv(&mut buffer).unwrap();
        asked += 1;
        let due = Duration::from_secs_f64(asked as f64 / RATE as f64);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    asked
}

/// A tcpdump for each namespace, with the same load.
fn beside_tcpdumps(
    names: &[String],
    pairs: &[[UdpSocket; 2]],
    attached: Duration,
    kept: u64,
    watched: Duration,
) {
    let begun = Instant::now();
    let running = Tcpdumps::start(names);
    let started = begun.elapsed();
    let memory = running.sum("smaps_rollup", |text| {
        let line = text.lines().find(|line| line.starts_with("Pss:")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok())
    });
    let cpu = || {
        let own = |text: &str| text.split(' ').next().and_then(|number| number.parse().ok());
        Duration::from_nanos(running.sum("schedstat", own))
    };
    let before = cpu();
    ask(pairs);
    let cpu = cpu().saturating_sub(before);
    println!(
        "    a tcpdump for each took {started:.1?} to start, {memory} KiB (their proportional share) and {cpu:.2?} of a processor"
    );
    println!(
        "    ratios: start {:.0}, memory {:.0}, processor {:.2} (this to those)",
        started.as_secs_f64() / attached.as_secs_f64(),
        memory as f64 / kept.max(1) as f64,
        watched.as_secs_f64() / cpu.as_secs_f64()
    );
}

/// One of it in each namespace, ended when dropped.
struct Tcpdumps(Vec<Child>);

impl Tcpdumps {
    /// Starts them and waits until all of them listen.
    fn start(names: &[String]) -> Self {
        let start = |name: &String| {
            let words =
                ["netns", "exec", name, "tcpdump", "-i", "any", "-n", "-w", "/dev/null", "port", "53"];
            Command::new("ip").args(words).stderr(Stdio::piped()).spawn().unwrap()
        };
        let mut running: Vec<Child> = names.iter().map(start).collect();
        for child in &mut running {
            let errors = BufReader::new(child.stderr.as_mut().unwrap());
            errors.lines().find(|line| line.as_ref().is_ok_and(|line| line.contains("listening")));
        }
        Self(running)
    }

    /// A number from a file of each below /proc, added up.
    fn sum(&self, file: &str, number: impl Fn(&str) -> Option<u64>) -> u64 {
        let files = self.0.iter().map(|child| format!("/proc/{}/{file}", child.id()));
        files.filter_map(|path| number(&std::fs::read_to_string(path).ok()?)).sum()
    }
}

impl Drop for Tcpdumps {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let before = Instant::now();
    work();
    before.elapsed()
}

/// Resident memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
