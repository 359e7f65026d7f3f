//! Finding pods on a node with real containerd, Docker and podman: `dnsprobe list`, and `dnsprobe explain` with every
//! way to name one.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;
mod node;
mod pod;

use std::collections::BTreeMap;

use common::{Left, PROGRAM, dnsprobe, findings, finish, list, questions, run, text};
use node::{Node, WEB, WWW, WWW_ADDRESSES, called, texts};
use serde_json::{Value, json};

/// The end of a pod's search list, whatever its namespace.
const CLUSTER: [&str; 2] = ["svc.cluster.local", "cluster.local"];

/// The pod whose containers share no network: each is a line of its own.
const APART: &str = "podman-apart";

/// Every line of `list`, by the namespace and pod, or by the container's name.
fn listed(node: &Node, more: &[&str]) -> BTreeMap<String, Value> {
    by_name(&node.run(&[&["list", "-o", "json"], more].concat()).exits(0))
}

fn by_name(left: &Left) -> BTreeMap<String, Value> {
    let mut lines = BTreeMap::new();
    for line in left.objects() {
        assert_eq!(text(&line, "schema"), "dnsprobe.list/1");
        if ["pod", "container"].contains(&text(&line, "kind")) {
            let name = match called(&line) {
                pod if pod == APART => match line["containers"][0]["name"].as_str() {
                    Some(container) => format!("{pod}/{container}"),
                    None => pod,
                },
                other => other,
            };
            assert!(lines.insert(name.clone(), line).is_none(), "{name} is listed twice");
        }
    }
    lines
}

/// Name, id, process and state of containers, sorted.
fn containers(pod: &Value) -> Vec<Value> {
    let mut all: Vec<Value> = list(&pod["containers"])
        .iter()
        .map(|it| json!([it["name"], it["id"], it["pid"], it["running"]]))
        .collect();
    all.sort_by_key(ToString::to_string);
    all
}

fn search(namespace: &str) -> Vec<String> {
    let own = format!("{namespace}.svc.cluster.local");
    [own.as_str()].iter().chain(&CLUSTER).map(|&it| it.to_owned()).collect()
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn list_has_every_pod_of_containerd_once_as_containerd_knows_it() {
    let node = Node::shared();
    let listed = listed(node, &[]);
    let pods = node.pods();
    assert!(pods.len() >= 6);
    // Another test may start and remove one at this moment.
    for pod in pods.iter().filter(|pod| !text(pod, "pod").starts_with("late")) {
        let name = called(pod);
        let line = listed.get(&name).unwrap_or_else(|| panic!("{name} is not listed: {:?}", listed.keys()));
        let pause = pod["pid"].as_u64().unwrap();
        assert_eq!((text(line, "kind"), text(line, "runtime")), ("pod", "containerd"), "{line}");
        assert_eq!(line["netns"], node.netns_of(pause), "{line}");
        assert_eq!(containers(line), containers(pod), "{name}");
        let host_network = pod["pod"] == "hostnet-5k2xq";
        assert_eq!(line["host_network"], host_network, "{line}");
        let pinned = texts(&line["names"]).iter().any(|it| it.starts_with("cni-"));
        assert_eq!(pinned, !host_network, "{line}");
        assert_eq!(texts(&line["search"]), search(text(pod, "namespace")), "{line}");
        assert_eq!(texts(&line["nameservers"]), [pod::SERVER], "{line}");
        let ndots = if pod["namespace"] == "payments" && pod["pod"] == WEB {
            2
        } else if pod["pod"] == "symlinked-0" {
            4
        } else {
            5
        };
        assert_eq!(line["ndots"], ndots, "{line}");
        for container in list(&pod["containers"]).iter().filter(|it| it["running"] == true) {
            assert!(list(&line["pids"]).contains(&container["pid"]), "{line}");
        }
    }
    assert_eq!(listed["kube-system/hostnet-5k2xq"]["netns"], node.netns_of(1));
}

/// Which resolver each container's program has.
fn resolvers(line: &Value) -> BTreeMap<&str, (&str, &str)> {
    list(&line["resolvers"])
        .iter()
        .map(|it| (it["container"].as_str().unwrap(), (text(it, "id"), text(it, "from"))))
        .collect()
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn list_says_which_resolver_each_container_has() {
    let node = Node::shared();
    let listed = listed(node, &[]);
    let wanted = [
        (format!("sre/{WEB}"), vec![("app", "glibc"), ("sidecar", "go")]),
        (format!("payments/{WEB}"), vec![("app", "musl")]),
        ("payments/shared-pid-0".to_owned(), vec![("app", "glibc"), ("helper", "musl")]),
    ];
    for (pod, containers) in wanted {
        let wanted: BTreeMap<_, _> =
            containers.into_iter().map(|(container, id)| (container, (id, "detected"))).collect();
        assert_eq!(resolvers(&listed[&pod]), wanted, "{}", listed[&pod]);
    }
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn list_of_one_namespace_has_its_pods_alone() {
    let node = Node::shared();
    let names: Vec<String> = listed(node, &["--ns", "payments"]).into_keys().collect();
    assert_eq!(names, [String::from("payments/shared-pid-0"), format!("payments/{WEB}")]);
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn list_has_the_containers_of_docker_and_the_pod_that_dockershim_made() {
    let node = Node::shared();
    let listed = listed(node, &[]);
    for (container, ndots, nameserver) in
        [("docker-plain", 3, pod::SERVER), ("docker-user", 2, "127.0.0.11"), ("docker-host", 1, pod::SERVER)]
    {
        let line = &listed[container];
        let of = |template| node.inspect("docker", container, template);
        assert_eq!((text(line, "kind"), text(line, "runtime")), ("container", "docker"), "{line}");
        let pid: u64 = of("{{.State.Pid}}").parse().unwrap();
        assert_eq!(line["netns"], node.netns_of(pid), "{line}");
        let wanted = json!([container, of("{{.Id}}"), pid, true]);
        assert_eq!(containers(line), [wanted]);
        assert_eq!(line["host_network"], container == "docker-host", "{line}");
        assert_eq!(
            (&line["ndots"], texts(&line["nameservers"])),
            (&json!(ndots), vec![nameserver]),
            "{line}"
        );
    }
    let line = &listed["shop/legacy-0"];
    assert_eq!((text(line, "kind"), text(line, "runtime")), ("pod", "docker"), "{line}");
    let app = "k8s_app_legacy-0_shop_44444444-aaaa-4bbb-8ccc-000000000001_0";
    let pid: u64 = node.inspect("docker", app, "{{.State.Pid}}").parse().unwrap();
    let wanted = json!(["app", node.inspect("docker", app, "{{.Id}}"), pid, true]);
    assert_eq!((containers(line), &line["netns"]), (vec![wanted], &json!(node.netns_of(pid))), "{line}");
    assert_eq!(texts(&line["search"]), search("shop"), "{line}");
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn list_has_the_pod_and_the_containers_of_podman_with_and_without_root() {
    let node = Node::shared();
    let listed = listed(node, &[]);
    for (runtime, name, container, kind) in [
        ("podman", "podman-kube", "podman-kube-app", "pod"),
        ("podman", "podman-alone", "podman-alone", "container"),
        ("rootless", "podman-rootless", "podman-rootless", "container"),
    ] {
        let line = listed.get(name).unwrap_or_else(|| panic!("{name} is not listed: {:?}", listed.keys()));
        assert_eq!((text(line, "kind"), text(line, "runtime")), (kind, "podman"), "{line}");
        let pid: u64 = node.inspect(runtime, container, "{{.State.Pid}}").parse().unwrap();
        let id = node.inspect(runtime, container, "{{.Id}}");
        assert_eq!(line["netns"], node.netns_of(pid), "{line}");
        let [one] = list(&line["containers"]) else { panic!("{line}") };
        assert_eq!(
            (&one["id"], &one["pid"], &one["running"]),
            (&json!(id), &json!(pid), &json!(true)),
            "{line}"
        );
        assert_eq!(line["ndots"], if kind == "pod" { 5 } else { 4 }, "{line}");
    }
}

/// What people see is not looked at closely here; that it has each pod is.
#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn people_see_the_pods_too() {
    let left = Node::shared().run(&["list"]).exits(0);
    // Names are whole, to be pasted.
    let web = [format!("sre/{WEB}"), format!("payments/{WEB}")];
    left.fits().prints(&[&web[0], &web[1], "sre/crashy-5f6d", "docker-user", "podman-alone"]);
    let wide = Node::shared().run(&["list", "-o", "wide"]).exits(0).text();
    // A line for each, however long, so that grep and awk have something to work with.
    let line = wide.lines().find(|line| line.contains(&web[0])).unwrap_or_else(|| panic!("{wide}"));
    for wanted in
        ["app, sidecar", "containerd", "10.96.0.10", "sre.svc.cluster.local svc.cluster.local", "cni-"]
    {
        assert!(line.contains(wanted), "no {wanted} in {line}");
    }
}

/// The lines of pods that no other test starts or ends meanwhile, without what differs by where they are seen from.
fn lasting(lines: BTreeMap<String, Value>, fields: &[&str]) -> BTreeMap<String, Value> {
    let kept = |line: Value| fields.iter().map(|&field| (field.to_owned(), line[field].clone())).collect();
    lines
        .into_iter()
        .filter(|(name, _)| !name.contains("late"))
        .map(|(name, line)| (name, kept(line)))
        .collect()
}

const EVERYTHING: [&str; 10] = [
    "kind",
    "netns",
    "pids",
    "host_network",
    "containers",
    "runtime",
    "names",
    "ndots",
    "search",
    "nameservers",
];

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn the_nodes_root_may_be_mounted_elsewhere() {
    let node = Node::shared();
    // As in a DaemonSet with `hostPath: /` and `hostPID: true`: its own files say nothing of the node.
    let script = "mount -t tmpfs own /mnt && mkdir /mnt/host && mount --rbind / /mnt/host && \
                  for own in /etc /run /var; do mount -t tmpfs own $own; done && exec \"$0\" \"$@\"";
    let list = [PROGRAM, "list", "--host-root", "/mnt/host", "-o", "json"];
    let line = [&["unshare", "-m", "sh", "-ec", script], &list[..]].concat();
    let elsewhere = by_name(&finish(node.program(&line)).exits(0));
    assert_eq!(lasting(elsewhere, &EVERYTHING), lasting(listed(node, &[]), &EVERYTHING));
}

/// A node in a container, as kind's, looked at from the machine that it runs on: process ids differ, nothing else.
#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn pods_of_a_nested_node_are_found_from_outside() {
    let node = Node::shared();
    let fields = ["kind", "netns", "runtime", "ndots", "search", "nameservers"];
    let mut outside = lasting(by_name(&run(&["list", "-o", "json"]).exits(0)), &fields);
    let mut inside = lasting(listed(node, &[]), &fields);
    inside.retain(|_, line| line["runtime"] == "containerd");
    assert!(inside.len() >= 6, "{inside:?}");
    // This machine may have pods of its own.
    outside.retain(|name, _| inside.contains_key(name));
    assert_eq!(outside, inside);
}

/// One explanation, whose command ends with this status.
fn explained(node: &Node, code: i32, line: &[&str]) -> Value {
    node.run(&[&["explain", WWW, "-o", "json"], line].concat()).exits(code).object()
}

/// The addresses, sorted: which question was answered first decides their order.
fn addresses(told: &Value) -> Vec<&str> {
    let mut addresses = texts(&told["addresses"]);
    addresses.sort_unstable();
    addresses
}

/// The number that the kernel gives and containerd knows, for a container or for the pause process.
fn pid(pod: &Value, container: Option<&str>) -> u64 {
    let of = |name| list(&pod["containers"]).iter().find(|it| it["name"] == name).unwrap()["pid"].as_u64();
    container.map_or(pod["pid"].as_u64(), of).unwrap()
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn a_pod_has_several_names() {
    let node = Node::shared();
    let pod = node.pod("sre", WEB);
    let qualified = format!("sre/{WEB}");
    for name in
        [&["--pod", WEB, "--ns", "sre"], &["--ns", "sre", "--pod", "web"], &["-n", "sre", "--pod", WEB]]
            .iter()
            .map(|name| &name[..])
            .chain([&["--pod", &qualified][..], &["--pod", "sre/web"]])
    {
        let told = explained(node, 0, name);
        let wanted = json!({"kind": "pod", "namespace": "sre", "pod": WEB, "container": "app",
            "pid": pid(&pod, Some("app")), "netns": node.netns_of(pid(&pod, None))});
        for (field, wanted) in wanted.as_object().unwrap() {
            assert_eq!(&told["target"][field], wanted, "{field} of {name:?}: {told}");
        }
        assert_eq!((text(&told["resolver"], "id"), text(&told["resolver"], "from")), ("glibc", "detected"));
        assert_eq!((text(&told, "outcome"), addresses(&told)), ("ANSWER", WWW_ADDRESSES.to_vec()));
        let candidates: Vec<_> = common::steps(&told).iter().map(|step| text(step, "candidate")).collect();
        let wanted: Vec<String> = search("sre").iter().map(|it| format!("{WWW}.{it}.")).collect();
        assert_eq!(candidates[..3], wanted, "{told}");
        assert_eq!((candidates[3], candidates.len()), ("www.example.com.", 4), "{told}");
        // Asked for real, at the node's DNS server.
        assert!(
            questions(&told).all(|it| text(it, "server") == pod::SERVER && !it["latency_us"].is_null()),
            "{told}"
        );
        assert!(findings(&told).contains(&"search-waste"), "{told}");
    }
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn the_pod_of_the_same_name_in_another_namespace_is_another() {
    let node = Node::shared();
    let told = explained(node, 0, &["--pod", &format!("payments/{WEB}")]);
    let pod = node.pod("payments", WEB);
    assert_eq!(told["target"]["pid"], pid(&pod, Some("app")), "{told}");
    assert_eq!((text(&told["resolver"], "id"), &told["resolv_conf"]["ndots"]), ("musl", &json!(2)), "{told}");
    // Two dots are enough for ndots:2.
    assert_eq!(common::steps(&told).len(), 1, "{told}");
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn an_ambiguous_name_lists_the_pods_ready_to_paste() {
    let node = Node::shared();
    for name in [WEB, "web"] {
        let left = node.run(&["explain", WWW, "--pod", name]).exits(2);
        left.complains(&[&format!("payments/{WEB}"), &format!("sre/{WEB}")]).without_result();
    }
    let left = node.run(&["explain", WWW, "--ns", "sre"]).exits(2);
    left.complains(&["crashy-5f6d", "symlinked-0", WEB]).without_result();
    let left = node.run(&["explain", WWW, "--all"]).exits(2);
    left.complains(&["sre/crashy-5f6d", "payments/shared-pid-0"]).without_result();
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn an_unknown_name_suggests_the_nearest() {
    let node = Node::shared();
    for (line, nearest) in [
        (&["--pod", "wbe-7d4b9c-x2x1z", "--ns", "sre"][..], WEB),
        (&["--pod", "crashy-5f6e"], "crashy-5f6d"),
        (&["--pod", WEB, "--ns", "srre"], "sre"),
        (&["--container", "docker-plane"], "docker-plain"),
        (&["--pod", WEB, "--ns", "sre", "--container", "sidecars"], "sidecar"),
    ] {
        let left = node.run(&[&["explain", WWW], line].concat()).exits(2);
        left.complains(&[nearest]).without_result();
    }
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn a_pod_that_ran_here_and_ended_is_remembered_by_its_logs() {
    let node = Node::shared();
    let logs = "/var/log/pods/sre_finished-1a2b3_55555555-aaaa-4bbb-8ccc-000000000001";
    node.output(&["mkdir", "-p", &format!("{logs}/app")]);
    let left = node.run(&["explain", WWW, "--pod", "finished-1a2b3", "--ns", "sre"]).exits(2);
    left.complains(&["finished-1a2b3", "ended"]).without_result();
    node.output(&["rm", "-r", logs]);
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn a_container_is_named_beside_its_pod() {
    let node = Node::shared();
    let pod = node.pod("sre", WEB);
    let told = explained(node, 0, &["--pod", WEB, "--ns", "sre", "--container", "sidecar"]);
    assert_eq!(text(&told["target"], "container"), "sidecar", "{told}");
    assert_eq!(told["target"]["pid"], pid(&pod, Some("sidecar")), "{told}");
    assert_eq!(
        (text(&told["resolver"], "id"), text(&told["resolver"], "from")),
        ("go", "detected"),
        "{told}"
    );
    // With processes in common, each container's is still its own.
    let pod = node.pod("payments", "shared-pid-0");
    for (container, resolver) in [("app", "glibc"), ("helper", "musl")] {
        let told = explained(node, 0, &["--pod", "payments/shared-pid-0", "--container", container]);
        assert_eq!(told["target"]["pid"], pid(&pod, Some(container)), "{told}");
        assert_eq!(text(&told["resolver"], "id"), resolver, "{told}");
    }
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn a_crash_looping_pod_is_examined_through_its_pause_process() {
    let node = Node::shared();
    let pod = node.pod("sre", "crashy-5f6d");
    let told = explained(node, 0, &["--ns", "sre", "--pod", "crashy"]);
    assert_eq!(told["target"]["pid"], pid(&pod, None), "{told}");
    assert_eq!(text(&told["target"], "pod"), "crashy-5f6d");
    assert_eq!((&told["resolv_conf"]["ndots"], common::steps(&told).len()), (&json!(5), 4), "{told}");
    // What the pause process is linked with says nothing of the container that does not run.
    assert_eq!(text(&told["resolver"], "from"), "assumed", "{told}");
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn a_resolv_conf_that_is_an_absolute_symlink_is_the_pods_own() {
    let node = Node::shared();
    // What an absolute link would lead to, were it followed on the node.
    node.output(&[
        "sh",
        "-c",
        "mkdir -p /run/resolvconf && echo 'options ndots:9' >/run/resolvconf/resolv.conf",
    ]);
    let told = explained(node, 0, &["--pod", "symlinked-0"]);
    assert_eq!(told["resolv_conf"]["ndots"], 4, "{told}");
    assert_eq!(texts(&told["resolv_conf"]["search"]), search("sre"), "{told}");
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn a_pod_with_the_nodes_network_keeps_its_own_resolv_conf() {
    let node = Node::shared();
    let told = explained(node, 0, &["--pod", "hostnet", "--ns", "kube-system"]);
    assert_eq!(told["target"]["netns"], node.netns_of(1), "{told}");
    assert_eq!(texts(&told["resolv_conf"]["search"]), search("kube-system"), "{told}");
    assert_eq!(text(&told, "outcome"), "ANSWER");
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn containers_are_found_by_name_and_by_the_beginning_of_their_id() {
    let node = Node::shared();
    for (runtime, container, search) in [
        ("docker", "docker-plain", vec!["corp.example.net"]),
        ("docker", "docker-user", vec!["corp.example.net"]),
        ("docker", "docker-host", vec!["node.example.net"]),
        ("podman", "podman-alone", vec!["corp.example.net"]),
        ("rootless", "podman-rootless", vec!["corp.example.net"]),
    ] {
        let id = node.inspect(runtime, container, "{{.Id}}");
        let pid: u64 = node.inspect(runtime, container, "{{.State.Pid}}").parse().unwrap();
        for name in [container, &id, &id[..12], &id[..7]] {
            let told = explained(node, 0, &["--container", name]);
            let target = &told["target"];
            assert_eq!((text(target, "kind"), text(target, "container")), ("container", container), "{told}");
            assert_eq!(
                (&target["pid"], &target["netns"]),
                (&json!(pid), &json!(node.netns_of(pid))),
                "{told}"
            );
            assert_eq!(texts(&told["resolv_conf"]["search"]), search, "{told}");
            assert_eq!(addresses(&told), WWW_ADDRESSES, "{told}");
        }
    }
    // A container of a pod, by the id that containerd knows.
    let pod = node.pod("payments", WEB);
    let id = text(&pod["containers"][0], "id");
    let told = explained(node, 0, &["--container", &id[..13]]);
    assert_eq!(
        (text(&told["target"], "namespace"), text(&told["target"], "pod")),
        ("payments", WEB),
        "{told}"
    );
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn pods_of_docker_and_podman_are_pods() {
    let node = Node::shared();
    for (name, ndots, search) in [
        ("shop/legacy-0", 5, search("shop")),
        ("legacy", 5, search("shop")),
        ("podman-kube", 5, search("jobs")),
    ] {
        let told = explained(node, 0, &["--pod", name]);
        assert_eq!(text(&told["target"], "kind"), "pod", "{told}");
        assert_eq!(
            (&told["resolv_conf"]["ndots"], texts(&told["resolv_conf"]["search"])),
            (&json!(ndots), search.iter().map(String::as_str).collect())
        );
        assert_eq!(addresses(&told), WWW_ADDRESSES, "{told}");
    }
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn a_pod_of_a_nested_node_is_explained_from_outside() {
    let node = Node::shared();
    let pod = node.pod("payments", WEB);
    let name = format!("payments/{WEB}");
    let told = common::finish(dnsprobe(&["explain", WWW, "-o", "json", "--pod", &name])).exits(0).object();
    assert_eq!(told["target"]["netns"], node.netns_of(pid(&pod, None)), "{told}");
    assert_eq!(addresses(&told), WWW_ADDRESSES, "{told}");
}
