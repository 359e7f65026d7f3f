//! `dnsprobe read`: the lookups of recorded captures, compared with what the applications did.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;

use std::path::PathBuf;

use common::{Report, dnsprobe, fed, findings, questions, run, testdata, text, words};
use serde_json::{Value, json};

/// A capture of `testdata/traces`, the resolv.conf of its client, and what the applications did.
struct Trace {
    capture: PathBuf,
    conf: PathBuf,
    expected: Value,
}

impl Trace {
    fn open(id: &str) -> Self {
        let path = |end: &str| testdata(&format!("traces/{id}.{end}"));
        let capture = ["pcap", "pcapng"].map(path).into_iter().find(|path| path.exists());
        let expected = std::fs::read(path("expected.json")).unwrap();
        Self {
            capture: capture.unwrap_or_else(|| panic!("no capture {id}")),
            conf: path("conf"),
            expected: serde_json::from_slice(&expected).unwrap(),
        }
    }

    fn read(&self) -> Report {
        let line = ["read", words(&self.capture), "--resolv-conf", words(&self.conf), "-o", "json"];
        run(&line).exits(0).quietly().report()
    }
}

/// A lookup in the few words of an expectation.
fn in_short(lookup: &Value) -> Value {
    let mut findings = findings(lookup);
    findings.sort_unstable();
    json!({
        "name": lookup["name"],
        "resolver": lookup["resolver"]["id"],
        "outcome": lookup["outcome"],
        "questions": lookup["totals"]["questions"],
        "wasted_questions": lookup["totals"]["wasted_questions"],
        "latency_us": lookup["totals"]["latency_us"],
        "findings": findings,
    })
}

/// In the order of their starts, which is that of the expectations; they are printed as they finish.
fn in_order(report: &Report) -> Vec<&Value> {
    let mut lookups: Vec<&Value> = report.lookups.iter().collect();
    lookups.sort_by_key(|lookup| (text(lookup, "start"), text(lookup, "name")));
    lookups
}

fn is_what_was_recorded(id: &str) {
    let trace = Trace::open(id);
    let report = trace.read();
    let lookups = in_order(&report);
    let expected = trace.expected["lookups"].as_array().unwrap();
    for (lookup, expected) in lookups.iter().zip(expected) {
        assert_eq!(in_short(lookup), *expected, "{id}: {lookup}");
    }
    assert_eq!(lookups.len(), expected.len(), "{id}: {:?}", report.names());
    assert_eq!(report.summary["frames"], trace.expected["frames"], "{id}");
    assert_eq!(report.summary["messages"], trace.expected["messages"], "{id}");
}

/// What a suffix cost is what its candidates cost in the lookups: the summary's entry against the steps one by one.
#[test]
fn the_summary_adds_up_what_each_suffix_cost() {
    for id in ["musl-in-turn", "glibc-lost-aaaa", "wildcard-suffix", "go-eight-at-once"] {
        let report = Trace::open(id).read();
        let steps = || report.lookups.iter().flat_map(|lookup| lookup["steps"].as_array().unwrap());
        let entries = report.summary["by_suffix"].as_array().unwrap();
        assert!(!entries.is_empty(), "{id}");
        for entry in entries {
            let of_it: Vec<&Value> = steps().filter(|step| step["suffix"] == entry["suffix"]).collect();
            let wasted: Vec<&&Value> = of_it.iter().filter(|step| step["wasted"] == true).collect();
            let count = |steps: &[&Value]| -> usize {
                steps.iter().map(|step| step["questions"].as_array().unwrap().len()).sum()
            };
            let added: f64 = of_it.iter().filter_map(|step| step["added_us"].as_f64()).sum();
            assert_eq!(entry["lookups"], of_it.len(), "{id}: {entry}");
            assert_eq!(entry["questions"], count(&of_it), "{id}: {entry}");
            let wasted: Vec<&Value> = wasted.into_iter().copied().collect();
            assert_eq!(entry["wasted_questions"], count(&wasted), "{id}: {entry}");
            assert!((entry["added_us"].as_f64().unwrap() - added).abs() < 0.01, "{id}: {entry} {added}");
        }
        let suffixed = steps().filter(|step| !step["suffix"].is_null()).count();
        let counted: u64 = entries.iter().map(|entry| entry["lookups"].as_u64().unwrap()).sum();
        assert_eq!(counted, suffixed as u64, "{id}");
    }
}

#[test]
fn the_user_may_say_which_resolver_the_packets_come_from() {
    let trace = Trace::open("glibc-lost-aaaa");
    let line =
        ["read", words(&trace.capture), "--resolv-conf", words(&trace.conf), "-o", "json", "--resolver"];
    let given = run(&[&line[..], &["musl@1.2.3"]].concat()).exits(0).quietly().report();
    for lookup in &given.lookups {
        let resolver = json!({"id": "musl", "version": "1.2.3", "api": "getaddrinfo", "from": "given"});
        assert_eq!(lookup["resolver"], resolver);
    }
    // Where it is the one that really asked, nothing else changes.
    let without = |report: Report| -> Vec<Value> {
        let mut lookups: Vec<Value> = in_order(&report).into_iter().cloned().collect();
        for lookup in &mut lookups {
            lookup["resolver"] = Value::Null;
        }
        lookups
    };
    let glibc = run(&[&line[..], &["glibc"]].concat()).exits(0).quietly().report();
    assert_eq!(without(glibc), without(trace.read()));
    run(&[&line[..], &["glib"]].concat()).exits(2).complains(&["did you mean `glibc`", "--list-resolvers"]);
}

#[test]
fn one_lookup_after_another_by_musl() {
    is_what_was_recorded("musl-in-turn");
}

#[test]
fn eight_goroutines_at_once() {
    is_what_was_recorded("go-eight-at-once");
}

#[test]
fn a_lost_aaaa_stalls_glibc_until_its_timeout() {
    is_what_was_recorded("glibc-lost-aaaa");
}

#[test]
fn a_wildcard_in_a_search_domain_takes_names_over() {
    is_what_was_recorded("wildcard-suffix");
}

#[test]
fn truncated_answers_are_asked_for_again_over_tcp() {
    is_what_was_recorded("truncated-to-tcp");
}

#[test]
fn pcapng_with_two_interfaces_and_nanoseconds() {
    is_what_was_recorded("two-interfaces-nanoseconds");
}

/// What may differ when the search list had to be read from the traffic.
fn without_its_source(lookup: &Value) -> Value {
    json!([lookup["name"], lookup["start"], lookup["steps"], lookup["totals"]])
}

#[test]
fn without_a_resolv_conf_the_search_list_is_read_from_the_traffic_and_said_to_be() {
    let trace = Trace::open("go-eight-at-once");
    let report = run(&["read", words(&trace.capture), "-o", "json"]).exits(0).report();
    let given = trace.read();
    let short = |report: &Report| in_order(report).into_iter().map(without_its_source).collect::<Vec<_>>();
    for (one, other) in short(&report).iter().zip(short(&given)) {
        assert_eq!(*one, other);
    }
    assert_eq!(report.lookups.len(), given.lookups.len());
    let [inferred] = report.summary["inferred"].as_array().unwrap().as_slice() else {
        panic!("{}", report.summary)
    };
    assert_eq!(
        inferred["search"],
        json!(["default.svc.cluster.local", "svc.cluster.local", "cluster.local"])
    );
    let search = "default.svc.cluster.local svc.cluster.local cluster.local";
    run(&["read", words(&trace.capture)]).exits(0).prints(&["read from its traffic", search]);
}

#[test]
fn packets_written_while_reading_give_the_same_lookups_again() {
    for id in ["musl-in-turn", "truncated-to-tcp", "two-interfaces-nanoseconds"] {
        let trace = Trace::open(id);
        let directory = tempfile::tempdir().unwrap();
        let copy = directory.path().join("copy");
        let conf = ["--resolv-conf", words(&trace.conf), "-o", "json"];
        let line = [&["read", words(&trace.capture), "-w", words(&copy)], &conf[..]].concat();
        let first = run(&line).exits(0).quietly().report();
        assert_eq!(first.lookups, trace.read().lookups, "{id}");
        let again = run(&[&["read", words(&copy)], &conf[..]].concat()).exits(0).quietly().report();
        assert_eq!(again.lookups, first.lookups, "{id}");
        assert_eq!(again.summary, first.summary, "{id}");

        // The capture on standard output, the rows on standard error.
        let line = [&["read", words(&trace.capture), "-w", "-"], &conf[..]].concat();
        let ran = run(&line).exits(0);
        let rows = ran.stderr.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
        assert_eq!(Report::new(rows).lookups, first.lookups, "{id}");
        assert_eq!(ran.stdout, std::fs::read(&copy).unwrap(), "{id}");
    }
}

#[test]
fn a_capture_from_standard_input_is_read_like_a_file() {
    let trace = Trace::open("wildcard-suffix");
    let command = dnsprobe(&["read", "-", "--resolv-conf", words(&trace.conf), "-o", "json"]);
    let piped = fed(command, &std::fs::read(&trace.capture).unwrap()).exits(0).quietly().report();
    assert_eq!(piped.lookups, trace.read().lookups);
}

#[test]
fn a_packet_count_stops_reading() {
    let trace = Trace::open("musl-in-turn");
    let report = run(&["read", words(&trace.capture), "-c", "10", "-o", "json"]).exits(0).report();
    assert_eq!(report.summary["frames"], 10);
}

#[test]
fn the_summary_alone_is_the_summary_of_the_whole() {
    let trace = Trace::open("glibc-lost-aaaa");
    let line =
        ["read", words(&trace.capture), "--resolv-conf", words(&trace.conf), "-o", "json", "--summary"];
    assert_eq!(run(&line).exits(0).quietly().object(), trace.read().summary);
}

#[test]
fn every_question_has_its_own_time_and_a_missing_answer_is_a_row_without_latency() {
    let report = Trace::open("glibc-lost-aaaa").read();
    for lookup in &report.lookups {
        let lost: Vec<&Value> = questions(lookup).filter(|it| it["latency_us"].is_null()).collect();
        assert_eq!(lost.len(), 1, "{lookup}");
        assert_eq!((text(lost[0], "qtype"), text(lost[0], "outcome")), ("AAAA", "TIMEOUT"));
        assert!(questions(lookup).all(|it| text(it, "sent").ends_with('Z')), "{lookup}");
    }
}

#[test]
fn the_table_shows_waste_stalls_and_the_verdict() {
    let trace = Trace::open("glibc-lost-aaaa");
    let shown = run(&["read", words(&trace.capture), "--resolv-conf", words(&trace.conf)]).exits(0);
    let wanted = ["n105.example.net", "stall", ".svc.cluster.local", "12 lookups, 120 questions"];
    shown.quietly().fits().prints(&wanted);
}
