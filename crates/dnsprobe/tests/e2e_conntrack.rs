//! The node's conntrack counters beside a lookup that has the shape of its race: one of A and AAAA lost for real.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;
mod pod;

use std::fs;
use std::path::PathBuf;

use common::{PROGRAM, Report, findings, list, text};
use pod::Pod;
use pod::clients::Client;
use pod::cluster::Cluster;
use pod::watch::Capturing;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

/// The AAAA question of this name is lost once.
const LOSSY: &str = "lossy.example.com.";

/// `insert_failed`, `drop` and `early_drop`, added up over the processors as `conntrack -S` lists them.
fn counted(table: &str) -> [u64; 3] {
    let mut lines = table.lines();
    let names: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split_whitespace().collect()).collect();
    assert!(!rows.is_empty(), "{table}");
    ["insert_failed", "drop", "early_drop"].map(|name| {
        let column = names.iter().position(|it| *it == name).unwrap();
        rows.iter().map(|row| u64::from_str_radix(row[column], 16).unwrap()).sum()
    })
}

/// `watch` in the pod, on a node whose root is mounted elsewhere.
fn watch(pod: &Pod, root: &TempDir, more: &[&str]) -> Capturing {
    let root = root.path().to_str().unwrap();
    let line = [&[PROGRAM, "watch", "--host-root", root], more].concat();
    Capturing::start(pod.program(&line), "watching")
}

/// A node's root directory: the pod's `resolv.conf`, and a `/proc` in which only its first process's counters are, if any.
fn node_root(pod: &Pod, counters: Option<&str>) -> (TempDir, PathBuf) {
    let root = tempdir().unwrap();
    let (etc, stat) = (root.path().join("etc"), root.path().join("proc/1/net/stat"));
    for folder in [&etc, &stat] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::copy(pod.conf(), etc.join("resolv.conf")).unwrap();
    let file = stat.join("nf_conntrack");
    if let Some(counters) = counters {
        fs::write(&file, counters).unwrap();
    }
    (root, file)
}

/// The columns of Linux 6.x, for two processors.
fn table(first: [u64; 3], second: [u64; 3]) -> String {
    let row = |[insert_failed, drop, early_drop]: [u64; 3]| {
        format!(
            "000000a7  00000000 00000000 00000000 000001bc 0000219f 00000000 00000000 00000000 {insert_failed:08x} \
             {drop:08x} {early_drop:08x} 00000006  00000000 00000000 00000000 00000002\n"
        )
    };
    let names = "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop \
                 early_drop icmp_error  expect_new expect_create expect_delete search_restart\n";
    format!("{names}{}{}", row(first), row(second))
}

/// What is said of a lookup that lost one of its two questions.
fn has_the_shape_of_the_race(report: &Report) {
    let lookup = report.lookup(LOSSY);
    let stall = list(&lookup["findings"]).iter().find(|it| it["code"] == "stall");
    let message = stall.map(|it| text(it, "message").to_owned()).unwrap_or_default();
    assert!(message.contains("conntrack race") && message.contains("conntrack -S"), "{lookup}");
}

fn fields(counters: &Value) -> [u64; 3] {
    ["insert_failed", "drop", "early_drop"].map(|name| counters[name].as_u64().unwrap())
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_counters_of_the_nodes_own_namespace_are_read_beside_the_race() {
    let pod = Pod::new("timeout:1");
    let _cluster = Cluster::start(&pod);
    // conntrack works where a rule asks for it.
    let rule = ["iptables", "-A", "INPUT", "-m", "conntrack", "--ctstate", "NEW", "-j", "ACCEPT"];
    assert!(pod.on_node(&rule).status().unwrap().success());
    let counters = || {
        let output = pod.on_node(&["cat", "/proc/self/net/stat/nf_conntrack"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let before = counted(&counters());
    // The first process of a node is in the node's network: here it is dnsprobe itself.
    let first = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let line = [PROGRAM, "watch", "--netns", pod.name(), "-o", "json"];
    let watching = Capturing::start(pod.on_node(&[&first[..], &line].concat()), "watching");
    Client::Glibc.ask(&pod, &[LOSSY]);
    let report = watching.stop().exits(0).report();
    has_the_shape_of_the_race(&report);
    let after = counted(&counters());
    let grown = [0, 1, 2].map(|at| after[at] - before[at]);
    assert_eq!(fields(&report.summary["conntrack"]), grown, "{}", report.summary);
    // The questions did pass through it.
    let entries = counters().lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    assert_ne!(u64::from_str_radix(&entries, 16).unwrap(), 0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_the_counters_grew_by_is_said_beside_the_race_to_people_and_programs() {
    for json in [true, false] {
        let pod = Pod::new("timeout:1");
        let _cluster = Cluster::start(&pod);
        let (root, file) = node_root(&pod, Some(&table([0x10, 0x2f, 1], [0xff, 0, 0])));
        let more: &[&str] = if json { &["-o", "json"] } else { &[] };
        let watching = watch(&pod, &root, more);
        Client::Glibc.ask(&pod, &[LOSSY]);
        // Written in place, as /proc shows its numbers through a file that is open.
        fs::write(&file, table([0x11, 0x31, 1], [0x101, 0, 3])).unwrap();
        let left = watching.stop().exits(0);
        if json {
            let report = left.report();
            has_the_shape_of_the_race(&report);
            assert_eq!(fields(&report.summary["conntrack"]), [3, 2, 3], "{}", report.summary);
        } else {
            left.prints(&["conntrack on this node meanwhile: insert_failed +3, drop +2, early_drop +3."]);
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn where_the_counters_cannot_be_read_nothing_is_said_of_them() {
    // Missing, no table, and a table without the columns that count.
    for counters in [None, Some("no such counters here\n"), Some("entries found\n00000001 00000002\n")] {
        let pod = Pod::new("timeout:1");
        let _cluster = Cluster::start(&pod);
        let (root, _) = node_root(&pod, counters);
        let (json, people) = (watch(&pod, &root, &["-o", "json"]), watch(&pod, &root, &[]));
        Client::Glibc.ask(&pod, &[LOSSY]);
        let report = json.stop().exits(0).report();
        has_the_shape_of_the_race(&report);
        assert_eq!(report.summary.get("conntrack"), None, "{counters:?}: {}", report.summary);
        let left = people.stop().exits(0);
        assert!(left.text().contains("stall"), "{}", left.text());
        assert!(!left.text().contains("conntrack on this node"), "{}", left.text());
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn counters_that_stand_still_beside_no_stall_are_no_news() {
    let pod = Pod::new("");
    let _cluster = Cluster::start(&pod);
    let (root, _) = node_root(&pod, Some(&table([7, 9, 0], [1, 0, 0])));
    let (json, people) = (watch(&pod, &root, &["-o", "json"]), watch(&pod, &root, &[]));
    Client::Glibc.ask(&pod, &["web"]);
    let report = json.stop().exits(0).report();
    assert_eq!(findings(report.lookup("web")), Vec::<&str>::new());
    assert_eq!(report.summary["conntrack"], json!({"insert_failed": 0, "drop": 0, "early_drop": 0}));
    let left = people.stop().exits(0);
    assert!(!left.text().contains("conntrack"), "{}", left.text());
}
