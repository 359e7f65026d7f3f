//! `dnsprobe advise` held to its word: the same application runs with the old settings and with every other one, under
//! the real resolvers of glibc, musl and Go, and what was predicted is what is then asked.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;
mod pod;

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Report, dnsprobe, list, nanos, run, text, words};
use dnsprobe_sniffer::netns::run_in;
use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::rdata::SOA;
use hickory_server::proto::rr::{Name, RData, Record, RecordType};
use pod::clients::{Client, Done};
use pod::server::{Asked, Reply, Running, Script, start};
use pod::watch::Capturing;
use pod::{NOBODY, Pod, SERVER};
use serde_json::Value;

/// What each answer takes, so that the time of the network and of the machine is small beside it.
const SLOW: Duration = Duration::from_millis(40);
/// Longer than any lookup is waited for once nothing more comes.
const SETTLED: Duration = Duration::from_millis(2_500);

/// A server whose every answer takes the same time, and what it was asked.
struct Slow {
    log: Arc<Mutex<Vec<String>>>,
    _running: Running,
}

impl Slow {
    fn start(pod: &Pod, delay: Duration) -> Self {
        let log = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&log);
        let script: Script = Box::new(move |asked| {
            kept.lock().unwrap().push(format!("{} {}", asked.name, asked.qtype));
            Some(Reply { delay, ..answer(asked) })
        });
        let listen = SocketAddr::new(SERVER.parse().unwrap(), 53);
        let running = run_in(&pod.node(), || start(listen, script)).unwrap().unwrap();
        Self { log, _running: running }
    }

    /// Everything asked since the last call, sorted.
    fn take(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut *self.log.lock().unwrap());
        asked.sort();
        asked
    }
}

fn answer(asked: &Asked<'_>) -> Reply {
    let addresses: &[&str] = match asked.name.to_string().as_str() {
        "web.shop.svc.cluster.local." => &["10.96.31.14", "fd00::14"],
        "api.payments.svc.cluster.local." => &["10.96.120.52"],
        // A wildcard in the cluster's last suffix takes over whatever ends in `test`.
        name if name.ends_with(".test.cluster.local.") => &["203.0.113.80"],
        "www.example.com." | "cdn.example.com." | "api.example.org." => &["192.0.2.80", "2001:db8::80"],
        "metrics.vendor.test." => &["198.51.100.9"],
        _ => &[],
    };
    let data = addresses.iter().filter_map(|text| match (asked.qtype, text.parse().unwrap()) {
        (RecordType::A, IpAddr::V4(address)) => Some(RData::A(address.into())),
        (RecordType::AAAA, IpAddr::V6(address)) => Some(RData::AAAA(address.into())),
        _ => None,
    });
    let answers: Vec<Record> = data.map(|data| Record::from_rdata(Name::from(asked.name), 5, data)).collect();
    let rcode = if addresses.is_empty() { ResponseCode::NXDomain } else { ResponseCode::NoError };
    let name = |text: &str| Name::from_str(text).unwrap();
    let soa = SOA::new(name("ns.example."), name("hostmaster.example."), 1, 7200, 1800, 86400, 5);
    let soa = answers.is_empty().then(|| Record::from_rdata(Name::root(), 5, RData::SOA(soa)));
    Reply { answers, soa, ..Reply::empty(rcode) }
}

/// An application: the names it looks up, over and over, with a resolver in a pod.
struct Application {
    client: Client,
    names: &'static [&'static str],
    servers: &'static [&'static str],
    options: &'static str,
    delay: Duration,
}

/// The application's lookups as they were seen, as it saw them, and as the server did.
struct Seen {
    report: Report,
    done: Vec<Done>,
    asked: Vec<String>,
}

impl Application {
    fn conf(&self, ndots: u64) -> String {
        let servers = self.servers.iter().map(|server| format!("nameserver {server}\n"));
        let servers = servers.collect::<Vec<_>>().concat();
        let search = "shop.svc.cluster.local svc.cluster.local cluster.local";
        format!("{servers}search {search}\noptions ndots:{ndots} {}\n", self.options)
    }

    /// Runs it once, captured into this file.
    fn run(&self, pod: &Pod, server: &Slow, ndots: u64, capture: &Path) -> Seen {
        fs::write(pod.conf(), self.conf(ndots)).unwrap();
        let line = ["watch", "--netns", pod.name(), "-o", "json", "-w", words(&capture)];
        server.take();
        let watching = Capturing::start(dnsprobe(&line), "watching");
        let done = self.client.ask(pod, self.names);
        std::thread::sleep(SETTLED);
        let report = watching.stop().exits(0).report();
        Seen { report, done, asked: server.take() }
    }
}

impl Seen {
    fn questions(&self) -> u64 {
        self.report.summary["questions"].as_u64().unwrap()
    }

    /// The questions that reached the server are those that were captured.
    fn is_what_the_server_saw(&self) {
        let questions = self.report.lookups.iter().flat_map(common::questions);
        let sent = questions.filter(|question| question["server"] == SERVER);
        let mut sent: Vec<String> =
            sent.map(|it| format!("{} {}", text(it, "qname"), text(it, "qtype"))).collect();
        sent.sort();
        assert_eq!(sent, self.asked);
    }

    /// What each lookup took, in ns.
    fn latencies(&self) -> Vec<i64> {
        let latency = |lookup: &Value| {
            nanos(&lookup["totals"]["latency_us"])
                .unwrap_or_else(|| panic!("every one was answered: {lookup}"))
        };
        self.report.lookups.iter().map(latency).collect()
    }

    fn addresses(&self) -> Vec<(&str, &BTreeSet<IpAddr>)> {
        self.done.iter().map(|done| (done.name.as_str(), &done.addresses)).collect()
    }
}

fn median(mut values: Vec<i64>) -> i64 {
    values.sort_unstable();
    values[values.len() / 2]
}

fn advice(capture: &Path, conf: &Path) -> Value {
    let line = ["advise", "-r", words(&capture), "--resolv-conf", words(&conf), "-o", "json"];
    let advice = run(&line).exits(0).object();
    assert_eq!(text(&advice, "schema"), "dnsprobe.advise/1");
    assert_eq!(advice["self_check"], 1.0, "{}", advice["unexplained"]);
    advice
}

/// The setting of this `ndots`.
fn setting(advice: &Value, ndots: u64) -> &Value {
    list(&advice["settings"]).iter().find(|it| it["ndots"] == ndots).unwrap()
}

/// The `ndots` of a patch, as the kubelet would write it.
fn patched(advice: &Value) -> Option<u64> {
    let patch = advice["recommended"]["patch"].as_str()?;
    let value = patch.lines().skip_while(|line| !line.ends_with("- name: ndots")).nth(1).unwrap();
    Some(value.trim().trim_start_matches("value: ").trim_matches('"').parse().unwrap())
}

/// What was advised, and every setting whose answers are known tried for real.
struct Proven {
    advice: Value,
    now: Seen,
    tried: Vec<(u64, Seen)>,
}

/// Runs the application at `now`, takes the advice, and runs it again under every setting that is predicted, and under
/// `beyond` as well.
fn proven(application: &Application, now: u64, beyond: &[u64]) -> Proven {
    let pod = Pod::new("");
    let server = Slow::start(&pod, application.delay);
    let directory = tempfile::tempdir().unwrap();
    let capture = directory.path().join("now.pcap");
    let seen = application.run(&pod, &server, now, &capture);
    seen.is_what_the_server_saw();
    let advice = advice(&capture, &pod.conf());
    assert_eq!(advice["questions"], seen.questions());
    let mut tried = Vec::new();
    for ndots in 1..=5 {
        let predicted = setting(&advice, ndots);
        let is_known = list(&predicted["unknown"]).is_empty();
        if !is_known && !beyond.contains(&ndots) {
            continue;
        }
        let then = application.run(&pod, &server, ndots, &directory.path().join("then.pcap"));
        then.is_what_the_server_saw();
        if is_known {
            assert_eq!(
                predicted["questions"],
                then.questions(),
                "{:?} at ndots:{ndots}: {predicted}\n{:?}",
                application.client,
                then.asked
            );
        }
        if predicted["safe"] == true {
            assert_eq!(seen.addresses(), then.addresses(), "{predicted}");
        }
        tried.push((ndots, then));
    }
    Proven { advice, now: seen, tried }
}

impl Proven {
    fn at(&self, ndots: u64) -> &Seen {
        &self.tried.iter().find(|(tried, _)| *tried == ndots).unwrap().1
    }
}

const EXTERNAL: &[&str] = &[
    "www.example.com",
    "cdn.example.com",
    "api.example.org",
    "www.example.com",
    "cdn.example.com",
    "api.example.org",
    "www.example.com",
];

fn external(client: Client, delay: Duration) -> Application {
    Application { client, names: EXTERNAL, servers: &[SERVER], options: "", delay }
}

/// The time that was predicted to be saved and the time that was, by the median of the lookups' latencies, in ns.
fn saving(application: &Application) -> (i64, i64) {
    let proven = proven(application, 5, &[]);
    let recommended = patched(&proven.advice).unwrap();
    assert_eq!(recommended, 2, "{}", proven.advice);
    let predicted = nanos(&setting(&proven.advice, recommended)["saved_p50_us"]).unwrap();
    let measured = median(proven.now.latencies()) - median(proven.at(recommended).latencies());
    (predicted, measured)
}

fn the_saving_comes_true(client: Client) {
    let close = |(predicted, measured): (i64, i64)| (predicted - measured).abs() * 10 <= measured;
    let first = saving(&external(client, SLOW));
    // A busy machine may have been slow once.
    let last = if close(first) { first } else { saving(&external(client, SLOW)) };
    assert!(close(last), "{client:?}: predicted and measured: {first:?}, {last:?}");
    let unpadded = saving(&external(client, Duration::ZERO));
    println!(
        "{client:?}: (predicted, measured) ns a lookup: {last:?}; without the server's delay: {unpadded:?}"
    );
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_glibc_saves_for_outside_names_is_what_was_predicted() {
    the_saving_comes_true(Client::Glibc);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_musl_saves_for_outside_names_is_what_was_predicted() {
    the_saving_comes_true(Client::Musl);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_go_saves_for_outside_names_is_what_was_predicted() {
    the_saving_comes_true(Client::Go);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn services_of_other_namespaces_keep_their_dot_below_ndots() {
    let names = &["web", "api.payments", "web.shop", "www.example.com", "api.payments", "gone.example.com"];
    for client in Client::ALL {
        let delay = Duration::from_millis(5);
        let application = Application { client, names, servers: &[SERVER], options: "", delay };
        let proven = proven(&application, 5, &[1]);
        assert_eq!(patched(&proven.advice), Some(2), "{client:?}: {}", proven.advice);
        // Nobody was seen to ask for `api.payments` as it stands, so ndots:1 is no safe setting for anybody ...
        let first = setting(&proven.advice, 1);
        assert_eq!(first["safe"], false, "{client:?}: {first}");
        let unknown: Vec<&str> = list(&first["unknown"]).iter().map(|it| text(it, "name")).collect();
        assert_eq!(unknown, ["api.payments", "web.shop"], "{client:?}");
        // ... and musl really does not find it any more.
        let found = proven.at(1).done.iter().filter(|done| done.name == "api.payments");
        let found: Vec<bool> = found.map(|done| !done.addresses.is_empty()).collect();
        assert_eq!(found, [client != Client::Musl; 2], "{client:?}");
        let breaks = list(&proven.advice["risks"]).iter().filter(|risk| !list(&risk["breaks"]).is_empty());
        let breaks: Vec<(&str, &Value)> =
            breaks.map(|risk| (text(risk, "resolver"), &risk["ndots"])).collect();
        assert_eq!(breaks, [("musl", &Value::from(1))], "{client:?}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_name_that_a_suffix_answers_is_seen_to_change() {
    // The dotted name shows what the name itself answers.
    let names = &["metrics.vendor.test", "www.example.com", "metrics.vendor.test."];
    for client in Client::ALL {
        let delay = Duration::from_millis(5);
        let application = Application { client, names, servers: &[SERVER], options: "", delay };
        let proven = proven(&application, 5, &[]);
        for ndots in [1, 2] {
            let setting = setting(&proven.advice, ndots);
            let [change] = list(&setting["changes"]) else { panic!("{client:?}: {setting}") };
            assert_eq!(text(change, "name"), "metrics.vendor.test");
            assert_eq!((text(change, "from"), text(change, "to")), ("ANSWER", "ANSWER"));
            assert_ne!(proven.now.addresses()[0], proven.at(ndots).addresses()[0]);
        }
        // With three dots or more in force nothing is different, so nothing is saved.
        assert_eq!(patched(&proven.advice), None, "{client:?}: {}", proven.advice);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_dead_first_nameserver_costs_each_candidate_its_timeout() {
    let names = &["www.example.com", "api.example.org"];
    for client in Client::ALL {
        let servers = &[NOBODY, SERVER];
        let options = "timeout:1 attempts:2";
        let application = Application { client, names, servers, options, delay: SLOW };
        let proven = proven(&application, 5, &[]);
        assert_eq!(patched(&proven.advice), Some(2), "{client:?}: {}", proven.advice);
        let predicted = nanos(&setting(&proven.advice, 2)["saved_us"]).unwrap();
        let sum = |seen: &Seen| seen.latencies().iter().sum::<i64>();
        let measured = sum(&proven.now) - sum(proven.at(2));
        assert!((predicted - measured).abs() * 10 <= measured, "{client:?}: {predicted} {measured}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_higher_ndots_is_predicted_where_the_answers_are_known() {
    // A name that fails at ndots:1 has shown the answers of its whole list.
    let names = &["gone.example.com", "no.such.name.example", "web"];
    for client in [Client::Glibc, Client::Go] {
        let delay = Duration::from_millis(5);
        let application = Application { client, names, servers: &[SERVER], options: "", delay };
        let proven = proven(&application, 1, &[5]);
        assert_eq!(proven.tried.len(), 5, "{client:?}: {}", proven.advice);
        // `web` may have been typed as `web.shop.svc.cluster.local`, which ndots:5 would put through the list.
        let last = setting(&proven.advice, 5);
        let unknown: Vec<&str> = list(&last["unknown"]).iter().map(|it| text(it, "name")).collect();
        assert_eq!(unknown, ["web"], "{client:?}");
        assert_eq!(last["questions"], proven.at(5).questions(), "{client:?}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_window_of_live_traffic_leads_to_the_same_advice() {
    let pod = Pod::new("");
    let application = external(Client::Glibc, Duration::from_millis(5));
    let _server = Slow::start(&pod, application.delay);
    let line = ["advise", "--netns", pod.name(), "-o", "json", "--duration", "10m"];
    let watching = Capturing::start(dnsprobe(&line), "watching");
    application.client.ask(&pod, EXTERNAL);
    std::thread::sleep(SETTLED);
    let advice = watching.stop().exits(0).object();
    assert_eq!((text(&advice["target"], "kind"), &advice["self_check"]), ("named", &Value::from(1.0)));
    assert_eq!(advice["lookups"], EXTERNAL.len());
    assert_eq!(patched(&advice), Some(2));
    let dots: Vec<&str> = list(&advice["dots"]).iter().map(|dot| text(dot, "write")).collect();
    assert_eq!(dots.first(), Some(&"www.example.com."), "{dots:?}");
}
