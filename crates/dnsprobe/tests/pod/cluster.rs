//! The cluster's DNS server: names that answer, fail, get lost or are taken over, and a log of every question.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dnsprobe_resolv::Transport;
use dnsprobe_sniffer::Netns;
use dnsprobe_sniffer::netns::run_in;
use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::rdata::SOA;
use hickory_server::proto::rr::{Name, RData, Record, RecordType};

use super::server::{Asked, Reply, Running, Script, start};
use super::{Pod, SERVER};

/// One question as it reached the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logged {
    /// In nanoseconds since 1970-01-01 UTC, by the clock that stamps packets.
    pub(crate) at: i64,
    /// `name TYPE transport`.
    pub(crate) question: String,
}

/// The server; it stops when dropped.
pub(crate) struct Cluster {
    log: Arc<Mutex<Vec<Logged>>>,
    gate: Sender<()>,
    _running: Running,
}

impl Cluster {
    /// Starts it on the pod's node.
    pub(crate) fn start(pod: &Pod) -> Self {
        Self::on(&pod.node(), SERVER)
    }

    /// Starts it in a network namespace with this address.
    pub(crate) fn on(netns: &Netns, address: &str) -> Self {
        let log = Arc::<Mutex<Vec<Logged>>>::default();
        let (gate, opened) = channel();
        let listen = SocketAddr::new(address.parse().unwrap(), 53);
        let script = script(Arc::clone(&log), Mutex::new(opened));
        let running = run_in(netns, || start(listen, script)).unwrap().unwrap();
        Self { log, gate, _running: running }
    }

    /// Everything asked so far.
    pub(crate) fn log(&self) -> Vec<Logged> {
        self.log.lock().unwrap().clone()
    }

    /// Everything asked since the last call, without its times; what was lost once is lost once more.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap()).into_iter().map(|logged| logged.question).collect()
    }

    /// Lets one question for a name under `gate.example.` pass.
    pub(crate) fn open_gate(&self) {
        self.gate.send(()).unwrap();
    }
}

fn script(log: Arc<Mutex<Vec<Logged>>>, gate: Mutex<Receiver<()>>) -> Script {
    Box::new(move |asked| {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let at = i64::try_from(at.as_nanos()).unwrap();
        let name = asked.name.to_string();
        let question = format!("{name} {} {}", asked.qtype, asked.transport.as_str());
        let mut log = log.lock().unwrap();
        let first = !log.iter().any(|logged| logged.question == question);
        log.push(Logged { at, question });
        drop(log);
        if name.starts_with("gate.example.svc.") {
            // Nobody opens it any more when the test is over.
            let _ = gate.lock().unwrap().recv();
        }
        answer(asked, &name, first)
    })
}

/// What the server makes of a name; `first` says that this very question was not asked before.
fn answer(asked: &Asked<'_>, name: &str, first: bool) -> Option<Reply> {
    let outside = Duration::from_millis(12);
    let addresses: &[&str] = match name {
        "web.shop.svc.cluster.local." => &["10.96.31.14"],
        "api.payments.svc.cluster.local." => &["10.96.120.52"],
        // The AAAA question is lost once, as in the race of two packets in conntrack.
        _ if name.starts_with("lossy") && name.ends_with(".example.com.") => {
            if first && asked.qtype == RecordType::AAAA {
                return None;
            }
            &["192.0.2.33", "2001:db8::33"]
        }
        "broken.example.com." => return Some(Reply::empty(ResponseCode::ServFail)),
        "big.example.com." => return Some(big(asked)),
        "gate.example." => &["192.0.2.44"],
        // A wildcard in the cluster's last suffix.
        _ if name.ends_with(".test.cluster.local.") => &["203.0.113.80"],
        _ if name.ends_with(".cluster.local.") => {
            return Some(negative(ResponseCode::NXDomain, Duration::ZERO));
        }
        "www.example.com." => &["192.0.2.80", "192.0.2.81", "2001:db8::80"],
        _ if name.starts_with('w') && name.ends_with(".many.example.com.") => &["192.0.2.90", "2001:db8::90"],
        _ => return Some(negative(ResponseCode::NXDomain, outside)),
    };
    let delay = if name.ends_with(".com.") { outside } else { Duration::from_millis(1) };
    Some(positive(asked, addresses, delay))
}

fn positive(asked: &Asked<'_>, addresses: &[&str], delay: Duration) -> Reply {
    let data = addresses.iter().filter_map(|text| match (asked.qtype, text.parse().unwrap()) {
        (RecordType::A, IpAddr::V4(address)) => Some(RData::A(address.into())),
        (RecordType::AAAA, IpAddr::V6(address)) => Some(RData::AAAA(address.into())),
        _ => None,
    });
    let answers: Vec<Record> = data.map(|data| Record::from_rdata(Name::from(asked.name), 5, data)).collect();
    if answers.is_empty() {
        return negative(ResponseCode::NoError, delay);
    }
    Reply { answers, delay, ..Reply::empty(ResponseCode::NoError) }
}

fn negative(rcode: ResponseCode, delay: Duration) -> Reply {
    let name = |text: &str| Name::from_str(text).unwrap();
    let soa =
        SOA::new(name("ns.dns.cluster.local."), name("hostmaster.cluster.local."), 1, 7200, 1800, 86400, 5);
    let soa = Record::from_rdata(Name::root(), 5, RData::SOA(soa));
    Reply { soa: Some(soa), delay, ..Reply::empty(rcode) }
}

/// Nothing but TC over UDP, all addresses over TCP. No more of them than glibc's first buffer holds (1024 bytes, 40 each):
/// with more, getaddrinfo asks all of it again with a larger one (glibc 2.36 nss/getaddrinfo.c, `ERANGE`).
fn big(asked: &Asked<'_>) -> Reply {
    if asked.transport == Transport::Udp && asked.qtype == RecordType::A {
        return Reply { truncated: true, ..Reply::empty(ResponseCode::NoError) };
    }
    let addresses: Vec<String> = (1..=20).map(|last| format!("198.51.100.{last}")).collect();
    positive(asked, &addresses.iter().map(String::as_str).collect::<Vec<_>>(), Duration::ZERO)
}
