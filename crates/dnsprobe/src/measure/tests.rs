//! Whole lookups, walked for real against servers on the loopback interface.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dnsprobe_lookup::{Nanos, ResolverFrom};
use dnsprobe_resolv::conf::{Nameserver, interpret};
use dnsprobe_resolv::{Outcome, QType, Resolver, Situation, Transport};
use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::{Name, RData, Record, RecordType};

use super::*;
use crate::demo::server::{Asked, Reply, Running, Script, start};

/// Starts a server and keeps what it was asked.
struct Server {
    running: Running,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn on(listen: &str, react: impl Fn(&Asked<'_>) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let log = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&log);
        let script: Script = Box::new(move |asked| {
            let line = format!("{} {} {}", asked.name, asked.qtype, asked.transport.as_str());
            kept.lock().unwrap().push(line);
            react(asked)
        });
        Self { running: start(listen.parse().unwrap(), script).unwrap(), log }
    }

    fn new(react: impl Fn(&Asked<'_>) -> Option<Reply> + Send + Sync + 'static) -> Self {
        Self::on("127.0.0.1:0", react)
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

/// Answers one name, and NXDOMAIN for everything else.
fn only(name: &'static str) -> impl Fn(&Asked<'_>) -> Option<Reply> {
    move |asked| Some(if asked.name.to_string() == name { found(asked) } else { missing() })
}

fn missing() -> Reply {
    Reply::empty(ResponseCode::NXDomain)
}

fn found(asked: &Asked<'_>) -> Reply {
    let data = match asked.qtype {
        RecordType::A => RData::A("192.0.2.7".parse().unwrap()),
        _ => RData::AAAA("2001:db8::7".parse().unwrap()),
    };
    let record = Record::from_rdata(Name::from(asked.name), 5, data);
    Reply { answers: vec![record], ..Reply::empty(ResponseCode::NoError) }
}

struct Setup {
    resolver: &'static str,
    conf: &'static str,
    servers: Vec<SocketAddr>,
}

impl Setup {
    fn glibc(conf: &'static str, servers: &[SocketAddr]) -> Self {
        Self { resolver: "glibc", conf, servers: servers.to_vec() }
    }

    fn look_up(&self, name: &str) -> (Lookup, Vec<Step>) {
        self.try_look_up(name).unwrap()
    }

    fn try_look_up(&self, name: &str) -> Result<(Lookup, Vec<Step>), MeasureError> {
        let profile = Resolver::parse(self.resolver).unwrap().profile();
        let mut settings = interpret(Some(self.conf.as_bytes()), &Situation::default(), &profile).unwrap();
        settings.nameservers = self.servers.iter().map(nameserver).collect();
        let resolver = ResolverSeen {
            id: self.resolver,
            version: None,
            api: None,
            from: ResolverFrom::Given,
            evidence: None,
        };
        let subject = Subject { profile: &profile, settings: &settings, resolver };
        let mut steps = Vec::new();
        let here = Netns::current().unwrap();
        let lookup = measure(&here, &subject, &Request::new(name), &mut |step| steps.push(step.clone()))?;
        assert_accounts(&lookup);
        Ok((lookup, steps))
    }
}

fn nameserver(address: &SocketAddr) -> Nameserver {
    Nameserver { port: address.port(), ..Nameserver::at(address.ip()) }
}

/// What holds of every measured lookup.
fn assert_accounts(lookup: &Lookup) {
    let added: Nanos = lookup.steps.iter().map(|step| step.added.unwrap()).sum();
    assert_eq!(Some(added), lookup.latency, "the steps add up to the latency");
    let questions = || lookup.steps.iter().flat_map(|step| &step.questions);
    assert_eq!(questions().filter_map(|question| question.sent).min(), lookup.start);
    for question in questions() {
        let unanswered = question.outcome == Outcome::Timeout || question.sent.is_none();
        assert_eq!(question.latency.is_none(), unanswered, "{question:?}");
    }
}

fn outcomes(lookup: &Lookup) -> Vec<Outcome> {
    lookup.steps.iter().map(|step| step.outcome).collect()
}

#[test]
fn the_search_list_is_walked_until_a_candidate_answers() {
    let server = Server::new(only("www.example.com."));
    let conf = "search one.test two.test\noptions ndots:5\n";
    let (lookup, steps) = Setup::glibc(conf, &[server.running.address()]).look_up("www.example.com");
    assert_eq!(lookup.outcome, Outcome::Answer);
    assert_eq!(lookup.addresses, ["192.0.2.7", "2001:db8::7"].map(|text| text.parse::<IpAddr>().unwrap()));
    let suffixes: Vec<Option<&str>> = lookup.steps.iter().map(|step| step.suffix.as_deref()).collect();
    assert_eq!(suffixes, [Some("one.test"), Some("two.test"), None]);
    assert_eq!(lookup.steps.iter().map(|step| step.wasted).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(lookup.totals().wasted_questions, 4);
    assert_eq!(lookup.client, Some("127.0.0.1".parse().unwrap()));
    let mut asked = server.log();
    asked.sort();
    let mut wanted = Vec::new();
    for name in ["www.example.com.", "www.example.com.one.test.", "www.example.com.two.test."] {
        wanted.extend([format!("{name} A udp"), format!("{name} AAAA udp")]);
    }
    assert_eq!(asked, wanted);
    let reported: Vec<(&str, Option<Nanos>)> =
        steps.iter().map(|step| (&*step.candidate, step.added)).collect();
    let kept: Vec<_> = lookup.steps.iter().map(|step| (&*step.candidate, step.added)).collect();
    assert_eq!(reported, kept, "what was reported on the way is what is returned");
}

#[test]
fn a_server_failure_is_told_apart_from_a_missing_name() {
    for (code, outcome) in
        [(ResponseCode::ServFail, Outcome::ServFail), (ResponseCode::NoError, Outcome::NoData)]
    {
        let server = Server::new(move |_| Some(Reply::empty(code)));
        let conf = "options ndots:1 attempts:1\n";
        let (lookup, _) = Setup::glibc(conf, &[server.running.address()]).look_up("a.test");
        assert_eq!(lookup.outcome, outcome);
        assert_eq!(lookup.steps[0].questions[0].outcome, outcome);
        assert!(lookup.addresses.is_empty());
    }
}

#[test]
fn a_truncated_answer_is_asked_for_again_over_tcp() {
    let server = Server::new(|asked| {
        let truncated = asked.transport == Transport::Udp;
        Some(Reply { truncated, ..found(asked) })
    });
    let (lookup, _) = Setup::glibc("", &[server.running.address()]).look_up("big.test");
    assert_eq!(lookup.outcome, Outcome::Answer);
    let questions = &lookup.steps[0].questions;
    let seen = |transport| {
        questions.iter().filter(|q| q.transport == transport).map(|q| q.outcome).collect::<Vec<_>>()
    };
    assert!(seen(Transport::Udp).contains(&Outcome::Truncated), "{questions:?}");
    assert!(seen(Transport::Tcp).contains(&Outcome::Answer), "{questions:?}");
}

#[test]
fn a_silent_server_costs_its_timeout_and_the_next_one_answers() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = Server::new(only("web.one.test."));
    let servers = [silent.local_addr().unwrap(), server.running.address()];
    let conf = "search one.test\noptions timeout:1\n";
    let began = Instant::now();
    let (lookup, _) = Setup::glibc(conf, &servers).look_up("web");
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(lookup.outcome, Outcome::Answer);
    let questions = &lookup.steps[0].questions;
    assert_eq!(questions[0].outcome, Outcome::Timeout);
    assert_eq!(questions.last().unwrap().outcome, Outcome::Answer);
}

#[test]
fn with_no_server_alive_the_lookup_ends_when_the_resolver_gives_up() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let conf = "options timeout:1 attempts:1\n";
    let began = Instant::now();
    let (lookup, steps) = Setup::glibc(conf, &[silent.local_addr().unwrap()]).look_up("a.test");
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(lookup.outcome, Outcome::Timeout);
    assert!(lookup.latency.is_some(), "the time waited");
    assert_eq!(steps.len(), lookup.steps.len());
    assert!(lookup.steps.iter().all(|step| !step.wasted), "nothing is wasted where nothing answered");
}

#[test]
fn a_step_is_reported_while_the_next_one_still_waits() {
    let silent = Server::new(|asked| match asked.name.to_string().as_str() {
        "web.one.test." => Some(missing()),
        _ => None,
    });
    let profile = Resolver::parse("glibc").unwrap().profile();
    let conf = b"search one.test\noptions timeout:2 attempts:1\n";
    let mut settings = interpret(Some(conf), &Situation::default(), &profile).unwrap();
    settings.nameservers = vec![nameserver(&silent.running.address())];
    let resolver =
        ResolverSeen { id: "glibc", version: None, api: None, from: ResolverFrom::Given, evidence: None };
    let subject = Subject { profile: &profile, settings: &settings, resolver };
    let mut when = Vec::new();
    let began = Instant::now();
    let here = Netns::current().unwrap();
    measure(&here, &subject, &Request::new("web"), &mut |_| when.push(began.elapsed())).unwrap();
    let [first, second] = when[..] else { panic!("{when:?}") };
    assert!(second >= first + Duration::from_secs(1), "{when:?}");
}

#[test]
fn a_closed_port_is_unreachable_and_no_time_is_waited_for_it() {
    let server = Server::new(only("web.one.test."));
    let closed: SocketAddr = "127.66.0.1:9".parse().unwrap();
    let conf = "search one.test\noptions timeout:30\n";
    let (lookup, _) = Setup::glibc(conf, &[closed, server.running.address()]).look_up("web");
    assert_eq!(lookup.outcome, Outcome::Answer);
    assert_eq!(lookup.steps[0].questions[0].outcome, Outcome::Unreachable);
    assert!(lookup.latency.unwrap() < Nanos::from_millis(30_000));
}

#[test]
fn an_address_that_cannot_be_sent_to_is_unreachable_and_was_never_sent() {
    // The kernel refuses to send to everybody from a socket that did not ask for it.
    let everybody: SocketAddr = "255.255.255.255:53".parse().unwrap();
    let server = Server::new(only("a.test."));
    let (lookup, _) = Setup::glibc("", &[everybody, server.running.address()]).look_up("a.test");
    let first = &lookup.steps[0].questions[0];
    assert_eq!((first.outcome, first.sent, first.latency), (Outcome::Unreachable, None, None));
    assert_eq!(lookup.outcome, Outcome::Answer);
}

#[test]
fn a_tcp_connection_that_is_closed_before_the_answer_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Ends with the process.
    thread::spawn(move || listener.incoming().for_each(drop));
    let conf = "options use-vc attempts:1\n";
    let (lookup, _) = Setup::glibc(conf, &[address]).look_up("a.test");
    assert_eq!(lookup.steps[0].questions[0].transport, Transport::Tcp);
    assert_eq!(lookup.steps[0].questions[0].outcome, Outcome::Unreachable);
}

#[test]
fn musl_stops_at_a_suffix_without_records_and_asks_all_servers_at_once() {
    let server = Server::new(|_| Some(Reply::empty(ResponseCode::NoError)));
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let setup = Setup {
        resolver: "musl",
        conf: "search one.test two.test\noptions ndots:2\n",
        servers: vec![server.running.address(), silent.local_addr().unwrap()],
    };
    let (lookup, _) = setup.look_up("web.shop");
    assert_eq!(outcomes(&lookup), [Outcome::NoData]);
    let mut log = server.log();
    log.sort();
    assert_eq!(log, ["web.shop.one.test. A udp", "web.shop.one.test. AAAA udp"]);
    silent.set_nonblocking(true).unwrap();
    let received = || silent.recv_from(&mut [0; 512]).is_ok();
    assert_eq!([received(), received(), received()], [true, true, false]);
}

#[test]
fn go_asks_with_edns_and_from_two_ports() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let answering = thread::spawn(move || {
        let mut sizes = HashMap::new();
        for _ in 0..2 {
            let mut buffer = [0; 512];
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            buffer[2] |= 0x80;
            buffer[3] |= 3;
            socket.send_to(&buffer[..length], from).unwrap();
            sizes.insert(from, length);
        }
        sizes
    });
    let setup = Setup { resolver: "go", conf: "options ndots:0\n", servers: vec![address] };
    let (lookup, _) = setup.look_up("a.test.");
    assert_eq!(lookup.outcome, Outcome::NxDomain);
    let sizes = answering.join().unwrap();
    assert_eq!(sizes.len(), 2, "two ports");
    assert!(sizes.values().all(|size| *size == 24 + 11), "an OPT record is 11 bytes: {sizes:?}");
}

/// Answers two questions; returns where they came from and the low byte of their type.
fn answer_nxdomain(server: &UdpSocket) -> [(SocketAddr, u8); 2] {
    [0; 2].map(|_| {
        let mut buffer = [0; 512];
        let (length, from) = server.recv_from(&mut buffer).unwrap();
        // QR, and RCODE 3.
        buffer[2] |= 0x80;
        buffer[3] |= 3;
        server.send_to(&buffer[..length], from).unwrap();
        (from, buffer[length - 3])
    })
}

#[test]
fn glibc_asks_for_both_families_from_one_port_a_first() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let answering = thread::spawn(move || answer_nxdomain(&server));
    let (lookup, _) = Setup::glibc("", &[address]).look_up("a.test.");
    let types: Vec<QType> = lookup.steps[0].questions.iter().map(|question| question.qtype).collect();
    assert_eq!(types, [QType::A, QType::Aaaa]);
    let [(first, first_type), (second, second_type)] = answering.join().unwrap();
    assert_eq!(first, second);
    assert_eq!([first_type, second_type], [1, 28], "on the wire as in the list");
}

#[test]
fn questions_asked_one_by_one_still_share_their_port() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let answering = thread::spawn(move || answer_nxdomain(&server));
    let (lookup, _) = Setup::glibc("options single-request\n", &[address]).look_up("a.test.");
    assert_eq!(lookup.steps[0].questions.len(), 2);
    let [(first, _), (second, _)] = answering.join().unwrap();
    assert_eq!(first, second);
}

#[test]
fn an_address_asks_nothing() {
    let (lookup, steps) = Setup::glibc("", &["127.66.0.1:9".parse().unwrap()]).look_up("192.0.2.1");
    assert_eq!((lookup.outcome, lookup.start), (Outcome::Answer, None));
    assert!(steps.is_empty() && lookup.steps.is_empty());
}

#[test]
fn a_nameserver_behind_an_unknown_interface_is_an_error_that_names_it() {
    let profile = Resolver::parse("glibc").unwrap().profile();
    let conf = b"nameserver fe80::1%nosuch0\n";
    let settings = interpret(Some(conf), &Situation::default(), &profile).unwrap();
    let resolver =
        ResolverSeen { id: "glibc", version: None, api: None, from: ResolverFrom::Given, evidence: None };
    let subject = Subject { profile: &profile, settings: &settings, resolver };
    let here = Netns::current().unwrap();
    let error = measure(&here, &subject, &Request::new("a.test"), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("nosuch0"), "{error}");
}
