//! `dnsprobe exec` in a pod: the program gets the target's network and files, and its lookups and no others are reported.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;
mod pod;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Left, Report, dnsprobe, fed, finish, list, questions, text, words};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pod::clients::{Client, Done};
use pod::cluster::Cluster;
use pod::{NOBODY, Pod, SERVER};
use serde_json::Value;
use tempfile::NamedTempFile;

/// An outside name, a service, one that does not exist, and one with an answer too long for UDP.
const NAMES: [&str; 4] = ["www.example.com", "web", "gone.example.com", "big.example.com"];

/// `dnsprobe exec` in the pod.
fn exec(pod: &Pod, options: &[&str], command: &[&str]) -> Command {
    dnsprobe(&[&["exec", "--netns", pod.name()], options, &["--"], command].concat())
}

/// The same with a report in JSON, and what came of both.
fn reported(pod: &Pod, command: &[&str]) -> (Left, Report) {
    let file = NamedTempFile::new().unwrap();
    let left = finish(exec(pod, &["-o", "json", "--report", words(&file.path())], command)).exits(0);
    let report = read_report(file.path());
    (left, report)
}

fn read_report(path: &Path) -> Report {
    let text = fs::read_to_string(path).unwrap();
    Report::new(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// How often each question was asked.
fn counted(questions: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    questions.fold(BTreeMap::new(), |mut counts, question| {
        *counts.entry(question).or_default() += 1;
        counts
    })
}

/// Every question of the report.
fn asked(report: &Report) -> BTreeMap<String, usize> {
    let question =
        |it: &Value| format!("{} {} {}", text(it, "qname"), text(it, "qtype"), text(it, "transport"));
    counted(report.lookups.iter().flat_map(questions).map(question))
}

/// What the client printed.
fn done(client: Client, stdout: &str) -> Vec<Done> {
    stdout.lines().map(|line| Done::parse(client.id(), line)).collect()
}

fn addresses(lookup: &Value) -> BTreeSet<IpAddr> {
    list(&lookup["addresses"]).iter().map(|it| it.as_str().unwrap().parse().unwrap()).collect()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn every_question_of_the_program_is_reported_and_standard_output_is_its_own() {
    for client in Client::ALL {
        let pod = Pod::new("");
        let cluster = Cluster::start(&pod);
        let (left, report) = reported(&pod, &[&[words(&client.path())], &NAMES[..]].concat());
        left.quietly();
        assert_eq!(asked(&report), counted(cluster.take().into_iter()), "{client:?}");
        for done in done(client, &left.text()) {
            let lookup = report.lookup(&done.name);
            assert_eq!(addresses(lookup), done.addresses, "{done:?}: {lookup}");
            assert!(questions(lookup).all(|it| text(it, "server") == SERVER));
        }
        assert_eq!(report.lookups.len(), NAMES.len(), "{:?}", report.names());
        assert_eq!(report.summary["told_by"], "socket");
        assert_eq!(
            (&report.summary["frames_of_others"], &report.summary["frames_of_unknown"]),
            (&0.into(), &0.into())
        );
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn lookups_of_others_in_the_namespace_are_counted_and_not_reported() {
    let others: Vec<String> = (0..60).map(|number| format!("w{number}.many.example.com.")).collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    for client in Client::ALL {
        let pod = Pod::new("");
        let cluster = Cluster::start(&pod);
        // Compiled before anybody waits.
        client.path();
        let beside: Vec<_> = Client::ALL.iter().map(|other| other.begin(&pod, &others)).collect();
        let (_, report) = reported(&pod, &[&[words(&client.path())], &NAMES[..]].concat());
        for beside in beside {
            beside.finish();
        }
        let log = cluster.take();
        let own = log.into_iter().filter(|question| !question.contains(".many.example.com."));
        assert_eq!(asked(&report), counted(own), "{client:?}");
        assert!(report.summary["frames_of_others"].as_u64().unwrap() > 0, "{}", report.summary);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn whatever_process_of_its_tree_asks_the_lookup_is_the_programs() {
    let pod = Pod::new("");
    let cluster = Cluster::start(&pod);
    let [glibc, musl, go] = Client::ALL.map(|client| words(&client.path()).to_owned());
    let script = format!("{glibc} web & ({musl} www.example.com.; true) & sh -c '{go} api.payments' & wait");
    let (_, report) = reported(&pod, &["sh", "-c", &script]);
    let names: BTreeSet<&str> = report.names().into_iter().collect();
    assert_eq!(names, BTreeSet::from(["api.payments", "web", "www.example.com."]));
    assert_eq!(asked(&report), counted(cluster.take().into_iter()));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_lookup_that_was_resent_is_whole() {
    let pod = Pod::new("timeout:1");
    let cluster = Cluster::start(&pod);
    for client in Client::ALL {
        let name = format!("lossy-{}.example.com.", client.id());
        let (_, report) = reported(&pod, &[words(&client.path()), &name]);
        assert_eq!(asked(&report), counted(cluster.take().into_iter()), "{client:?}");
        assert_eq!(text(report.lookup(&name), "outcome"), "ANSWER");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_lookup_that_the_program_gave_up_is_over_and_one_it_was_killed_in_is_not() {
    let pod = Pod::new("timeout:1 attempts:1");
    // Nobody is there to answer.
    let nobody = fs::read_to_string(pod.conf()).unwrap().replace(SERVER, NOBODY);
    fs::write(pod.conf(), nobody).unwrap();
    for client in Client::ALL {
        let path = client.path().to_str().unwrap();
        let (_, report) = reported(&pod, &[path, "www.example.com."]);
        let lookup = report.lookup("www.example.com.");
        assert_eq!((&lookup["outcome"], &lookup["partial"]), (&"TIMEOUT".into(), &false.into()), "{lookup}");
        let file = NamedTempFile::new().unwrap();
        let options = ["-o", "json", "--report", words(&file)];
        let script = format!("{path} www.example.com. & sleep 0.3; kill -9 $! $$");
        finish(exec(&pod, &options, &["sh", "-c", &script])).exits(137);
        let report = read_report(file.path());
        assert_eq!(report.lookup("www.example.com.")["partial"], true, "{:?}", report.lookups);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_exit_status_is_the_programs_own() {
    let pod = Pod::new("");
    for (script, status) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -PIPE $$", 141)] {
        finish(exec(&pod, &[], &["sh", "-c", script])).exits(status).without_result();
    }
    finish(exec(&pod, &[], &["no-such-program"])).exits(127).complains(&["no-such-program", "No such file"]);
    finish(exec(&pod, &[], &["/etc/passwd"])).exits(126).complains(&["/etc/passwd", "Permission denied"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn standard_input_and_output_pass_through() {
    let pod = Pod::new("");
    let input: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let left = fed(exec(&pod, &[], &["cat"]), &input).exits(0);
    assert!(left.stdout == input, "{} bytes of {}", left.stdout.len(), input.len());
    left.complains(&["No DNS lookups"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn signals_are_passed_on_and_what_is_ignored_stays_ignored() {
    let pod = Pod::new("");
    for (signal, status) in
        [(Signal::SIGTERM, 3), (Signal::SIGINT, 4), (Signal::SIGHUP, 5), (Signal::SIGUSR1, 6)]
    {
        let script =
            "trap 'exit 3' TERM; trap 'exit 4' INT; trap 'exit 5' HUP; trap 'exit 6' USR1; echo ready
            while :; do sleep 0.05; done";
        let mut command = exec(&pod, &[], &["sh", "-c", script]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(status), "{signal}");
    }
    let status = finish(exec(&pod, &[], &["cat", "/proc/self/status"])).exits(0).text();
    let signals = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        // Those beyond 31 are the C library's own business.
        u64::from_str_radix(line.trim(), 16).unwrap() & 0x7fff_ffff
    };
    assert_eq!((signals("SigBlk:"), signals("SigIgn:")), (0, 0), "{status}");
    let line =
        format!("trap '' HUP; exec {} exec --netns {} -- sh -c 'kill -HUP $$'", common::PROGRAM, pod.name());
    let mut ignoring = common::program("sh");
    ignoring.args(["-c", &line]);
    finish(ignoring).exits(0).without_result();
}

#[test]
#[ignore = "needs root: network namespaces"]
fn ctrl_c_reaches_the_program_once_and_does_not_end_the_report() {
    let pod = Pod::new("");
    let script = "n=0; trap 'n=$((n+1))' INT; echo ready; while test $n = 0; do sleep 0.05; done; sleep 0.3
        echo interrupted $n; exit 9";
    let script = common::file(script);
    let line = format!("exec {} exec --netns {} -- sh {}", common::PROGRAM, pod.name(), words(&script));
    // A terminal of its own (script(1)), with both processes in its foreground.
    let mut terminal = common::program("script");
    terminal.args(["-qec", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut terminal = terminal.spawn().unwrap();
    let mut output = BufReader::new(terminal.stdout.take().unwrap());
    let mut shown = String::new();
    while !shown.contains("ready") {
        assert!(output.read_line(&mut shown).unwrap() > 0, "{shown}");
    }
    let mut keyboard = terminal.stdin.take().unwrap();
    keyboard.write_all(b"\x03").unwrap();
    output.read_to_string(&mut shown).unwrap();
    assert_eq!(terminal.wait().unwrap().code(), Some(9), "{shown}");
    assert!(shown.contains("interrupted 1") && shown.contains("No DNS lookups"), "{shown}");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_program_finds_the_targets_files_and_the_nodes_programs() {
    let pod = Pod::new("");
    let _cluster = Cluster::start(&pod);
    let own = fs::read_to_string(pod.conf()).unwrap();
    assert_ne!(fs::read_to_string("/etc/resolv.conf").unwrap_or_default(), own);
    let left = finish(exec(&pod, &[], &["cat", "/etc/resolv.conf"])).exits(0);
    assert_eq!(left.text(), own);
    // Only the search list of the pod makes an address of this.
    let (left, report) = reported(&pod, &["getent", "ahosts", "web"]);
    left.prints(&["10.96.31.14"]);
    assert_eq!(report.names(), ["web"]);
    finish(exec(&pod, &[], &["cmp", "/etc/passwd", "/etc/passwd"])).exits(0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn people_see_the_lookups_on_standard_error() {
    let pod = Pod::new("");
    let _cluster = Cluster::start(&pod);
    let left = finish(exec(&pod, &[], &["getent", "hosts", "metrics.vendor.test"])).exits(0);
    left.prints(&["203.0.113.80"]).complains(&[
        "metrics.vendor.test",
        ".shop.svc.cluster.local",
        "suffix-answered",
    ]);
    assert_eq!(left.text().lines().count(), 1);
}
