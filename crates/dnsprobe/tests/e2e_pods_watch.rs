//! What passes in pods on a node with real containerd, Docker and podman: `dnsprobe watch` on one pod, on a namespace
//! and on all; `dnsprobe exec`; and what each thread may do meanwhile.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;
mod node;
mod pod;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use common::{Report, file, list, nanos, questions, text, words};
use nix::sys::signal::Signal;
use node::late::Late;
use node::{Node, WEB, WWW, WWW_ADDRESSES, called, www_addresses};
use pod::clients::{Client, Done};
use pod::watch::Capturing;
use serde_json::{Value, json};

fn watch(node: &Node, more: &[&str]) -> Capturing {
    Capturing::start(node.dnsprobe(&[&["watch", "-o", "json"], more].concat()), "watching")
}

/// When a lookup or a question left, in nanoseconds since 1970-01-01 UTC.
fn time(value: &Value, field: &str) -> i64 {
    let at: jiff::Timestamp = text(value, field).parse().unwrap();
    i64::try_from(at.as_nanosecond()).unwrap()
}

/// The one lookup that was seen in this target while the application waited.
fn seen<'r>(report: &'r Report, target: &str, done: &Done) -> &'r Value {
    let fits = |lookup: &&Value| {
        (done.start..=done.end).contains(&time(lookup, "start"))
            && lookup["name"] == done.name.as_str()
            && called(&lookup["target"]) == target
    };
    let lookups: Vec<&Value> = report.lookups.iter().filter(fits).collect();
    let [one] = lookups[..] else {
        let all: Vec<_> =
            report.lookups.iter().map(|it| (&it["name"], &it["start"], called(&it["target"]))).collect();
        panic!("{} lookups for {done:?} in {target} among {all:?}", lookups.len());
    };
    assert_eq!(one["outcome"] == "ANSWER", !done.addresses.is_empty(), "{one}");
    if let Some(latency) = nanos(&one["totals"]["latency_us"]) {
        assert!(latency <= done.end - done.start, "{done:?}: {one}");
    }
    one
}

/// How many lookups of these names were seen, wherever. Other tests look other names up in the same pods meanwhile.
fn count(report: &Report, names: &[&str]) -> usize {
    report.names().iter().filter(|name| names.contains(name)).count()
}

/// The targets that lookups were seen in.
fn targets(report: &Report) -> BTreeSet<String> {
    report.lookups.iter().map(|it| called(&it["target"])).collect()
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn one_pod_shows_its_own_lookups() {
    let node = Node::shared();
    let watching = watch(node, &["--ns", "sre", "--pod", WEB]);
    let name = format!("sre/{WEB}");
    let names = ["w1.many.example.com", "gone-1.example.com"];
    let mut done = node.ask("glibc", &name, "app", &names);
    done.extend(node.ask("go", &name, "sidecar", &names));
    node.ask("musl", &format!("payments/{WEB}"), "app", &names);
    let report = watching.stop().exits(0).report();
    let netns = node.netns_of(node.pod("sre", WEB)["pid"].as_u64().unwrap());
    for done in &done {
        let lookup = seen(&report, &name, done);
        assert_eq!(text(&lookup["resolver"], "id"), done.resolver, "{lookup}");
        assert_eq!((&lookup["target"]["kind"], &lookup["target"]["netns"]), (&json!("pod"), &json!(netns)));
    }
    assert_eq!(count(&report, &names), done.len(), "{:?}", report.names());
    assert_eq!(seen(&report, &name, &done[0])["totals"]["wasted_questions"], 6);
}

/// Asks in the pod until what is printed says that it is watched.
fn until_seen(late: &Late<'_>, printed: &Path) {
    for _ in 0..300 {
        late.ask(&[WWW]);
        let pod = late.name().split_once('/').map(|(_, pod)| pod.to_owned()).unwrap();
        if fs::read_to_string(printed).unwrap().contains(&pod) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("no lookup of {} was ever seen", late.name());
}

/// `watch` with its rows in a file, where they can be read while it runs.
fn watch_into(node: &Node, rows: &Path, more: &[&str]) -> Capturing {
    let script = "out=$1; shift; exec \"$@\" >\"$out\"";
    let line = [common::PROGRAM, "watch", "-o", "json"];
    let shell = ["sh", "-c", script, "sh", words(&rows)];
    Capturing::start(node.program(&[&shell[..], &line, more].concat()), "watching")
}

fn report_in(rows: &Path) -> Report {
    let lines = fs::read_to_string(rows).unwrap();
    Report::new(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn a_namespace_is_all_its_pods_and_those_that_come_later() {
    let node = Node::shared();
    let rows = file("");
    let watching = watch_into(node, rows.path(), &["--ns", "sre"]);
    let web = format!("sre/{WEB}");
    let mut done = node.ask("glibc", &web, "app", &["w2.many.example.com"]);
    let late = Late::start(node, "sre", "late-9z8y7", "66666666-aaaa-4bbb-8ccc-000000000001");
    until_seen(&late, rows.path());
    let late_done = late.ask(&["gone-2.example.com", "api.payments"]);
    let late_name = late.name();
    node.ask("musl", &format!("payments/{WEB}"), "app", &["w2.many.example.com"]);
    drop(late);
    // The end of one is not the end of the others.
    done.extend(node.ask("go", &web, "sidecar", &["w2.many.example.com"]));
    watching.stop().exits(0).complains(&["0 dropped by kernel"]);
    let report = report_in(rows.path());
    for done in &done {
        seen(&report, &web, done);
    }
    for done in &late_done {
        let lookup = seen(&report, &late_name, done);
        assert_eq!(
            (text(&lookup["target"], "namespace"), text(&lookup["target"], "pod")),
            ("sre", "late-9z8y7")
        );
        // The pod was there before its container.
        assert_eq!(text(&lookup["target"], "container"), "app", "{lookup}");
    }
    assert_eq!(count(&report, &["w2.many.example.com"]), 2, "{:?}", report.names());
    assert!(targets(&report).iter().all(|target| target.starts_with("sre/")), "{:?}", targets(&report));
    let by_target: BTreeSet<&str> =
        list(&report.summary["by_target"]).iter().map(|entry| text(entry, "target")).collect();
    assert_eq!(by_target, targets(&report).iter().map(String::as_str).collect(), "{}", report.summary);
}

/// Candidates of the one lookup of this name that was seen in a pod.
fn candidates<'r>(report: &'r Report, pod: &Late<'_>, done: &Done) -> Vec<&'r str> {
    common::steps(seen(report, &pod.name(), done)).iter().map(|step| text(step, "candidate")).collect()
}

/// glibc goes by two variables; a program gets them when it starts, and keeps them.
#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn what_a_pods_environment_says_counts_for_its_lookups_alone() {
    let node = Node::shared();
    let rows = file("");
    let glibc =
        |name: &str, env: Value| json!({"name": name, "image": "localhost/dnsprobe/glibc:1", "env": env});
    let late = |pod: &str, number: u32, containers: &Value| {
        let uid = format!("66666666-aaaa-4bbb-8ccc-0000000001{number:02}");
        Late::of(node, ("envs", pod, &uid), 5, "glibc", containers)
    };
    let before = late("before-1", 1, &json!([glibc("app", json!({"RES_OPTIONS": "ndots:1", "PLAIN": "x"}))]));
    let differ = [glibc("app", json!({})), glibc("odd", json!({"RES_OPTIONS": "ndots:1"}))];
    let differing = late("differing-1", 2, &json!(differ));
    let watching = watch_into(node, rows.path(), &["--ns", "envs"]);
    let after = late("after-1", 3, &json!([glibc("app", json!({"LOCALDOMAIN": "svc.cluster.local"}))]));
    until_seen(&after, rows.path());
    let name = ["api.payments"];
    let [before_done, differing_done, after_done] = [&before, &differing, &after].map(|pod| pod.ask(&name));
    watching.stop().exits(0);
    let report = report_in(rows.path());
    assert_eq!(
        candidates(&report, &before, &before_done[0]),
        ["api.payments.", "api.payments.envs.svc.cluster.local.", "api.payments.svc.cluster.local."]
    );
    assert_eq!(candidates(&report, &after, &after_done[0]), ["api.payments.svc.cluster.local."]);
    // Who of two asks, packets do not say: by the file, which is the pod's.
    assert_eq!(
        candidates(&report, &differing, &differing_done[0]),
        ["api.payments.envs.svc.cluster.local.", "api.payments.svc.cluster.local."]
    );
    assert_eq!(count(&report, &name), 3, "{:?}", report.names());
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn a_variable_that_was_typed_counts_for_all_pods_and_before_their_own() {
    let node = Node::shared();
    let containers = json!([
        {"name": "app", "image": "localhost/dnsprobe/glibc:1", "env": {"LOCALDOMAIN": "svc.cluster.local"}}
    ]);
    let uid = "66666666-aaaa-4bbb-8ccc-000000000201";
    let pod = Late::of(node, ("typed", "typed-1", uid), 5, "glibc", &containers);
    let watching = watch(node, &["--ns", "typed", "--env", "LOCALDOMAIN=elsewhere.example"]);
    let done = pod.ask(&["api.payments"]);
    let report = watching.stop().exits(0).report();
    // By what was typed this is nobody's first candidate, but a name of its own.
    let whole = Done { name: "api.payments.svc.cluster.local".to_owned(), ..done[0].clone() };
    assert_eq!(candidates(&report, &pod, &whole), ["api.payments.svc.cluster.local."]);
    let left = node.run(&["watch", "--ns", "typed", "--env", "NDOTS=1"]).exits(2);
    left.complains(&["NDOTS=1", "RES_OPTIONS"]);
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn all_pods_are_watched_at_once() {
    let node = Node::shared();
    let watching = watch(node, &["--all"]);
    let mut done: Vec<(String, Vec<Done>)> = Vec::new();
    for (name, container, resolver) in [
        (format!("sre/{WEB}"), "sidecar", "go"),
        (format!("payments/{WEB}"), "app", "musl"),
        ("payments/shared-pid-0".to_owned(), "helper", "musl"),
        ("sre/symlinked-0".to_owned(), "app", "glibc"),
    ] {
        let asked = node.ask(resolver, &name, container, &["w5.many.example.com", "gone-5.example.com"]);
        done.push((name, asked));
    }
    let app = "k8s_app_legacy-0_shop_44444444-aaaa-4bbb-8ccc-000000000001_0";
    done.push(("shop/legacy-0".to_owned(), node.ask_in("glibc", "docker", app, &["w5.many.example.com"])));
    done.push((
        "podman-kube".to_owned(),
        node.ask_in("glibc", "podman", "podman-kube-app", &["w5.many.example.com"]),
    ));
    let report = watching.stop().exits(0).report();
    for (name, done) in &done {
        for done in done {
            seen(&report, name, done);
        }
    }
    // Each once: what passes through the node's own interfaces, where its host-network pods are, is not theirs.
    let ours = |it: &&Value| ["w5.", "gone-5."].iter().any(|start| text(it, "name").starts_with(start));
    let all: Vec<&Value> = report.lookups.iter().filter(ours).collect();
    let asked = done.iter().map(|(_, done)| done.len()).sum::<usize>();
    let named = |it: &&Value| format!("{} from {} in {}", it["name"], it["client"], called(&it["target"]));
    assert_eq!(all.len(), asked, "{:#?}", all.iter().map(named).collect::<Vec<_>>());
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn containers_of_docker_and_podman_are_watched() {
    let node = Node::shared();
    for (runtime, container, resolver) in [
        ("docker", "docker-plain", "glibc"),
        ("podman", "podman-alone", "musl"),
        ("rootless", "podman-rootless", "glibc"),
    ] {
        let watching = watch(node, &["--container", container]);
        let names = ["w3.many.example.com", "gone-3.example.com"];
        let done = node.ask_in(resolver, runtime, container, &names);
        let report = watching.stop().exits(0).report();
        for done in &done {
            let lookup = seen(&report, container, done);
            assert_eq!(text(&lookup["resolver"], "id"), resolver, "{lookup}");
        }
        assert_eq!(count(&report, &names), done.len(), "{:?}", report.names());
    }
}

/// The application asks dockerd, which asks the cluster's server from the same namespace: one lookup all the same.
#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn lookups_through_dockers_own_server_are_shown_once() {
    let node = Node::shared();
    let watching = watch(node, &["--container", "docker-user"]);
    // The second is answered by dockerd itself.
    let names = ["w4.many.example.com", "docker-user", "gone-4.example.com"];
    let done = node.ask_in("musl", "docker", "docker-user", &names);
    assert_eq!(done.iter().map(|done| done.addresses.is_empty()).collect::<Vec<_>>(), [false, false, true]);
    let report = watching.stop().exits(0).report();
    for done in &done {
        let lookup = seen(&report, "docker-user", done);
        assert_eq!(text(&lookup["resolver"], "id"), "musl", "{lookup}");
        assert!(questions(lookup).all(|it| text(it, "server") == "127.0.0.11"), "{lookup}");
        // Two questions for each candidate, not four.
        assert_eq!(questions(lookup).count() % 2, 0, "{lookup}");
        for step in common::steps(lookup) {
            let types: Vec<_> = list(&step["questions"]).iter().map(|it| text(it, "qtype")).collect();
            assert_eq!(types.len(), 2, "{lookup}");
        }
    }
    assert_eq!(count(&report, &names), done.len(), "{:?}", report.names());
}

/// What a thread may do, from the numbers in its `status`.
#[derive(Debug)]
struct Thread {
    #[expect(dead_code, reason = "for whoever reads the failure")]
    name: String,
    effective: u64,
    permitted: u64,
    no_new_privileges: bool,
}

fn threads(pid: u32) -> Vec<Thread> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks.map(|task| thread(&fs::read_to_string(task.unwrap().path().join("status")).unwrap())).collect()
}

fn thread(status: &str) -> Thread {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name} in {status}")).trim().to_owned()
    };
    let set = |name| u64::from_str_radix(&field(name), 16).unwrap();
    Thread {
        name: field("Name"),
        effective: set("CapEff"),
        permitted: set("CapPrm"),
        no_new_privileges: field("NoNewPrivs") == "1",
    }
}

/// `CAP_DAC_READ_SEARCH`, `CAP_NET_RAW`, `CAP_SYS_PTRACE` and `CAP_SYS_ADMIN` (linux/capability.h).
const TO_ATTACH: u64 = 1 << 2 | 1 << 13 | 1 << 19 | 1 << 21;

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn threads_keep_no_more_than_they_need() {
    let node = Node::shared();
    for (line, attaching) in [
        (&["--ns", "sre", "--pod", WEB][..], 0),
        (&["--container", "docker-user"], 0),
        (&["--ns", "sre"], 1),
        (&["--all"], 1),
    ] {
        let watching = watch(node, line);
        node.ask("glibc", &format!("sre/{WEB}"), "app", &[WWW]);
        let threads = threads(watching.pid());
        let able: Vec<_> = threads.iter().filter(|it| it.permitted != 0).collect();
        assert!(able.len() <= attaching, "{line:?}: {threads:?}");
        assert!(able.iter().all(|it| it.permitted & !TO_ATTACH == 0), "{line:?}: {threads:?}");
        assert!(threads.iter().all(|it| it.effective & !it.permitted == 0), "{line:?}: {threads:?}");
        assert!(threads.iter().all(|it| it.no_new_privileges), "{line:?}: {threads:?}");
        watching.stop().exits(0);
    }
}

/// The report that `exec` writes to a file.
fn executed(node: &Node, code: i32, target: &[&str], command: &[&str]) -> (common::Left, Report) {
    let report = file("");
    let options = ["--report", words(&report), "-o", "json", "--"];
    let left = node.run(&[&["exec"], target, &options[..], command].concat()).exits(code);
    let report = report_in(report.path());
    (left, report)
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn the_nodes_own_tools_run_in_a_pod_without_any() {
    let node = Node::shared();
    let (left, report) = executed(node, 0, &["--ns", "sre", "--pod", "crashy"], &["getent", "ahosts", WWW]);
    left.prints(&WWW_ADDRESSES);
    let lookup = report.lookup(WWW);
    // The pod's resolv.conf, not the node's: three suffixes first.
    let suffixes: Vec<_> = common::steps(lookup).iter().map(|step| step["suffix"].clone()).collect();
    let wanted = json!(["sre.svc.cluster.local", "svc.cluster.local", "cluster.local", null]);
    assert_eq!(json!(suffixes), wanted, "{lookup}");
    assert_eq!((text(&lookup["target"], "pod"), lookup["outcome"].clone()), ("crashy-5f6d", json!("ANSWER")));
    assert_eq!(report.lookups.len(), 1, "{:?}", report.names());
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn a_report_goes_to_standard_error_where_no_file_is_named() {
    let node = Node::shared();
    let left = node.run(&["exec", "--pod", "crashy-5f6d", "--", "getent", "hosts", WWW]).exits(0);
    left.complains(&[WWW, "sre.svc.cluster.local"]);
    assert_eq!(left.text().lines().count(), 1, "{}", left.text());
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn the_commands_status_input_and_output_are_passed_through() {
    let node = Node::shared();
    let pod = ["exec", "--pod", "crashy-5f6d"];
    for code in [0, 1, 7, 42] {
        let status = format!("exit {code}");
        node.run(&[&pod[..], &["--", "sh", "-c", &status]].concat()).exits(code).without_result();
    }
    node.run(&[&pod[..], &["--", "/no/such/program"]].concat()).exits(127).complains(&["/no/such/program"]);
    node.run(&["exec", "--pod", "no-such-pod-0", "--", "true"]).exits(125).complains(&["no-such-pod-0"]);
    let cat = node.dnsprobe(&[&pod[..], &["--", "cat"]].concat());
    let left = common::fed(cat, b"through \0 and through\n").exits(0);
    assert_eq!(left.stdout, b"through \0 and through\n");
}

/// `dnsprobe exec` of a shell that says when it is there and waits.
#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn signals_reach_the_command() {
    let node = Node::shared();
    let script = "trap 'echo got it; exit 9' TERM; echo ready >&2; while :; do sleep 0.1; done";
    let command = node.dnsprobe(&["exec", "--pod", "crashy-5f6d", "--", "sh", "-c", script]);
    let running = Capturing::start(command, "ready");
    let left = running.end_with(Signal::SIGTERM).exits(9);
    assert_eq!(left.text(), "got it\n");
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn the_containers_own_program_runs_with_its_root() {
    let node = Node::shared();
    let name = format!("sre/{WEB}");
    let target = ["--pod", &name, "--container", "sidecar", "--root"];
    let (left, report) = executed(node, 0, &target, &["/client", WWW]);
    let done = Done::parse("go", left.text().trim_end());
    assert_eq!(done.addresses, www_addresses());
    let lookup = seen(&report, &name, &done);
    assert_eq!(text(&lookup["resolver"], "id"), "go", "{lookup}");
}

/// Whichever process asks: a child of a child. What others ask meanwhile is not reported as the command's.
#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn lookups_of_the_whole_tree_are_reported_and_no_others() {
    let node = Node::shared();
    let name = format!("sre/{WEB}");
    let client = words(&Client::Glibc.path()).to_owned();
    let script = format!("({client} tree.example.com & wait); sleep 1; {client} {WWW}");
    let report = file("");
    let options = ["--report", words(&report), "-o", "json", "--"];
    let line = [&["exec", "--pod", &name][..], &options, &["sh", "-c", &script]].concat();
    let mut command = node.dnsprobe(&line);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // In the pod, but not of the command: some of it while the command sleeps.
    for _ in 0..5 {
        node.ask("go", &name, "sidecar", &["other.example.com"]);
    }
    let output = child.wait_with_output().unwrap();
    common::Ran::new(&command, &output).exits(0);
    let report = report_in(report.path());
    let names: BTreeMap<&str, usize> =
        report.names().into_iter().fold(BTreeMap::new(), |mut counts, name| {
            *counts.entry(name).or_default() += 1;
            counts
        });
    assert_eq!(names, [("tree.example.com", 1), (WWW, 1)].into(), "{}", report.summary);
}

/// The node's files are as before, and the target's too: they were only seen by the command.
#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn the_files_are_the_targets_for_the_command_alone() {
    let node = Node::shared();
    let before = node.output(&["cat", "/etc/resolv.conf", "/etc/hosts"]);
    let pod = ["exec", "--pod", &format!("payments/{WEB}"), "--"].map(str::to_owned);
    let pod: Vec<&str> = pod.iter().map(String::as_str).collect();
    let left = node.run(&[&pod[..], &["cat", "/etc/resolv.conf"]].concat()).exits(0);
    assert!(left.text().contains("search payments.svc.cluster.local"), "{}", left.text());
    let left = node.run(&[&pod[..], &["cat", "/etc/hosts"]].concat()).exits(0);
    assert!(left.text().contains("Kubernetes-managed"), "{}", left.text());
    assert_eq!(node.output(&["cat", "/etc/resolv.conf", "/etc/hosts"]), before);
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn exec_works_in_containers_of_docker_and_podman() {
    let node = Node::shared();
    for container in ["docker-plain", "docker-user", "docker-host", "podman-alone", "podman-rootless"] {
        let (left, report) = executed(node, 0, &["--container", container], &["getent", "ahosts", WWW]);
        // Where a container has no IPv6, as Docker's, getent asks for no such address.
        left.prints(&WWW_ADDRESSES[..2]);
        let lookup = report.lookup(WWW);
        assert_eq!((text(lookup, "outcome"), called(&lookup["target"])), ("ANSWER", container.to_owned()));
    }
}
