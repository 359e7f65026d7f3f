//! Who asked, where several share a network namespace: a pod on the node's network and the node's own programs, and the
//! containers of one pod. On a node with real containerd, Docker and podman.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;
mod node;
mod pod;

use std::process::Stdio;

use common::{Report, list, steps, text, words};
use node::{Node, WEB, called};
use pod::clients::Client;
use pod::watch::Capturing;
use serde_json::{Value, json};

const HOST_POD: &str = "kube-system/hostnet-5k2xq";

fn watch(node: &Node, more: &[&str]) -> Capturing {
    Capturing::start(node.dnsprobe(&[&["watch", "-o", "json"], more].concat()), "watching")
}

/// Has the pod on the node's network and a program of the node look the same names up at the same time.
fn both_ask(node: &Node, names: &[&str]) {
    let path = Client::Glibc.path();
    let client = [&[words(&path)], names].concat();
    let mut own = node.program(&client).stdout(Stdio::null()).spawn().unwrap();
    node.ask("glibc", HOST_POD, "agent", names);
    assert!(own.wait().unwrap().success());
}

/// The lookups of these names.
fn of<'r>(report: &'r Report, names: &[&str]) -> Vec<&'r Value> {
    report.lookups.iter().filter(|it| names.contains(&text(it, "name"))).collect()
}

/// The first suffix that a lookup tried; each resolv.conf has another.
fn first_suffix(lookup: &Value) -> &str {
    steps(lookup).first().and_then(|step| step["suffix"].as_str()).unwrap_or_default()
}

fn is_the_nodes(lookup: &Value) -> bool {
    lookup["target"]["kind"] == "host" && !lookup["asked_by"].is_null()
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn a_pod_on_the_nodes_network_is_told_from_the_node_itself() {
    let node = Node::shared();
    let watching = watch(node, &["--all"]);
    let names: Vec<String> = (0..12).map(|number| format!("w{number}.many.example.com")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    both_ask(node, &names);
    let report = watching.stop().exits(0).report();
    let seen = of(&report, &names);
    let pods: Vec<&Value> = seen.iter().copied().filter(|it| called(&it["target"]) == HOST_POD).collect();
    let own: Vec<&Value> = seen.iter().copied().filter(|it| is_the_nodes(it)).collect();
    // Whoever is told is told right: each has a search list of its own.
    for lookup in &pods {
        assert_eq!(first_suffix(lookup), "kube-system.svc.cluster.local", "{lookup}");
        assert_eq!(lookup["target"]["container"], "agent", "{lookup}");
        assert_eq!((text(lookup, "outcome"), &lookup["certain"]), ("ANSWER", &json!(true)), "{lookup}");
        assert_eq!(steps(lookup).len(), 4, "{lookup}");
    }
    for lookup in &own {
        assert_eq!(text(&lookup["asked_by"], "program"), comm(), "{lookup}");
        let suffix = first_suffix(lookup);
        assert!(suffix.is_empty() || suffix == "node.example.net", "{lookup}");
    }
    // A socket may be gone before it was looked at, but not every one.
    let untold = seen.len() - pods.len() - own.len();
    assert!(pods.len() > names.len() / 2 && own.len() > names.len() / 2, "{untold} untold: {seen:#?}");
    assert!(pods.len() <= names.len() && own.len() <= names.len(), "{seen:#?}");
    assert!(seen.iter().all(|it| it["target"]["host_network"] == true), "{seen:#?}");
}

/// The name of the client's process, of which the kernel keeps 15 bytes.
fn comm() -> String {
    let name = Client::Glibc.path().file_name().unwrap().to_string_lossy();
    name.chars().take(15).collect()
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn of_one_namespace_the_nodes_lookups_are_left_out_and_counted() {
    let node = Node::shared();
    let watching = watch(node, &["--ns", "kube-system"]);
    let names: Vec<String> = (0..12).map(|number| format!("w2{number}.many.example.com")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    both_ask(node, &names);
    let left = watching.stop().exits(0);
    left.complains(&["lookups of others in the same network namespace are not shown"]);
    let report = left.report();
    let seen = of(&report, &names);
    assert!(seen.iter().all(|it| !is_the_nodes(it)), "{seen:#?}");
    assert!(seen.iter().any(|it| called(&it["target"]) == HOST_POD), "{seen:#?}");
}

/// With one target every privilege is given up once its sockets are open: who asks is told by control groups alone, where
/// containers have them.
#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn one_pod_on_the_nodes_network_shows_its_own_or_says_that_they_may_be_anybodys() {
    let node = Node::shared();
    let watching = watch(node, &["--pod", "hostnet-5k2xq"]);
    let names: Vec<String> = (0..8).map(|number| format!("w4{number}.many.example.com")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    both_ask(node, &names);
    let report = watching.stop().exits(0).report();
    let seen = of(&report, &names);
    let (own, others): (Vec<&Value>, Vec<&Value>) =
        seen.iter().copied().partition(|it| called(&it["target"]) == HOST_POD);
    for lookup in own {
        assert_eq!(first_suffix(lookup), "kube-system.svc.cluster.local", "{lookup}");
        assert_eq!(text(&lookup["asked_by"], "told_by"), "cgroup", "{lookup}");
    }
    for lookup in others {
        assert_eq!(lookup["target"]["shared_by"], json!([HOST_POD]), "{lookup}");
        assert!(lookup["asked_by"].is_null(), "{lookup}");
    }
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn containers_of_one_pod_are_told_apart() {
    let node = Node::shared();
    let web = format!("sre/{WEB}");
    let watching = watch(node, &["--ns", "sre"]);
    let names: Vec<String> = (0..8).map(|number| format!("w3{number}.many.example.com")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for (resolver, container) in [("glibc", "app"), ("go", "sidecar")] {
        node.ask(resolver, &web, container, &names);
    }
    let report = watching.stop().exits(0).report();
    let seen = of(&report, &names);
    assert_eq!(seen.len(), 2 * names.len(), "{:?}", report.names());
    for (container, resolver) in [("app", "glibc"), ("sidecar", "go")] {
        let told: Vec<&&Value> = seen.iter().filter(|it| it["target"]["container"] == container).collect();
        assert!(told.len() > names.len() / 2 && told.len() <= names.len(), "{container}: {seen:#?}");
        for lookup in told {
            assert_eq!(text(&lookup["resolver"], "id"), resolver, "{lookup}");
            // The process itself may have been gone before its name was read.
            let program = &lookup["asked_by"]["program"];
            assert!(program == "client" || program.is_null(), "{lookup}");
        }
    }
    // The pod's sum is one all the same.
    let by_target = list(&report.summary["by_target"]);
    assert_eq!(by_target.iter().filter(|it| it["target"] == web.as_str()).count(), 1, "{}", report.summary);
}
