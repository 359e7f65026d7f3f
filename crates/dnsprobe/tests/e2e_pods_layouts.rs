//! Pods that look otherwise than they usually do, or as a hostile container makes them look: real processes in real
//! control groups, with files that say what is not true.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;
mod node;
mod pod;

use common::{list, text};
use node::late::Late;
use node::{Node, WEB, called};
use serde_json::{Value, json};

/// The one line of `list` for a pod.
fn listed(node: &Node, name: &str) -> Value {
    let lines = node.run(&["list", "-o", "json"]).exits(0).objects();
    let found: Vec<&Value> =
        lines.iter().filter(|line| line["kind"] == "pod" && called(line) == name).collect();
    let [one] = found[..] else { panic!("{} lines for {name} in {lines:?}", found.len()) };
    one.clone()
}

/// Container and network namespace as containerd knows them.
fn is_known(node: &Node, late: &Late<'_>) {
    let line = listed(node, &late.name());
    let [(_, pause), (id, pid)] = late.processes();
    assert_eq!(line["netns"], node.netns_of(pause), "{line}");
    let [container] = list(&line["containers"]) else { panic!("{line}") };
    assert_eq!((text(container, "name"), text(container, "id")), ("app", id.as_str()), "{line}");
    assert_eq!((&container["pid"], &container["running"]), (&json!(pid), &json!(true)), "{line}");
    let told = explained(node, &["--pod", &late.name()]);
    assert_eq!((&told["target"]["pid"], &told["target"]["netns"]), (&json!(pid), &line["netns"]), "{told}");
}

fn explained(node: &Node, target: &[&str]) -> Value {
    node.run(&[&["explain", "web", "-o", "json"], target].concat()).exits(1).object()
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn control_groups_may_have_the_names_that_systemd_gives() {
    let node = Node::shared();
    let uid = "77777777-aaaa-4bbb-8ccc-000000000001";
    let slice = format!(
        "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{}.slice",
        uid.replace('-', "_")
    );
    let late = Late::start(node, "sre", "late-systemd", uid);
    for scope in ["cri-containerd", "crio"] {
        for (id, pid) in late.processes() {
            late.move_to(pid, &format!("{slice}/{scope}-{id}.scope"));
        }
        is_known(node, &late);
    }
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn containers_of_a_pod_of_podman_may_have_networks_of_their_own() {
    let node = Node::shared();
    let lines = node.run(&["list", "-o", "json"]).exits(0).objects();
    let mut namespaces = Vec::new();
    for resolver in ["glibc", "musl"] {
        let name = format!("apart-{resolver}");
        let pid: u64 = node.inspect("podman", &name, "{{.State.Pid}}").parse().unwrap();
        let netns = node.netns_of(pid);
        for target in [&["--container", &name][..], &["--pod", "podman-apart", "--container", &name]] {
            let told = explained(node, target);
            let target = &told["target"];
            let wanted = json!(["podman-apart", name, pid, netns]);
            assert_eq!(json!([target["pod"], target["container"], target["pid"], target["netns"]]), wanted);
            assert_eq!(told["resolv_conf"]["search"], json!([format!("{resolver}.example.net")]), "{told}");
            assert_eq!(text(&told["resolver"], "id"), resolver, "{told}");
        }
        let line = lines.iter().find(|line| line["netns"] == netns).unwrap();
        assert_eq!((called(line), list(&line["containers"]).len()), ("podman-apart".to_owned(), 1), "{line}");
        namespaces.push(netns);
    }
    assert_ne!(namespaces[0], namespaces[1]);
    assert_eq!(text(&explained(node, &["--pod", "podman-apart"])["target"], "pod"), "podman-apart");
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn a_static_pod_has_a_hash_for_a_uid() {
    let node = Node::shared();
    let late = Late::start(node, "kube-system", "late-static-node-1", "0123456789abcdef0123456789abcdef");
    is_known(node, &late);
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn a_name_may_be_as_long_as_its_log_folder_allows() {
    let node = Node::shared();
    let name = format!("late-{}", "long-".repeat(40) + "end");
    let late = Late::start(node, "sre", &name, "77777777-aaaa-4bbb-8ccc-000000000002");
    is_known(node, &late);
}

/// The container may make groups below its own, and names one after another pod's.
#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn a_container_cannot_pass_for_one_of_another_pod() {
    let node = Node::shared();
    let late = Late::start(node, "sre", "late-liar", "77777777-aaaa-4bbb-8ccc-000000000003");
    let other = node.pod("payments", WEB);
    let (uid, id) = (text(&other, "uid"), text(&other["containers"][0], "id"));
    let [_, (_, pid)] = late.processes();
    let own = late.cgroup();
    for imitation in [format!("kubepods/pod{uid}/{id}"), format!("pod{uid}/{id}"), id.to_owned()] {
        late.move_to(pid, &format!("{own}/{imitation}"));
        is_known(node, &late);
        let name = called(&other);
        let line = listed(node, &name);
        assert_eq!(line["netns"], node.netns_of(other["pid"].as_u64().unwrap()), "{line}");
        assert!(!list(&line["pids"]).contains(&json!(pid)), "{line}");
        let told = explained(node, &["--pod", &name]);
        assert_eq!(told["target"]["pid"], other["containers"][0]["pid"], "{told}");
    }
}

/// A recorded process number that is another's by now.
#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn a_stale_process_number_leads_to_no_other_pod() {
    let node = Node::shared();
    let late = Late::start(node, "sre", "late-stale", "77777777-aaaa-4bbb-8ccc-000000000004");
    let other = node.pod("payments", WEB);
    for (id, _) in late.processes() {
        let file = format!("/run/containerd/io.containerd.runtime.v2.task/k8s.io/{id}/init.pid");
        for wrong in [other["pid"].to_string(), other["containers"][0]["pid"].to_string(), "1".to_owned()] {
            node.output(&["sh", "-c", "printf %s $2 >$1", "sh", &file, &wrong]);
            is_known(node, &late);
        }
    }
}

/// Killed, say by the kernel for want of memory: the containers run on, until the kubelet makes the pod anew.
#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn a_pod_whose_pause_process_is_gone_is_found_by_its_container() {
    let node = Node::shared();
    let late = Late::start(node, "sre", "late-pauseless", "77777777-aaaa-4bbb-8ccc-000000000005");
    let [(_, pause), (_, pid)] = late.processes();
    let netns = node.netns_of(pause);
    node.output(&[
        "sh",
        "-c",
        "kill -9 $1; while [ -e /proc/$1/root/pause ]; do sleep 0.05; done",
        "sh",
        &pause.to_string(),
    ]);
    let told = explained(node, &["--pod", &late.name()]);
    assert_eq!((&told["target"]["pid"], &told["target"]["netns"]), (&json!(pid), &json!(netns)), "{told}");
    assert_eq!(listed(node, &late.name())["netns"], netns);
}
