//! `dnsprobe explain` in a pod: asks what the real resolvers ask, and shows each step as it ends.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;
mod pod;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::net::IpAddr;
use std::process::Stdio;

use common::{adds_up, dnsprobe, file, finish, list, nanos, program, questions, run, steps, text, words};
use pod::clients::Client;
use pod::cluster::Cluster;
use pod::{NOBODY, Pod};
use serde_json::Value;

/// One candidate, several, none that answers, a failure, a truncated answer, a wildcard, and a lost AAAA.
const NAMES: [&str; 8] = [
    "web",
    "api.payments",
    "www.example.com",
    "www.example.com.",
    "gone.example.com",
    "broken.example.com",
    "big.example.com.",
    "metrics.vendor.test",
];

fn in_words(question: &Value) -> String {
    format!("{} {} {}", text(question, "qname"), text(question, "qtype"), text(question, "transport"))
}

/// glibc and musl ask in one order; Go asks A and AAAA side by side, so their order within a candidate is chance.
fn comparable(client: Client, mut questions: Vec<String>) -> Vec<String> {
    if client == Client::Go {
        for pair in questions.chunk_by_mut(|one, other| name(one) == name(other)) {
            pair.sort_unstable();
        }
    }
    questions
}

fn name(question: &str) -> &str {
    question.split(' ').next().unwrap()
}

/// The resolver of the compiled program, with its version: musl before 1.2.4 knows no TCP, for instance.
fn version(pod: &Pod, client: Client) -> String {
    let process = client.idle(pod);
    let line = ["explain", "web.", "--offline", "-o", "json", "--pid", &process.pid().to_string()];
    let one = run(&line).exits(0).quietly().object();
    // A static program does not tell the version of its musl; the dynamic loader of the same package does.
    let version = match client {
        Client::Musl => pod::clients::musl_version(),
        _ => text(&one["resolver"], "version").to_owned(),
    };
    format!("{}@{version}", client.id())
}

/// Explains one name, and checks that what it says it asked is what the server was asked.
fn explained(cluster: &Cluster, client: Client, line: &[&str], code: i32) -> (Value, Vec<String>) {
    cluster.take();
    let one = run(&[&["explain", "-o", "json"], line].concat()).exits(code).quietly().object();
    adds_up(&one);
    let asked = comparable(client, cluster.take());
    assert_eq!(comparable(client, questions(&one).map(in_words).collect()), asked, "{one}");
    assert!(nanos(&one["totals"]["latency_us"]).is_some(), "{one}");
    (one, asked)
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_questions_are_those_of_the_real_resolver_and_so_is_the_result() {
    let pod = Pod::new("timeout:1");
    let cluster = Cluster::start(&pod);
    for client in Client::ALL {
        let resolver = version(&pod, client);
        for name in NAMES {
            cluster.take();
            let [done] = client.ask(&pod, &[name]).try_into().unwrap();
            let real = comparable(client, cluster.take());
            let code = i32::from(done.addresses.is_empty());
            let line = [name, "--netns", pod.name(), "--resolver", &resolver];
            let (one, asked) = explained(&cluster, client, &line, code);
            assert_eq!(asked, real, "{name} by {}", client.id());
            let addresses: BTreeSet<IpAddr> =
                list(&one["addresses"]).iter().map(|it| it.as_str().unwrap().parse().unwrap()).collect();
            assert_eq!(addresses, done.addresses, "{name} by {}", client.id());
            assert_eq!(text(&one["resolver"], "from"), "given");
            assert!(questions(&one).all(|it| it["sent"].is_string()), "{one}");
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_lost_question_is_asked_again_as_the_real_resolver_does() {
    let pod = Pod::new("timeout:1");
    let cluster = Cluster::start(&pod);
    for client in Client::ALL {
        let name = "lossy.example.com.";
        cluster.take();
        client.ask(&pod, &[name]);
        let mut real = cluster.take();
        let line = [name, "--netns", pod.name(), "--resolver", client.id()];
        let (_, mut asked) = explained(&cluster, client, &line, 0);
        real.sort_unstable();
        asked.sort_unstable();
        assert_eq!(asked, real, "{}", client.id());
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_resolver_of_a_process_is_found_in_its_files() {
    let pod = Pod::new("");
    let cluster = Cluster::start(&pod);
    for client in Client::ALL {
        let process = client.idle(&pod);
        let pid = process.pid().to_string();
        let (one, _) = explained(&cluster, client, &["www.example.com", "--pid", &pid], 0);
        let resolver = &one["resolver"];
        assert_eq!((text(resolver, "id"), text(resolver, "from")), (client.id(), "detected"), "{one}");
        assert_eq!(
            (&one["target"]["kind"], &one["target"]["pid"]),
            (&"process".into(), &process.pid().into())
        );
        // The process's own file, as `ip netns exec` put it there.
        assert_eq!(list(&one["resolv_conf"]["search"]).len(), 3);
        run(&["explain", "web", "--pid", &pid]).exits(0).prints(&[client.id(), "10.96.31.14"]);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_row_appears_when_its_step_ends() {
    let pod = Pod::new("timeout:30 attempts:1");
    let cluster = Cluster::start(&pod);
    let mut command = dnsprobe(&["explain", "gate.example", "--netns", pod.name(), "--resolver", "glibc"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut shown = String::new();
    while !shown.contains("NXDOMAIN") {
        let read = output.read_line(&mut shown).unwrap();
        assert!(read > 0, "ended without a row: {shown}");
    }
    // The second candidate waits at the gate, so the walk cannot have ended.
    assert!(shown.contains(".shop.svc.cluster.local") && !shown.contains("192.0.2.44"), "{shown}");
    assert_eq!(child.try_wait().unwrap(), None, "{shown}");
    // One for A, one for AAAA.
    cluster.open_gate();
    cluster.open_gate();
    output.read_to_string(&mut shown).unwrap();
    assert!(child.wait().unwrap().success(), "{shown}");
    assert!(shown.contains("192.0.2.44"), "{shown}");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_dead_server_is_a_timeout_for_each_attempt_and_exit_status_1() {
    let pod = Pod::new("");
    let conf =
        file(format!("nameserver {NOBODY}\nsearch a.example b.example\noptions timeout:1 attempts:2\n"));
    for client in Client::ALL {
        let line = ["web", "--netns", pod.name(), "--resolver", client.id(), "--resolv-conf", words(&conf)];
        let one = run(&[&["explain", "-o", "json"], &line[..]].concat()).exits(1).object();
        adds_up(&one);
        assert_eq!(text(&one, "outcome"), "TIMEOUT", "{one}");
        assert!(questions(&one).count() >= 4, "two attempts for two types: {one}");
        assert!(questions(&one).all(|it| it["latency_us"].is_null() && it["outcome"] == "TIMEOUT"), "{one}");
        assert!(nanos(&one["totals"]["latency_us"]).is_some(), "the time waited is known: {one}");
        run(&[&["explain"], &line[..]].concat()).exits(1).prints(&["TIMEOUT", NOBODY]);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn nobody_listening_is_unreachable() {
    let pod = Pod::new("");
    // No server is started: the node answers with ICMP.
    let one = run(&["explain", "web.", "-o", "json", "--netns", pod.name(), "--resolver", "glibc"])
        .exits(1)
        .object();
    adds_up(&one);
    assert_eq!(text(&one, "outcome"), "UNREACHABLE", "{one}");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_unknown_namespace_is_answered_with_those_that_exist() {
    let pod = Pod::new("");
    run(&["explain", "web", "--netns", "dp-nowhere"]).exits(2).complains(&["\"dp-nowhere\"", pod.name()]);
}

/// A process whose `/etc` was changed by this script; ended when dropped.
struct Changed(std::process::Child);

impl Changed {
    fn by(script: &str) -> Self {
        let script = format!("mount -t tmpfs none /etc && {script} && echo ready && exec sleep 600");
        let mut command = program("unshare");
        let mut child =
            command.args(["--mount", "sh", "-c", &script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let changed = Self(child);
        assert_eq!(line, "ready\n");
        changed
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs root: mount namespaces"]
fn a_resolv_conf_that_is_missing_or_unreadable_shows_what_the_resolver_does_then() {
    common::require_root();
    for (script, problem) in [
        ("true", "does not exist"),
        ("mkdir /etc/resolv.conf", "cannot be read"),
        ("mkfifo /etc/resolv.conf", "cannot be read"),
        ("ln -s /run/nowhere /etc/resolv.conf", "does not exist"),
    ] {
        let process = Changed::by(script);
        let pid = process.0.id().to_string();
        let line = ["explain", "web", "--offline", "--resolver", "glibc", "--pid", &pid];
        run(&line).exits(0).prints(&["resolv.conf", problem, "the resolver uses its", "127.0.0.1"]);
        let one = run(&[&line[..], &["-o", "json"]].concat()).exits(0).object();
        assert_eq!(text(&steps(&one)[0], "candidate"), "web.", "{one}");
        let watch = ["watch", "--pid", &pid, "--duration", "1ms"];
        run(&watch).exits(0).complains(&["resolv.conf", problem, "defaults"]);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn entering_a_namespace_without_permission_names_the_capability_and_the_sudo_line() {
    let pod = Pod::new("");
    for command in [&["watch", "--netns", pod.name()][..], &["explain", "web.", "--netns", pod.name()]] {
        let sudo = format!("sudo {} {}", common::PROGRAM, command.join(" "));
        finish(common::powerless(command)).exits(2).complains(&["CAP_SYS_ADMIN", &sudo]);
    }
}
