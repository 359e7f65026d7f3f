//! What is left on a machine after dnsprobe looked into pods and the pods are gone: nothing.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;
mod node;
mod pod;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::Duration;

use common::program;
use node::{Node, WEB, WWW};
use pod::watch::Capturing;

/// Everything that pods, or dnsprobe, could leave behind, on the machine or on the node, where `run` runs programs.
fn traces(run: impl Fn(&[&str]) -> String) -> BTreeSet<String> {
    let mut traces = BTreeSet::new();
    let mut add = |kind: &str, line: &[&str]| {
        traces.extend(run(line).lines().map(|line| format!("{kind} {line}")));
    };
    add("network namespace", &["ls", "/run/netns", "/var/run/docker/netns"]);
    add("interface", &["ls", "/sys/class/net"]);
    add("mount", &["awk", "{print $4, $5}", "/proc/self/mountinfo"]);
    add("cgroup", &["find", "/sys/fs/cgroup", "-type", "d"]);
    for directory in ["/run", "/var/log", "/var/log/pods", "/var/lib", "/etc", "/etc/netns"] {
        add(directory, &["ls", "-A", directory]);
    }
    // Where everybody writes: by the names of these tests and of Rust's temporary files.
    let ours = ["(", "-name", "*dnsprobe*", "-o", "-name", ".tmp*", ")"];
    add("temporary", &[&["find", "/tmp", "/var/tmp", "-maxdepth", "1"], &ours[..]].concat());
    traces
}

/// What a program prints; one that is asked for what is not there says so elsewhere.
fn printed(mut program: Command) -> String {
    String::from_utf8_lossy(&program.output().unwrap().stdout).into_owned()
}

fn here(line: &[&str]) -> String {
    let mut program = program(line[0]);
    program.args(&line[1..]);
    printed(program)
}

/// Processes of this machine that are in another PID namespace.
fn processes() -> BTreeSet<String> {
    let own = fs::read_link("/proc/self/ns/pid").unwrap();
    let entries = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let elsewhere =
        entries.filter(|path| fs::read_link(path.join("ns/pid")).is_ok_and(|namespace| namespace != own));
    elsewhere.map(|path| path.display().to_string()).collect()
}

/// A little of every command.
fn look_around(node: &Node) {
    let name = format!("sre/{WEB}");
    node.run(&["list"]).exits(0);
    node.run(&["explain", WWW, "--pod", &name]).exits(0);
    node.run(&["exec", "--pod", "crashy-5f6d", "--", "getent", "hosts", WWW]).exits(0);
    for line in [&["watch", "--all"][..], &["watch", "--container", "docker-user"]] {
        let watching = Capturing::start(node.dnsprobe(line), "watching");
        node.ask("glibc", &name, "app", &[WWW]);
        watching.stop().exits(0);
    }
    // Killed in the middle of it.
    let command =
        node.dnsprobe(&["exec", "--pod", "crashy-5f6d", "--", "sh", "-c", "echo ready >&2; sleep 1000"]);
    drop(Capturing::start(command, "ready"));
}

/// What is there now and was not before. What others do on the machine meanwhile comes and goes; what is left, stays.
fn left(before: &BTreeSet<String>, now: impl Fn() -> BTreeSet<String>) -> BTreeSet<String> {
    let mut left = &now() - before;
    for _ in 0..50 {
        if left.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
        left = &left & &now();
    }
    left
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn nothing_is_left_of_pods_and_of_looking_at_them() {
    let (before, running) = (traces(here), processes());
    let node = Node::up();
    let there = || traces(|line| printed(node.program(line)));
    let untouched = there();
    assert!((&processes() - &running).len() > 20, "the pods' processes are seen");
    look_around(&node);
    // dnsprobe alone leaves nothing while the pods still run.
    assert_eq!(left(&untouched, there), BTreeSet::new());
    node.down();
    assert_eq!(left(&before, || traces(here)), BTreeSet::new());
    assert_eq!(left(&running, processes), BTreeSet::new());
}
