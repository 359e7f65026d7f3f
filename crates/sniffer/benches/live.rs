//! What a live capture costs and loses: `sudo cargo bench -p dnsprobe-sniffer --bench live [-- --dnsprobe PATH]`.
//!
//! Two namespaces joined by a veth pair. In one, clients walk a search list as glibc does (A and AAAA from one port, four
//! candidates, the last one answered); the other answers. First the two kinds of queue are compared, with a sink that only
//! counts; then, where they are, the programs: `tcpdump -n` and `dnsprobe watch -o json`, which groups and prints. Last,
//! what the latter takes while a gigabit of other traffic passes, and how long after its last packet a row is there.
//! Ratios are of this run; the generator shares the processors with what it measures.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a benchmark: it prints, ends where it cannot go on, and its numbers are its own"
)]

mod setup;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dnsprobe_sniffer::capture::now;
use dnsprobe_sniffer::netns::run_in;
use dnsprobe_sniffer::{Capture, CaptureOptions, Queue, Waker, wake};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use setup::{Namespaces, Seen};

/// How long each load lasts.
const SECONDS: u64 = 3;
/// Questions a second.
const RATES: [u64; 4] = [1_000, 10_000, 50_000, FLAT_OUT];
const FLAT_OUT: u64 = 0;
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 2);
/// Different names.
const NAMES: usize = 200;
/// Lookups under way at once, all of different names.
const AT_ONCE: usize = 64;
const SEARCH: [&str; 4] = [".shop.svc.cluster.local", ".svc.cluster.local", ".cluster.local", ""];
const CONF: &str =
    "nameserver 10.98.0.2\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n";

fn main() {
    if !setup::may_run() {
        return;
    }
    let words: Vec<String> = std::env::args().collect();
    let dnsprobe = words.iter().position(|word| word == "--dnsprobe").map(|at| words[at + 1].clone());
    let pair = Pair::new();
    queues(&pair);
    let conf = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(conf.path(), CONF).unwrap();
    let watch = dnsprobe.map(|path| Watch { path, conf: conf.path().to_str().unwrap().to_owned() });
    programs(&pair, watch.as_ref());
    if let Some(watch) = &watch {
        beside_other_traffic(&pair, watch);
        delay_of_rows(&pair, watch);
    }
}

/// A queue of the socket's own beside a ring.
fn queues(pair: &Pair) {
    println!(
        "{:24} {:>10} {:>10} {:>9} {:>16}",
        "capture alone", "questions", "packets", "lost", "CPU per million"
    );
    for rate in RATES {
        for (name, queue) in [("socket", Queue::default()), ("ring", Queue::BUSY)] {
            let (done, made, captured) = (AtomicBool::new(false), pair.load(), pair.capture(queue));
            let (seen, made) = std::thread::scope(|scope| {
                let counting = scope.spawn(|| captured.count(&done));
                let made = made.run(rate, Duration::from_secs(SECONDS));
                done.store(true, Ordering::Relaxed);
                (counting.join().unwrap(), made)
            });
            println!(
                "{:24} {:>10} {:>10} {:>9} {:>14.2} s",
                format!("{name}, {}", said(rate)),
                made.questions,
                seen.frames,
                seen.dropped,
                seen.cpu.as_secs_f64() * 1e6 / seen.frames as f64
            );
        }
    }
}

fn said(rate: u64) -> String {
    if rate == FLAT_OUT { "flat out".to_owned() } else { format!("{rate}/s asked") }
}

/// The programs, each with the same load.
fn programs(pair: &Pair, watch: Option<&Watch>) {
    println!(
        "\n{:31} {:>10} {:>10} {:>9} {:>16} {:>7}",
        "program", "questions", "packets", "lost", "CPU per million", "ratio"
    );
    for rate in &RATES[1..] {
        let mut first = None;
        let tcpdump = setup::has_tcpdump().then(|| pair.tcpdump());
        for (name, command) in [("tcpdump -n", tcpdump), ("watch -o json", watch.map(|it| it.command(pair)))]
        {
            let Some(mut command) = command else { continue };
            let mut running = Running::start(&mut command, Stdio::null());
            let made = pair.load().run(*rate, Duration::from_secs(SECONDS));
            std::thread::sleep(Duration::from_millis(300));
            let (cpu, said) = running.stop();
            // Both say how many they took in.
            let packets: u64 = number_before(&said, "packets captured");
            // Of those that it took in: what is lost costs nothing.
            let each = cpu.as_secs_f64() * 1e6 / packets as f64;
            println!(
                "{:31} {:>10} {packets:>10} {:>9} {each:>14.2} s {:>7.2}",
                format!("{name}, {}", self::said(*rate)),
                made.questions,
                (made.questions + made.answers).saturating_sub(packets),
                each / *first.get_or_insert(each)
            );
            if said.contains("passed over") || said.contains("too many") {
                println!(
                    "    {}",
                    said.lines().filter(|it| it.contains("too ")).collect::<Vec<_>>().join("; ")
                );
            }
        }
    }
}

fn number_before(text: &str, words: &str) -> u64 {
    let before = text.split(words).next().unwrap_or_default().trim_end();
    before.rsplit(|it: char| !it.is_ascii_digit()).next().and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// The kernel's filter keeps other traffic away.
fn beside_other_traffic(pair: &Pair, watch: &Watch) {
    let mut running = Running::start(&mut watch.command(pair), Stdio::null());
    let before = running.cpu();
    let sent = pair.blast(Duration::from_secs(SECONDS));
    let taken = running.cpu().saturating_sub(before);
    running.stop();
    let megabits = sent as f64 * 8.0 / 1e6 / SECONDS as f64;
    println!(
        "\n{megabits:.0} Mbit/s of other traffic: watch takes {:.2} % of a processor",
        taken.as_secs_f64() / SECONDS as f64 * 100.0
    );
}

/// From a lookup's last packet to its row.
fn delay_of_rows(pair: &Pair, watch: &Watch) {
    let mut running = Running::start(&mut watch.command(pair), Stdio::piped());
    let rows = BufReader::new(running.child.stdout.take().unwrap());
    let reading = std::thread::spawn(move || {
        let mut delays = Vec::new();
        for row in rows.lines().map_while(Result::ok) {
            let at = now();
            let row: Value = serde_json::from_str(&row).unwrap();
            if let Some(end) = end_of(&row) {
                delays.push((at.0 - end) / 1_000);
            }
        }
        delays
    });
    pair.load().run(200, Duration::from_secs(SECONDS));
    std::thread::sleep(Duration::from_millis(500));
    running.stop();
    let mut delays = reading.join().unwrap();
    delays.sort_unstable();
    let at = |share: usize| delays[(delays.len() * share / 100).min(delays.len() - 1)] as f64 / 1e3;
    println!(
        "from a lookup's last packet to its row, {} rows: median {:.1} ms, 99 % {:.1} ms, longest {:.1} ms",
        delays.len(),
        at(50),
        at(99),
        at(100)
    );
}

/// When the last packet of a lookup passed, in nanoseconds.
fn end_of(row: &Value) -> Option<i64> {
    let questions = row["steps"].as_array()?.iter().flat_map(|step| step["questions"].as_array().unwrap());
    let ends = questions.filter_map(|it| {
        let sent: &str = it["sent"].as_str()?;
        Some(nanoseconds(sent) + (it["latency_us"].as_f64()? * 1e3) as i64)
    });
    ends.max()
}

/// Of `…T01:02:03.000000004Z`, of today.
fn nanoseconds(text: &str) -> i64 {
    let number = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    let of_day = (number(11, 13) * 60 + number(14, 16)) * 60 + number(17, 19);
    let day = 86_400_000_000_000;
    now().0 / day * day + of_day * 1_000_000_000 + number(20, 29)
}

/// Two namespaces.
struct Pair(Namespaces);

impl Pair {
    fn new() -> Self {
        let pair = Namespaces::new("live", 2);
        let [left, right] = &pair.names[..] else { unreachable!("two were asked for") };
        setup::ip(&format!("-n {left} link add live0 type veth peer name live1 netns {right}"));
        for (name, device, address) in [(left, "live0", CLIENT), (right, "live1", SERVER)] {
            setup::ip(&format!("-n {name} address add {address}/24 dev {device}"));
            setup::ip(&format!("-n {name} link set {device} up"));
        }
        Self(pair)
    }

    fn socket(&self, end: usize, address: Ipv4Addr, port: u16) -> UdpSocket {
        let socket = run_in(&self.0.open[end], || UdpSocket::bind((address, port))).unwrap().unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        socket
    }

    fn load(&self) -> Load {
        let clients = (0..AT_ONCE * 4).map(|_| self.socket(0, CLIENT, 0)).inspect(|it| {
            it.connect((SERVER, 53)).unwrap();
        });
        Load { clients: clients.collect(), server: self.socket(1, SERVER, 53) }
    }

    fn capture(&self, queue: Queue) -> Counting {
        let (waker, wake) = wake::pair().unwrap();
        let mut capture = Capture::new(wake).unwrap();
        capture.attach(&self.0.open[0], &CaptureOptions { queue, ..CaptureOptions::default() }).unwrap();
        Counting { capture, _waker: waker }
    }

    fn inside(&self, words: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0.names[0]]).args(words);
        command
    }

    fn tcpdump(&self) -> Command {
        self.inside(&["tcpdump", "-i", "live0", "-n", "-Z", "root", "port", "53"])
    }

    /// A gigabit a second of datagrams that are no DNS; says how many bytes.
    fn blast(&self, time: Duration) -> u64 {
        const SIZE: usize = 1_400;
        let (sink, source) = (self.socket(1, SERVER, 5001), self.socket(0, CLIENT, 0));
        source.connect(sink.local_addr().unwrap()).unwrap();
        let (begun, mut sent) = (Instant::now(), 0_u64);
        while begun.elapsed() < time {
            let due = (begun.elapsed().as_secs_f64() * 1e9 / 8.0) as u64;
            while sent < due {
                // Nobody reads it: what does not fit is dropped behind the interface.
                sent += source.send(&[0x5a; SIZE]).unwrap_or(SIZE) as u64;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        sent
    }
}

/// Clients and their server.
struct Load {
    clients: Vec<UdpSocket>,
    server: UdpSocket,
}

#[derive(Default)]
struct Made {
    questions: u64,
    answers: u64,
}

impl Load {
    /// Walks names until the time is over.
    fn run(self, rate: u64, time: Duration) -> Made {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let serving = scope.spawn(|| serve(&self.server, &done));
            let questions = self.ask(rate, time);
            std::thread::sleep(Duration::from_millis(100));
            done.store(true, Ordering::Relaxed);
            Made { questions, answers: serving.join().unwrap() }
        })
    }

    fn ask(&self, rate: u64, time: Duration) -> u64 {
        let at_once = if rate == FLAT_OUT { AT_ONCE } else { (rate as usize / 200).clamp(1, AT_ONCE) };
        let (begun, mut asked, mut number) = (Instant::now(), 0, 0_u64);
        for clients in self.clients.chunks(at_once).cycle().take_while(|_| begun.elapsed() < time) {
            number += 1;
            for suffix in SEARCH {
                if rate != FLAT_OUT {
                    let due = Duration::from_secs_f64(asked as f64 / rate as f64);
                    std::thread::sleep(due.saturating_sub(begun.elapsed()));
                }
                asked += step(clients, number, suffix);
            }
        }
        asked
    }
}

/// Every client asks for A and AAAA of its name and waits for the answers.
fn step(clients: &[UdpSocket], number: u64, suffix: &str) -> u64 {
    let mut buffer = [0; 512];
    let mut asked = 0;
    for (which, client) in clients.iter().enumerate() {
        for qtype in [1, 28] {
            let name = number as usize * AT_ONCE + which;
            let name = format!("name{:03}.example.com{suffix}", name % NAMES);
            asked += u64::from(client.send(&question(&name, qtype, number)).is_ok());
        }
    }
    for client in clients {
        // An answer that was lost is given up; the others come at once.
        let _ = client.recv(&mut buffer).and_then(|_| client.recv(&mut buffer));
    }
    asked
}

fn question(name: &str, qtype: u16, number: u64) -> Vec<u8> {
    let id = (number as u16).wrapping_mul(2).wrapping_add(qtype >> 4);
    let mut message = [&id.to_be_bytes()[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend(label.as_bytes());
    }
    message.extend([0, 0, u8::try_from(qtype).unwrap(), 0, 1]);
    message
}

/// Answers until told to stop: names inside the cluster do not exist.
fn serve(server: &UdpSocket, done: &AtomicBool) -> u64 {
    let (mut buffer, mut answered) = ([0; 512], 0);
    while !done.load(Ordering::Relaxed) {
        let Ok((mut length, client)) = server.recv_from(&mut buffer) else { continue };
        let inside = buffer[..length].windows(7).any(|it| it == b"cluster");
        let (v6, code) = (buffer[length - 3] == 28, if inside { 3 } else { 0 });
        buffer[2..4].copy_from_slice(&[0x81, 0x80 | code]);
        if !inside {
            buffer[7] = 1;
            let data: &[u8] = if v6 { &[0x20; 16] } else { &[192, 0, 2, 1] };
            let kind = if v6 { 28 } else { 1 };
            let record = [&[0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 30, 0, data.len() as u8], data].concat();
            buffer[length..length + record.len()].copy_from_slice(&record);
            length += record.len();
        }
        answered += u64::from(server.send_to(&buffer[..length], client).is_ok());
    }
    answered
}

/// A capture whose frames are only counted, and what would stop it.
struct Counting {
    capture: Capture,
    _waker: Waker,
}

impl Counting {
    fn count(mut self, done: &AtomicBool) -> Seen {
        setup::count(&mut self.capture, done)
    }
}

/// How `dnsprobe watch` is called.
struct Watch {
    path: String,
    conf: String,
}

impl Watch {
    fn command(&self, pair: &Pair) -> Command {
        let mut command = Command::new(&self.path);
        let words = ["watch", "--netns", &pair.0.names[0], "--resolv-conf", &self.conf, "-o", "json"];
        command.args(words);
        command
    }
}

/// A program that runs beside the load.
struct Running {
    child: Child,
    errors: BufReader<std::process::ChildStderr>,
}

impl Running {
    /// Starts it and waits until it says that it listens.
    fn start(command: &mut Command, output: Stdio) -> Self {
        let mut child = command.stdout(output).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening") && !line.contains("watching") {
            line.clear();
            assert!(errors.read_line(&mut line).unwrap() > 0, "{command:?} ended");
        }
        Self { child, errors }
    }

    /// Its processor time by now.
    fn cpu(&self) -> Duration {
        let account = std::fs::read_to_string(format!("/proc/{}/schedstat", self.child.id())).unwrap();
        Duration::from_nanos(account.split(' ').next().unwrap().parse().unwrap())
    }

    /// Stops it; its processor time, and what it said.
    fn stop(&mut self) -> (Duration, String) {
        let before = setup::children_cpu();
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
        let mut said = String::new();
        self.errors.read_to_string(&mut said).unwrap();
        self.child.wait().unwrap();
        std::io::stdout().flush().unwrap();
        (setup::children_cpu().saturating_sub(before), said)
    }
}
