//! `dnsprobe watch` on a pod's packets, compared with what the DNS server was asked and what the applications got.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;
mod pod;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use common::{Report, dnsprobe, findings, list, nanos, questions, run, text, words};
use pod::clients::{Client, Done, getent};
use pod::cluster::{Cluster, Logged};
use pod::watch::Capturing;
use pod::{Pod, SERVER};
use serde_json::{Value, json};

/// An outside name, a service, one of another namespace, an outside name with its dot, one that does not exist, one that
/// a wildcard takes over, one that fails, and one with an answer too long for UDP.
const NAMES: [&str; 8] = [
    // First, as several candidates tell more of a resolver than one, and what is known of a client helps later.
    "www.example.com",
    "web",
    "api.payments",
    "www.example.com.",
    "gone.example.com",
    "metrics.vendor.test",
    "big.example.com",
    "broken.example.com",
];

fn watch(pod: &Pod, more: &[&str]) -> Capturing {
    let line = [&["watch", "--netns", pod.name(), "-o", "json"], more].concat();
    Capturing::start(dnsprobe(&line), "watching")
}

/// When a lookup or a question left, in nanoseconds since 1970-01-01 UTC.
fn time(value: &Value, field: &str) -> i64 {
    let at: jiff::Timestamp = text(value, field).parse().unwrap();
    i64::try_from(at.as_nanosecond()).unwrap()
}

fn addresses(lookup: &Value) -> BTreeSet<IpAddr> {
    list(&lookup["addresses"]).iter().map(|it| it.as_str().unwrap().parse().unwrap()).collect()
}

/// How often each question was asked.
fn counted(questions: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    questions.fold(BTreeMap::new(), |mut counts, question| {
        *counts.entry(question).or_default() += 1;
        counts
    })
}

fn in_words(question: &Value) -> String {
    format!("{} {} {}", text(question, "qname"), text(question, "qtype"), text(question, "transport"))
}

/// Every question that the server was asked is in exactly one lookup, and no other is.
fn has_what_the_server_was_asked(report: &Report, log: &[Logged]) {
    let seen = counted(report.lookups.iter().flat_map(questions).map(in_words));
    let asked = counted(log.iter().map(|logged| logged.question.clone()));
    assert_eq!(seen, asked);
    for question in report.lookups.iter().flat_map(questions) {
        assert_eq!(text(question, "server"), SERVER);
        let (asked, sent) = (in_words(question), time(question, "sent"));
        let arrived = log.iter().any(|logged| logged.question == asked && logged.at >= sent);
        assert!(arrived, "{question} left before it arrived");
    }
    assert_eq!(report.summary["questions"], log.len() as u64);
}

/// The lookup that was seen while the application waited for this name.
fn seen<'r>(report: &'r Report, done: &Done) -> &'r Value {
    let during = |lookup: &&Value| (done.start..=done.end).contains(&time(lookup, "start"));
    let lookups: Vec<&Value> =
        report.lookups.iter().filter(during).filter(|it| it["name"] == done.name.as_str()).collect();
    let [one] = lookups[..] else {
        let all: Vec<_> = report.lookups.iter().map(|it| (&it["name"], &it["start"])).collect();
        panic!("{} lookups for {done:?} among {all:?}", lookups.len());
    };
    one
}

/// Every lookup of an application is one that was seen, with its name, its result and no more than its time.
fn has_what_the_applications_did(report: &Report, done: &[Done]) {
    for done in done {
        let lookup = seen(report, done);
        assert_eq!(addresses(lookup), done.addresses, "{done:?}: {lookup}");
        assert_eq!(lookup["outcome"] == "ANSWER", !done.addresses.is_empty(), "{done:?}: {lookup}");
        assert_eq!((&lookup["certain"], &lookup["partial"]), (&json!(true), &json!(false)), "{lookup}");
        // Without one, a timeout ended it.
        if let Some(latency) = nanos(&lookup["totals"]["latency_us"]) {
            assert!(latency <= done.end - done.start, "{done:?}: {lookup}");
        }
    }
    assert_eq!(report.lookups.len(), done.len(), "{:?}", report.names());
}

/// The resolver is told by signs; a machine that pauses a program between two questions can hide the one of musl (ids
/// that follow the clock), so a single lookup may be taken for another's.
fn resolvers_are_told(report: &Report, done: &[Done]) {
    let resolver = |lookup: &Value| {
        (text(&lookup["resolver"], "id").to_owned(), text(&lookup["resolver"], "from").to_owned())
    };
    let wanted = |done: &Done| (done.resolver.to_owned(), "inferred".to_owned());
    let wrong: Vec<_> = done.iter().filter(|done| resolver(seen(report, done)) != wanted(done)).collect();
    assert!(wrong.len() <= 1, "{wrong:?}");
}

fn nothing_was_missed(report: &Report) {
    for field in ["dropped_by_kernel", "malformed", "unmatched_answers", "given_up"] {
        assert_eq!(report.summary[field], 0, "{field}: {}", report.summary);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn every_question_is_in_the_lookup_that_caused_it() {
    for client in Client::ALL {
        let pod = Pod::new("");
        let cluster = Cluster::start(&pod);
        let watching = watch(&pod, &[]);
        let mut done = client.ask(&pod, &NAMES);
        if client == Client::Glibc {
            done.extend(["web", "www.example.com"].map(|name| getent(&pod, name)));
        }
        let left = watching.stop().exits(0);
        let report = left.complains(&["packets captured", "0 dropped by kernel"]).report();
        has_what_the_server_was_asked(&report, &cluster.log());
        has_what_the_applications_did(&report, &done);
        resolvers_are_told(&report, &done);
        nothing_was_missed(&report);
        let target = &report.lookups[0]["target"];
        assert_eq!((text(target, "kind"), text(target, "name")), ("named", pod.name()));
        for lookup in &report.lookups {
            let hijacked = text(lookup, "name") == "metrics.vendor.test";
            assert_eq!(findings(lookup).contains(&"suffix-answered"), hijacked, "{lookup}");
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn resolvers_at_work_at_the_same_time_are_told_apart() {
    let pod = Pod::new("");
    let cluster = Cluster::start(&pod);
    let watching = watch(&pod, &[]);
    let names = Client::ALL.map(|client| {
        (0..12).map(|number| format!("w{number}-{}.many.example.com", client.id())).collect::<Vec<_>>()
    });
    let asking: Vec<_> = Client::ALL
        .iter()
        .zip(&names)
        .map(|(client, names)| client.begin(&pod, &names.iter().map(String::as_str).collect::<Vec<_>>()))
        .collect();
    let done: Vec<Done> = asking.into_iter().flat_map(pod::clients::Asking::finish).collect();
    let report = watching.stop().exits(0).report();
    has_what_the_server_was_asked(&report, &cluster.log());
    has_what_the_applications_did(&report, &done);
    resolvers_are_told(&report, &done);
    nothing_was_missed(&report);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_lost_question_is_a_row_of_its_own_and_a_stall() {
    for client in Client::ALL {
        let pod = Pod::new("timeout:1");
        let cluster = Cluster::start(&pod);
        let watching = watch(&pod, &[]);
        let done = client.ask(&pod, &["www.example.com", "lossy.example.com."]);
        let report = watching.stop().exits(0).report();
        has_what_the_server_was_asked(&report, &cluster.log());
        has_what_the_applications_did(&report, &done);
        nothing_was_missed(&report);
        let lookup = report.lookup("lossy.example.com.");
        assert!(findings(lookup).contains(&"stall"), "{lookup}");
        let lost: Vec<_> =
            questions(lookup).filter(|it| it["latency_us"].is_null()).map(|it| text(it, "qtype")).collect();
        assert_eq!((lost, &report.summary["unanswered"]), (vec!["AAAA"], &json!(1)), "{lookup}");
    }
}

/// tcpdump in the pod, beside dnsprobe.
fn tcpdump(pod: &Pod, file: &str) -> Capturing {
    let options = ["--time-stamp-precision=nano", "--immediate-mode", "-U", "-Z", "root", "-n", "-i", "eth0"];
    let command: Command = pod.program(&[&["tcpdump"], &options[..], &["-w", file, "port 53"]].concat());
    Capturing::start(command, "listening on")
}

/// What must not differ between the live view and a file: everything but the target. Times may by a microsecond.
fn the_same(live: &Value, replayed: &Value) {
    for field in ["name", "client", "resolver", "outcome", "addresses", "certain", "partial"] {
        assert_eq!(live[field], replayed[field], "{field}");
    }
    assert_eq!(findings(live), findings(replayed));
    assert_eq!(questions(live).count(), questions(replayed).count());
    for (one, other) in questions(live).zip(questions(replayed)) {
        assert_eq!(in_words(one), in_words(other));
        assert_eq!((&one["outcome"], &one["round"]), (&other["outcome"], &other["round"]));
        assert!((time(one, "sent") - time(other, "sent")).abs() <= 1_000, "{one} {other}");
    }
    let steps = |lookup: &Value| -> Vec<Value> {
        common::steps(lookup)
            .iter()
            .map(|it| json!([it["candidate"], it["suffix"], it["outcome"], it["wasted"]]))
            .collect()
    };
    assert_eq!(steps(live), steps(replayed));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn its_own_file_and_that_of_tcpdump_read_as_what_was_shown_live() {
    let pod = Pod::new("timeout:1");
    let cluster = Cluster::start(&pod);
    let (directory, conf) = (tempfile::tempdir().unwrap(), pod.conf());
    let [own, tcpdumps] = ["own.pcap", "tcpdump.pcap"].map(|name| directory.path().join(name));
    let replayed = |file| {
        let line = ["read", words(file), "--resolv-conf", words(&conf), "-o", "json"];
        run(&line).exits(0).quietly().report()
    };
    let beside = tcpdump(&pod, words(&tcpdumps));
    let watching = watch(&pod, &["-w", words(&own)]);
    for client in Client::ALL {
        client.ask(&pod, &NAMES);
        client.ask(&pod, &[&format!("lossy-{}.example.com", client.id())]);
    }
    let live = watching.stop().exits(0).report();
    beside.stop().exits(0).complains(&["0 packets dropped by kernel"]);
    has_what_the_server_was_asked(&live, &cluster.log());
    for file in [&own, &tcpdumps] {
        let replayed = replayed(file);
        assert_eq!(live.lookups.len(), replayed.lookups.len(), "{:?} {:?}", live.names(), replayed.names());
        let by_start = |report: &Report| -> Vec<Value> {
            let mut lookups = report.lookups.clone();
            lookups.sort_by_key(|lookup| time(lookup, "start"));
            lookups
        };
        for (one, other) in by_start(&live).iter().zip(&by_start(&replayed)) {
            the_same(one, other);
        }
    }
    // dnsprobe's own file has its own packets, to the nanosecond.
    let starts = |lookups: &[Value]| lookups.iter().map(|it| time(it, "start")).collect::<BTreeSet<_>>();
    assert_eq!(starts(&replayed(&own).lookups), starts(&live.lookups));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_duration_ends_the_watch_with_its_summary() {
    let pod = Pod::new("");
    let cluster = Cluster::start(&pod);
    // Compiled before the time runs.
    Client::Glibc.path();
    let mut watching = watch(&pod, &["--duration", "1500ms"]);
    let mut done: Vec<Done> = Vec::new();
    while watching.runs() {
        done.extend(Client::Glibc.ask(&pod, &["web"]));
    }
    let report = watching.ended().exits(0).report();
    // The first is over long before the end, the last may be cut off by it.
    assert!((1..=done.len()).contains(&report.lookups.len()), "{:?}", report.names());
    assert!(report.summary["questions"].as_u64().unwrap() <= cluster.log().len() as u64);
    assert!(report.names().iter().all(|name| *name == "web"));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_packet_count_ends_the_watch() {
    let pod = Pod::new("");
    let _cluster = Cluster::start(&pod);
    let watching = watch(&pod, &["-c", "4"]);
    Client::Glibc.ask(&pod, &["web"]);
    let report = watching.ended().exits(0).report();
    assert_eq!((report.names(), &report.summary["frames"]), (vec!["web"], &json!(4)));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn people_see_every_lookup_and_the_counters() {
    let pod = Pod::new("");
    let _cluster = Cluster::start(&pod);
    let watching = Capturing::start(dnsprobe(&["watch", "--netns", pod.name()]), "watching");
    Client::Musl.ask(&pod, &["www.example.com", "metrics.vendor.test"]);
    let left = watching.stop().exits(0);
    left.fits().prints(&[
        "www.example.com",
        ".shop.svc.cluster.local",
        "suffix-answered",
        "2 lookups",
        "musl",
    ]);
    left.complains(&[pod.name(), "packets captured", "0 dropped by kernel"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn one_interface_sees_only_its_own_packets() {
    let pod = Pod::new("");
    let _cluster = Cluster::start(&pod);
    let (eth0, lo) = (watch(&pod, &["-i", "eth0"]), watch(&pod, &["-i", "lo"]));
    Client::Glibc.ask(&pod, &["web"]);
    assert_eq!(eth0.stop().exits(0).report().names(), ["web"]);
    assert_eq!(lo.stop().exits(0).report().summary["frames"], 0);
    run(&["watch", "--netns", pod.name(), "-i", "eth7"]).exits(2).complains(&["eth7", "eth0", "lo"]);
}

/// How often the capturing thread went to sleep so far.
fn sleeps(watching: &Capturing) -> u64 {
    let pid = watching.pid();
    let status = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    line.trim().parse().unwrap()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn with_no_lookup_under_way_it_sleeps_until_there_is_a_packet() {
    let pod = Pod::new("");
    let _cluster = Cluster::start(&pod);
    let watching = watch(&pod, &[]);
    // A and AAAA at once: with their answers all is said.
    Client::Glibc.ask(&pod, &["web"]);
    std::thread::sleep(Duration::from_millis(300));
    let before = sleeps(&watching);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(sleeps(&watching), before);
    Client::Glibc.ask(&pod, &["api.payments"]);
    assert_eq!(watching.stop().exits(0).report().names(), ["web", "api.payments"]);
}
