//! `dnsprobe list` of a node made of files: what is shown, and what is said to a target that is not there.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use common::{Ran, dnsprobe, finish};
use tempfile::TempDir;

const CONF: &str = "nameserver 10.96.0.10\nsearch sre.svc.cluster.local svc.cluster.local cluster.local\n";
/// A name as long as generated ones get.
const LONG: &str = "a-deployment-with-a-name-that-somebody-thought-was-a-good-one-7d4b9c-x2x1z";

/// Two Kubernetes namespaces with a pod of one name, and a pod with a long one; each has the container `app`.
fn node() -> TempDir {
    let node = tempfile::tempdir().unwrap();
    process(node.path(), 1, 4_026_531_840, "/init.scope");
    let pods = [("sre", "web-7d4b9c-x2x1z"), ("payments", "web-7d4b9c-x2x1z"), ("payments", LONG)];
    for (number, (namespace, name)) in (2..).zip(pods) {
        let uid = format!("{number:08}-1111-2222-3333-444444444444");
        let path = format!("/kubepods/burstable/pod{uid}/{number:064}");
        process(node.path(), number * 100, 4_026_532_000 + u64::from(number), &path);
        fs::create_dir_all(node.path().join(format!("var/log/pods/{namespace}_{name}_{uid}/app"))).unwrap();
        let logs = node.path().join("var/log/containers");
        fs::create_dir_all(&logs).unwrap();
        fs::write(logs.join(format!("{name}_{namespace}_app-{number:064}.log")), "").unwrap();
    }
    node
}

fn process(node: &Path, pid: u32, netns: u64, cgroup: &str) {
    let directory = node.join(format!("proc/{pid}"));
    for folder in ["ns", "root/etc"] {
        fs::create_dir_all(directory.join(folder)).unwrap();
    }
    fs::write(directory.join("cgroup"), format!("0::{cgroup}\n")).unwrap();
    fs::write(directory.join("root/etc/resolv.conf"), CONF).unwrap();
    symlink(format!("net:[{netns}]"), directory.join("ns/net")).unwrap();
}

fn list(words: &[&str]) -> Ran {
    let node = node();
    finish(dnsprobe(&[&["list", "--host-root", node.path().to_str().unwrap()], words].concat()))
}

#[test]
fn a_long_name_leaves_the_other_columns_as_they_are() {
    let text = list(&[]).exits(0).text();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("7d4b9c-x2x1z")).collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines.iter().all(|line| line.contains(" unknown ") && line.contains("3 suffixes")), "{text}");
    assert!(text.contains(&format!("payments/{LONG} ")), "{text}");
}

#[test]
fn a_container_is_looked_for_in_the_namespace_that_was_named() {
    let text = list(&["--ns", "sre", "--container", "app"]).exits(0).text();
    assert!(text.contains("sre/web-7d4b9c-x2x1z") && !text.contains("payments"), "{text}");
    let matches =
        ["--pod payments/web-7d4b9c-x2x1z --container app", "--pod sre/web-7d4b9c-x2x1z --container app"];
    list(&["--container", "app"]).exits(2).complains(&matches).without_result();
}

#[test]
fn what_is_not_there_is_answered_with_what_is_near() {
    for (words, near) in [
        (&["--pod", "wep"][..], "near it: web-7d4b9c-x2x1z"),
        (&["--ns", "sre", "--pod", LONG], &format!("near it: payments/{LONG}")),
        (&["--pod", "sre/web", "--container", "nope"], "containers there: app"),
    ] {
        list(words).exits(2).complains(&[near]).without_result();
    }
}

#[test]
fn a_process_is_shown_with_what_it_belongs_to() {
    let text = list(&["--pid", "200"]).exits(0).text();
    assert!(text.contains("sre/web-7d4b9c-x2x1z"), "{text}");
    list(&["--pid", "999"]).exits(2).complains(&["process 999 does not exist"]).without_result();
}
