//! One lookup by one client, from its start to its end.

use std::collections::BinaryHeap;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, SockaddrIn, sendto};

use super::clients::{Client, Output};
use super::network::Place;
use super::scenario::{SERVERS, Scenario};
use super::server::{Connection, Datagram, Server};
use super::wire::{self, Asked};
use super::{RecordError, clients};
use crate::vector::{Outcome, Question, ScriptValue, Server as ServerOf};

/// A client still running after this is killed.
const RUN_MAX: Duration = Duration::from_secs(20);
/// What is on its way when the client ends is waited for this long.
const GRACE: Duration = Duration::from_millis(4);
/// The most that is read of a client's output.
const OUTPUT_MAX: u64 = 16 * 1024;

/// What came of it.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) observed: Vec<Question>,
    pub(super) result: Outcome,
    pub(super) took: Duration,
}

impl Place {
    /// Runs a client once.
    pub(super) fn run(&mut self, scenario: &Scenario, client: &Client) -> Result<Run, RecordError> {
        self.furnish(&scenario.resolv_conf, scenario.hostname.as_deref().unwrap_or("pod-0"))?;
        while self.server.receive().map_err(RecordError::io("clear the server's socket"))?.is_some() {}
        let begun = Instant::now();
        let (ends, tells) = UnixStream::pair().map_err(RecordError::io("make a pair of sockets"))?;
        let child = start(scenario, client)?;
        let id = child.id();
        let waiter = thread::spawn(move || wait(child, &tells));
        let mut session = Session::new(&self.server, &self.icmp, scenario);
        let killed = session.serve(&ends, begun, id)?;
        let (output, status) = waiter.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let output = output.map_err(RecordError::io("read the client's output"))?;
        let mut result = result(client, &output, status == Some(0));
        result.killed = killed;
        Ok(Run { observed: session.observed, result, took: begun.elapsed() })
    }
}

fn start(scenario: &Scenario, client: &Client) -> Result<Child, RecordError> {
    let mut command = Command::new(&client.command[0]);
    command.args(&client.command[1..]).arg(&scenario.name);
    if client.takes_family {
        command.arg(client.family);
    }
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C").envs(&scenario.env);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(RecordError::io(format!("start {}", client.command[0])))
}

/// Waits for the client, then tells so by closing the socket.
fn wait(mut child: Child, _tells: &UnixStream) -> (io::Result<String>, Option<i32>) {
    let mut text = Vec::new();
    let mut read = || -> io::Result<()> {
        if let Some(out) = &mut child.stdout {
            out.take(OUTPUT_MAX).read_to_end(&mut text)?;
        }
        if let Some(out) = &mut child.stderr {
            out.take(OUTPUT_MAX).read_to_end(&mut text)?;
        }
        Ok(())
    };
    let done = read();
    let status = child.wait().ok().and_then(|status| status.code());
    (done.map(|()| String::from_utf8_lossy(&text).into_owned()), status)
}

/// The server's side of one lookup.
struct Session<'a> {
    server: &'a Server,
    icmp: &'a std::os::fd::OwnedFd,
    scenario: &'a Scenario,
    /// A closed one keeps its place, which answers to come name.
    connections: Vec<Option<Connection>>,
    later: BinaryHeap<Later>,
    observed: Vec<Question>,
}

/// An answer to be sent at its time.
struct Later {
    at: Instant,
    seq: usize,
    bytes: Vec<u8>,
    to: Peer,
}

enum Peer {
    Udp(Datagram),
    Tcp(usize),
}

impl Session<'_> {
    fn new<'a>(server: &'a Server, icmp: &'a std::os::fd::OwnedFd, scenario: &'a Scenario) -> Session<'a> {
        Session {
            server,
            icmp,
            scenario,
            connections: Vec::new(),
            later: BinaryHeap::new(),
            observed: Vec::new(),
        }
    }

    /// Answers until the client has ended. Whether it had to be killed.
    fn serve(&mut self, ends: &UnixStream, begun: Instant, client: u32) -> Result<bool, RecordError> {
        let mut killed = false;
        let mut ended: Option<Instant> = None;
        loop {
            let now = Instant::now();
            self.send_what_is_due(now);
            if ended.is_some_and(|ended| now >= ended + GRACE) {
                return Ok(killed);
            }
            if now >= begun + RUN_MAX && !killed {
                killed = true;
                clients::kill(client);
            }
            let next = self.later.peek().map(|later| later.at);
            let until = ended.map(|ended| ended + GRACE).into_iter().chain(next).min();
            let until = until.unwrap_or(now + Duration::from_millis(500));
            let ready = self.wait(ends, until.saturating_duration_since(now), ended.is_some())?;
            if ready && ended.is_none() {
                ended = Some(Instant::now());
            }
            self.hear()?;
        }
    }

    /// Waits for anything to happen. Whether the client has ended.
    fn wait(&self, ends: &UnixStream, time: Duration, ended: bool) -> Result<bool, RecordError> {
        let mut polled = vec![
            PollFd::new(self.server.udp.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.server.tcp.as_fd(), PollFlags::POLLIN),
        ];
        polled.extend(
            self.connections.iter().flatten().map(|one| PollFd::new(one.stream.as_fd(), PollFlags::POLLIN)),
        );
        if !ended {
            polled.push(PollFd::new(ends.as_fd(), PollFlags::POLLIN));
        }
        // Rounded up, so as not to turn in circles before the time.
        let time = PollTimeout::try_from(time + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
        match poll(&mut polled, time) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(RecordError::io("wait for questions")(error.into())),
        }
        let happened = |one: &PollFd<'_>| one.revents().is_some_and(|events| !events.is_empty());
        Ok(!ended && polled.last().is_some_and(happened))
    }

    fn hear(&mut self) -> Result<(), RecordError> {
        while let Some(datagram) = self.server.receive().map_err(RecordError::io("receive a question"))? {
            self.datagram(datagram);
        }
        while let Some(connection) = self.server.accept().map_err(RecordError::io("accept"))? {
            self.connections.push(Some(connection));
        }
        for index in 0..self.connections.len() {
            let Some(connection) = &mut self.connections[index] else { continue };
            let (messages, open) = connection.read();
            for message in messages {
                self.message_over_tcp(index, &message);
            }
            if !open {
                self.connections[index] = None;
            }
        }
        Ok(())
    }

    fn datagram(&mut self, datagram: Datagram) {
        let server = IpAddr::V6(datagram.server).to_canonical();
        let Some(asked) = Asked::read(&datagram.bytes) else {
            let malformed = Some(String::new());
            let server = index(server);
            self.observed.push(Question { qname: None, qtype: None, malformed, server, proto: None });
            return;
        };
        let value = self.note(&asked, server, None);
        if value.drop {
            return;
        }
        if value.icmp {
            self.unreachable(datagram.client, server);
            return;
        }
        if let Some(bytes) = asked.answer(Some(&value), true) {
            self.schedule(value.delay_ms, bytes, Peer::Udp(datagram));
        }
    }

    fn message_over_tcp(&mut self, connection: usize, message: &[u8]) {
        let (Some(asked), Some(server)) =
            (Asked::read(message), self.connections[connection].as_ref().and_then(Connection::server))
        else {
            return;
        };
        let value = self.note(&asked, server, Some("tcp".to_owned()));
        if value.drop || value.drop_tcp {
            return;
        }
        if let Some(bytes) = asked.answer(Some(&value), false) {
            self.schedule(value.delay_ms, bytes, Peer::Tcp(connection));
        }
    }

    /// Writes a question down; what to do with it.
    fn note(&mut self, asked: &Asked, server: IpAddr, proto: Option<String>) -> ScriptValue {
        let place = index(server);
        let index = match place {
            ServerOf::Index(index) => Some(index),
            ServerOf::Address(_) => None,
        };
        let value = asked.value(&self.scenario.answers, index).cloned();
        self.observed.push(Question {
            qname: Some(asked.qname.clone()),
            qtype: Some(asked.qtype.clone()),
            malformed: None,
            server: place,
            proto,
        });
        value.unwrap_or_else(|| ScriptValue { rcode: Some("NXDOMAIN".into()), ..Default::default() })
    }

    fn unreachable(&self, client: SocketAddrV6, server: IpAddr) {
        let (Some(address), IpAddr::V4(server)) = (client.ip().to_ipv4_mapped(), server) else { return };
        let client = SocketAddrV4::new(address, client.port());
        let packet = wire::port_unreachable(client, server);
        let to = SockaddrIn::from(SocketAddrV4::new(address, 0));
        let _ = sendto(self.icmp.as_raw_fd(), &packet, &to, MsgFlags::empty());
    }

    fn schedule(&mut self, delay_ms: Option<f64>, bytes: Vec<u8>, to: Peer) {
        let at = Instant::now() + Duration::from_secs_f64(delay_ms.unwrap_or(0.0).max(0.0) / 1000.0);
        let seq = self.observed.len();
        let later = Later { at, seq, bytes, to };
        if delay_ms.is_none() {
            self.send(&later);
        } else {
            self.later.push(later);
        }
    }

    fn send_what_is_due(&mut self, now: Instant) {
        while self.later.peek().is_some_and(|later| later.at <= now) {
            if let Some(later) = self.later.pop() {
                self.send(&later);
            }
        }
    }

    fn send(&mut self, later: &Later) {
        match &later.to {
            Peer::Udp(datagram) => self.server.send(&later.bytes, datagram.server, datagram.client),
            Peer::Tcp(connection) => {
                if let Some(Some(connection)) = self.connections.get_mut(*connection) {
                    connection.write(&later.bytes);
                }
            }
        }
    }
}

/// The server of this address, as vectors name it.
fn index(server: IpAddr) -> ServerOf {
    let text = server.to_string();
    match SERVERS.iter().position(|known| *known == text) {
        Some(index) => ServerOf::Index(index),
        None => ServerOf::Address(text),
    }
}

impl PartialEq for Later {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Later {}

impl PartialOrd for Later {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Later {
    /// The earliest is the greatest, for the heap to give it first.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.seq).cmp(&(self.at, self.seq))
    }
}

/// What a client's output says.
fn result(client: &Client, text: &str, success: bool) -> Outcome {
    let lines = || text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let last = || lines().next_back().unwrap_or_default().to_owned();
    let (ok, addrs, err): (bool, Vec<String>, String) = match client.output {
        Output::Words => match text.trim().strip_prefix("OK") {
            Some(rest) => (true, rest.split_whitespace().map(str::to_owned).collect(), String::new()),
            None => (false, Vec::new(), text.trim().trim_start_matches("ERR ").to_owned()),
        },
        Output::Getent => {
            let mut addrs: Vec<String> =
                lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
            addrs.dedup();
            (success, if success { addrs } else { Vec::new() }, "no such host".to_owned())
        }
        Output::Dig => {
            let fields = lines().filter(|line| !line.starts_with(';')).map(|line| line.split_whitespace());
            let addrs: Vec<String> = fields
                .filter_map(|fields| {
                    let fields: Vec<&str> = fields.collect();
                    matches!(fields.get(3), Some(&("A" | "AAAA")))
                        .then(|| fields.last().copied().unwrap_or_default().to_owned())
                })
                .collect();
            (!addrs.is_empty(), addrs, last())
        }
        Output::Host => {
            let address = |line: &str| {
                [" has address ", " has IPv6 address "]
                    .iter()
                    .find_map(|part| Some(line.split_once(part)?.1.to_owned()))
            };
            let addrs: Vec<String> = lines().filter_map(address).collect();
            (!addrs.is_empty(), addrs, last())
        }
        Output::Nslookup => {
            let behind = lines().skip_while(|line| !line.starts_with("Name:"));
            let address =
                |line: &str| line.strip_prefix("Address")?.split_whitespace().next_back().map(str::to_owned);
            let addrs: Vec<String> = behind.filter_map(address).collect();
            (!addrs.is_empty(), addrs, last())
        }
    };
    Outcome { ok, addrs, err: (!ok).then_some(err), killed: false }
}
