//! `dnsprobe advise` on recorded captures: what it predicts of what was seen, and what it makes of what was not.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;
mod made;

use std::net::IpAddr;

use common::{file, finish, list, program, run, testdata, text, words};
use made::{Made, NOERROR, NXDOMAIN};
use serde_json::Value;

const TRACES: [&str; 6] = [
    "glibc-lost-aaaa.pcap",
    "go-eight-at-once.pcap",
    "musl-in-turn.pcap",
    "truncated-to-tcp.pcap",
    "two-interfaces-nanoseconds.pcapng",
    "wildcard-suffix.pcap",
];

fn advice(trace: &str) -> Value {
    let path = |name: &str| testdata(&format!("traces/{name}"));
    let conf = path(&format!("{}.conf", trace.split_once('.').unwrap().0));
    let capture = path(trace);
    let line = ["advise", "-r", words(&capture), "--resolv-conf", words(&conf), "-o", "json"];
    run(&line).exits(0).quietly().object()
}

fn setting(advice: &Value, ndots: u64) -> &Value {
    list(&advice["settings"]).iter().find(|it| it["ndots"] == ndots).unwrap()
}

#[test]
fn at_the_settings_in_force_every_question_that_was_seen_is_predicted() {
    for trace in TRACES {
        let advice = advice(trace);
        assert_eq!(advice["self_check"], 1.0, "{trace}: {}", advice["unexplained"]);
        let path = testdata(&format!("traces/{trace}"));
        // So it is where the settings have to be read from the traffic.
        let read = run(&["advise", "-r", words(&path), "-o", "json"]).exits(0).object();
        assert_eq!(read["self_check"], 1.0, "{trace}: {}", read["unexplained"]);
        let now = setting(&advice, advice["ndots"].as_u64().unwrap());
        assert_eq!(now["questions"], advice["questions"], "{trace}");
        assert_eq!((&now["safe"], &now["saved_questions"]), (&Value::from(true), &Value::from(0)));
    }
}

#[test]
fn all_settings_are_weighed_and_the_cheapest_safe_one_is_advised() {
    for trace in TRACES {
        let advice = advice(trace);
        let settings = list(&advice["settings"]);
        let ndots: Vec<u64> = settings.iter().map(|it| it["ndots"].as_u64().unwrap()).collect();
        assert_eq!(ndots, [1, 2, 3, 4, 5], "{trace}");
        let count = |it: &Value| it["questions"].as_i64().unwrap();
        for it in settings {
            let safe = list(&it["changes"]).is_empty() && list(&it["unknown"]).is_empty();
            assert_eq!(it["safe"], safe, "{trace}: {it}");
            let saved = it["saved_questions"].as_i64().unwrap();
            assert_eq!(count(&advice) - saved, count(it), "{trace}");
        }
        let safe = settings.iter().filter(|it| it["safe"] == true && count(it) < count(&advice));
        let best = safe.map(count).min();
        let advised = advice["recommended"]["ndots"].as_u64().map(|ndots| count(setting(&advice, ndots)));
        assert_eq!(advised, best, "{trace}");
    }
}

#[test]
fn a_name_that_a_wildcard_takes_over_is_not_assumed_to_stay() {
    let advice = advice("wildcard-suffix.pcap");
    assert_eq!(advice["recommended"], Value::Null, "{advice}");
    let first = setting(&advice, 1);
    assert_eq!(first["safe"], false, "{first}");
}

#[test]
fn the_table_fits_and_has_the_patch() {
    for trace in TRACES {
        let path = testdata(&format!("traces/{trace}"));
        let left = run(&["advise", "-r", words(&path)]).exits(0);
        left.fits().quietly().prints(&["self-check: 100.0 %", "SETTING", "ndots:1", "ndots:5"]);
    }
    let path = testdata("traces/glibc-lost-aaaa.pcap");
    let left = run(&["advise", "-r", words(&path)]).exits(0);
    left.prints(&[
        "kubectl patch deployment NAME --patch-file ndots.yaml",
        "kustomization.yaml",
        "fix: ndots:2",
    ]);
    left.prints(&["with the trailing dot", "unsafe where"]);
}

/// The patch as a kubelet would see it: put into a workload, `explain` finds its `ndots` there.
#[test]
fn the_patch_is_what_a_workload_takes() {
    let advice = advice("glibc-lost-aaaa.pcap");
    let kustomize = text(&advice["recommended"], "kustomize");
    let start = kustomize.find("patch: |-\n").unwrap() + "patch: |-\n".len();
    let inner: Vec<&str> = kustomize[start..].lines().map(|line| line.trim_start_matches("      ")).collect();
    assert_eq!(inner[0], "apiVersion: apps/v1");
    let lines = kustomize[start..].lines().map(|line| format!("{}\n", line.strip_prefix("      ").unwrap()));
    let lines: Vec<String> = lines.collect();
    let manifest = format!("{}      containers: [{{name: app, image: debian}}]\n", lines.concat());
    let manifest = file(manifest);
    let manifest = manifest.path();
    let line = ["explain", "www.example.com", "-f", words(&manifest), "--offline", "-o", "json"];
    let explained = run(&line).exits(0).object();
    assert_eq!(explained["resolv_conf"]["ndots"], advice["recommended"]["ndots"], "{explained}");
    // The traces' clients had `timeout:1`, which a patch of the list must not lose.
    assert_eq!(explained["resolv_conf"]["timeout_s"], 1.0, "{explained}");
}

#[test]
fn what_nobody_answered_is_named() {
    let address: IpAddr = "10.96.31.14".parse().unwrap();
    let mut made = Made::new();
    let own: [&[u8]; 6] = [b"api", b"payments", b"shop", b"svc", b"cluster", b"local"];
    made.candidate(&own, NXDOMAIN, &[], 300);
    made.candidate(&[b"api", b"payments", b"svc", b"cluster", b"local"], NOERROR, &[address], 300);
    let capture = file(&made.bytes);
    let conf = file("search shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n");
    for (resolver, then) in [("musl", "NXDOMAIN"), ("glibc", "ANSWER"), ("go", "ANSWER")] {
        let (capture, conf) = (capture.path(), conf.path());
        let line = ["advise", "-r", words(&capture), "--resolv-conf", words(&conf), "-o", "json"];
        let advice = run(&[&line[..], &["--resolver", resolver]].concat()).exits(0).object();
        assert_eq!((text(&advice["resolver"], "id"), text(&advice["resolver"], "from")), (resolver, "given"));
        let [unknown] = list(&setting(&advice, 1)["unknown"]) else { panic!("{advice}") };
        assert_eq!(
            (text(unknown, "name"), list(&unknown["asks"])),
            ("api.payments", &["api.payments.".into()][..])
        );
        assert_eq!(text(unknown, "if_nxdomain"), then, "{resolver}");
        assert_eq!(setting(&advice, 2)["safe"], true, "{resolver}: {advice}");
    }
}

#[test]
fn a_capture_and_a_target_at_once_are_refused() {
    let path = testdata("traces/musl-in-turn.pcap");
    run(&["advise", "-r", words(&path), "--netns", "x"]).exits(2).complains(&["cannot be used with"]);
    run(&["advise", "-r", words(&path), "--resolver", "glib"]).exits(2).complains(&["did you mean `glibc`"]);
    run(&["advise", "-r", words(&path), "-w", "-"]).exits(2).complains(&["-w FILE keeps"]);
    run(&["advise", "-r", "no-such.pcap"]).exits(2).complains(&["open the capture no-such.pcap"]);
}

#[test]
fn an_empty_capture_leads_to_no_advice() {
    let capture = file(Made::new().bytes);
    run(&["advise", "-r", words(&capture.path()), "-o", "json"]).exits(0).without_result();
    run(&["advise", "-r", words(&capture.path())]).exits(0).prints(&["No DNS lookups were seen."]);
    let mut narrow = program(common::PROGRAM);
    let path = testdata("traces/glibc-lost-aaaa.pcap");
    narrow.args(["advise", "-r", words(&path)]).env("COLUMNS", "80");
    for line in finish(narrow).exits(0).text().lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn what_to_do_comes_first_and_a_patch_once() {
    let path = testdata("traces/musl-in-turn.pcap");
    let text = run(&["advise", "-r", words(&path)]).exits(0).text();
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
    assert!(at("fix: ndots:4") < at("SETTING") && at("SETTING") < at("# ndots.yaml"), "{text}");
    // What is bolder is named with what speaks against it, each name once.
    assert!(at("ndots:2 would save") < at("SETTING"), "{text}");
    assert_eq!(text.matches("`svc-2010.default.svc` (").count(), 1, "{text}");
    // A name that a suffix answered for is no plain advice.
    let path = testdata("traces/wildcard-suffix.pcap");
    let text = run(&["advise", "-r", words(&path)]).exits(0).text();
    let unwrapped = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(unwrapped.contains("if the host is meant that"), "{text}");
    let advice = advice("wildcard-suffix.pcap");
    let dots = list(&advice["dots"]).iter();
    let doubtful =
        dots.filter(|dot| dot["unsafe_when"].as_str().unwrap().starts_with("another host is meant"));
    assert!(doubtful.count() > 0, "{}", advice["dots"]);
}
