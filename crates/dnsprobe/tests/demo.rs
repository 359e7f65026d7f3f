//! `dnsprobe demo`: six lookups of a small cluster, played here or replayed.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;

use std::process::Command;

use common::{
    Left, PROGRAM, Report, dnsprobe, file, findings, finish, list, powerless, program, run, steps, testdata,
    text, words,
};
use serde_json::{Value, json};

/// Set where the system is known to allow private namespaces, so that their absence is a failure.
const REQUIRED: &str = "DNSPROBE_REQUIRE_SANDBOX";

const NAMES: [&str; 6] =
    ["web", "api.payments", "www.example.com", "www.example.com.", "wwww.example.com", "metrics.vendor.test"];

/// Played live, unless this system forbids it and says which setting does.
fn played(line: &[&str]) -> Left {
    let ran = run(line).exits(0);
    let replayed = ran.stderr.contains("replaying the bundled recording");
    assert!(!replayed || std::env::var_os(REQUIRED).is_none(), "{}", ran.stderr);
    if replayed {
        eprintln!("not played: {}", ran.stderr);
    }
    ran
}

/// The six lookups, whoever's resolver asked: this machine's may ask for one family or both.
fn tells_what_the_demo_tells(report: &Report) {
    assert_eq!(report.names(), NAMES);
    let outcomes: Vec<&str> = report.lookups.iter().map(|lookup| text(lookup, "outcome")).collect();
    assert_eq!(outcomes, ["ANSWER", "ANSWER", "ANSWER", "ANSWER", "NXDOMAIN", "ANSWER"]);
    let candidates: Vec<usize> = report.lookups.iter().map(|lookup| steps(lookup).len()).collect();
    assert_eq!(candidates, [1, 2, 5, 1, 5, 4]);
    let wasted = |lookup: &Value| steps(lookup).iter().filter(|step| step["wasted"] == true).count();
    assert_eq!(report.lookups.iter().map(wasted).collect::<Vec<_>>(), [0, 1, 4, 0, 0, 3]);
    let hijacked = report.lookup("metrics.vendor.test");
    assert!(findings(hijacked).contains(&"suffix-answered"), "{hijacked}");
    assert_eq!((text(hijacked, "client"), &hijacked["addresses"]), ("10.244.1.7", &json!(["203.0.113.80"])));
    for lookup in &report.lookups[..5] {
        assert!(!findings(lookup).contains(&"suffix-answered"), "{lookup}");
    }
    let summary = &report.summary;
    assert_eq!((&summary["malformed"], &summary["skipped"]), (&json!(0), &json!(0)));
    assert_eq!(list(&summary["by_suffix"]).len(), 4);
}

#[test]
fn six_lookups_with_sums_that_add_up_and_the_name_taken_over_by_a_suffix() {
    tells_what_the_demo_tells(&played(&["demo", "-o", "json"]).report());
}

#[test]
fn people_see_the_lookups_the_costs_and_the_verdict() {
    let wanted = [
        "metrics.vendor.test",
        "suffix-answered",
        ".corp.example",
        "203.0.113.80",
        "6 lookups",
        "wrong host",
    ];
    played(&["demo"]).fits().prints(&wanted);
}

/// The demo where private namespaces are forbidden, whoever runs the test and whatever the system allows.
fn forbidden() -> Command {
    let limits = "echo 0 > /proc/sys/user/max_user_namespaces && echo 0 > /proc/sys/user/max_net_namespaces";
    let unshare = |script: &str| {
        let mut command = program("unshare");
        command.args(["--user", "--map-root-user", "sh", "-c", script, PROGRAM]);
        command
    };
    let possible = unshare(limits).output().is_ok_and(|output| output.status.success());
    if possible {
        unshare(&format!("{limits} && exec \"$0\" demo -o json"))
    } else {
        // No user namespaces here at all, so no privileges is enough.
        powerless(&["demo", "-o", "json"])
    }
}

#[test]
fn where_namespaces_are_forbidden_a_recording_is_replayed_and_said_to_be_one() {
    let ran = finish(forbidden()).exits(0);
    let report = ran.complains(&["private namespaces", "replaying the bundled recording"]).report();
    tells_what_the_demo_tells(&report);
    assert_eq!(report.summary["questions"], 36, "both families were asked for when it was recorded");
    // The same every time.
    assert_eq!(finish(forbidden()).exits(0).report().lookups, report.lookups);
}

/// The resolv.conf that the demo plays with.
fn conf() -> tempfile::NamedTempFile {
    let recorded: Value =
        serde_json::from_slice(&std::fs::read(testdata("demo/demo.json")).unwrap()).unwrap();
    file(text(&recorded, "resolv_conf"))
}

/// Everything but where it was seen.
fn elsewhere(report: &Report) -> Vec<Value> {
    let without_target = |lookup: &Value| {
        let mut lookup = lookup.clone();
        lookup.as_object_mut().unwrap().remove("target");
        lookup
    };
    report.lookups.iter().map(without_target).collect()
}

#[test]
fn packets_written_by_the_demo_read_as_the_same_lookups() {
    let directory = tempfile::tempdir().unwrap();
    let capture = directory.path().join("demo.pcap");
    let shown = played(&["demo", "-o", "json", "-w", words(&capture)]).report();
    let conf = conf();
    let read = ["read", words(&capture), "--resolv-conf", words(&conf), "-o", "json"];
    // The demo shows lookups as they began, a file as they finish.
    let mut read = run(&read).exits(0).quietly().report();
    read.lookups.sort_by_key(|lookup| text(lookup, "start").to_owned());
    assert_eq!(elsewhere(&read), elsewhere(&shown));
}

#[test]
fn the_environment_of_the_caller_does_not_reach_the_resolver_that_is_shown() {
    let mut command = dnsprobe(&["demo", "-o", "json"]);
    command.env("RES_OPTIONS", "ndots:1").env("LOCALDOMAIN", "example.net").env("HOSTALIASES", "/dev/null");
    tells_what_the_demo_tells(&finish(command).exits(0).report());
}
