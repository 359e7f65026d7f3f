//! What it costs to look at a node: `cargo bench -p dnsprobe-sniffer`.
//!
//! A node of 250 pods with 3,000 processes is made of files, then looked at; beside it, what it takes to read just the
//! cgroup and the namespace of every process. The same for the machine this runs on.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark: it prints, and ends where it cannot go on"
)]

#[path = "../tests/tree/mod.rs"]
mod tree;

use std::fs;
use std::time::Duration;

use dnsprobe_sniffer::{Host, Kind, Node};
use nix::time::{ClockId, clock_gettime};
use tree::{BUNDLES, HOST_NET, Tree, member, sandbox};

const PODS: u32 = 250;
const PROCESSES: u32 = 3_000;
const RUNS: usize = 11;

fn main() {
    let tree = node_of_files();
    report("250 pods, 3,000 processes, made of files", &tree.host());
    report_change(&tree);
    report("this machine", &Host::default());
}

/// Each pod a sandbox and three containers with some processes, the rest on the node itself.
fn node_of_files() -> Tree {
    let tree = Tree::new();
    let mut pid = 100;
    for pod in 0..PODS {
        let uid = format!("{pod:08}-1111-2222-3333-444444444444");
        let netns = HOST_NET + 1_000 + u64::from(pod);
        let ids: Vec<String> = (0..4).map(|part| format!("{:064x}", pod * 4 + part + 1)).collect();
        for (part, id) in ids.iter().enumerate() {
            let path = format!(
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{}.slice/cri-containerd-{id}.scope",
                uid.replace('-', "_")
            );
            let name = format!("web-{pod}");
            let config = match part {
                0 => sandbox("sre", &name, &uid, id, Some("/var/run/netns/cni-1")),
                _ => member("sre", &name, &uid, &ids[0], &format!("app{part}")),
            };
            tree.bundle(BUNDLES, id, pid, &config);
            for _ in 0..if part == 0 { 1 } else { 3 } {
                tree.process(pid, netns, &path);
                pid += 1;
            }
        }
        tree.logs("sre", &format!("web-{pod}"), &uid, &["app1", "app2", "app3"]);
    }
    for pid in pid..PROCESSES + 100 {
        tree.process(pid, HOST_NET, "/system.slice/some.service");
    }
    tree
}

fn report(what: &str, host: &Host) {
    let node = Node::read(host).unwrap();
    let pods = node.entries.iter().filter(|entry| entry.kind == Kind::Pod).count();
    let (look, bare) = (median(|| drop(Node::read(host).unwrap())), median(|| table(host)));
    let ratio = look.as_secs_f64() / bare.as_secs_f64();
    println!(
        "{what}: {pods} pods found in {look:.1?} of CPU; the process table alone {bare:.1?}; ratio {ratio:.2}"
    );
    let mut again = Node::read(host).unwrap();
    let refresh = median(|| again.refresh().unwrap());
    println!("    looking again when nothing has changed: {refresh:.1?}");
}

/// What it costs to look again when a process has started.
fn report_change(tree: &Tree) {
    let mut node = Node::read(&tree.host()).unwrap();
    let mut times: Vec<Duration> = Vec::new();
    for pid in (PROCESSES + 1_000..).take(RUNS) {
        tree.process(pid, HOST_NET, "/system.slice/some.service");
        let before = cpu();
        node.refresh().unwrap();
        times.push(cpu().saturating_sub(before));
    }
    times.sort_unstable();
    println!("    looking again when a process has started: {:.1?}", times[RUNS / 2]);
}

/// The least that anybody has to read.
fn table(host: &Host) {
    let directory = host.path("proc");
    for entry in fs::read_dir(directory).unwrap().flatten() {
        if entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()) {
            let _ = (fs::read(entry.path().join("cgroup")), fs::read_link(entry.path().join("ns/net")));
        }
    }
}

fn median(mut work: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let before = cpu();
            work();
            cpu().saturating_sub(before)
        })
        .collect();
    times.sort_unstable();
    times[RUNS / 2]
}

fn cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap().into()
}
