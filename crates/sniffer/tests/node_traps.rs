//! Nodes on which something is not what it looks like: imitations, leftovers, hidden mounts, containers without a cgroup.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod tree;

use dnsprobe_sniffer::node::{Network, Runtime};
use dnsprobe_sniffer::{Kind, PodQuery};
use serde_json::{Value, json};
use tree::{BUNDLES, HOST_NET, Tree, containers, id, member, named, one, sandbox, uid};

const POD_NET: u64 = 4_026_532_204;
const STORAGE: &str = "run/containers/storage/overlay-containers";

fn slice(digit: char) -> String {
    let uid = uid(digit).replace('-', "_");
    format!("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{uid}.slice")
}

/// A container of CRI-O's, its annotations as the kubelet's labels have them, and those that its pod's owner chose.
fn of_crio(kind: &str, pod: &str, digit: char, chosen: &Value) -> Value {
    let (namespace, name) = pod.split_once('/').unwrap();
    let labels = json!({
        "io.kubernetes.pod.namespace": namespace, "io.kubernetes.pod.name": name, "io.kubernetes.pod.uid": uid(digit),
        "io.kubernetes.container.name": "app",
    });
    let mut annotations = json!({
        "io.kubernetes.cri-o.ContainerType": kind,
        "io.kubernetes.cri-o.SandboxID": id(digit),
        "io.kubernetes.cri-o.Labels": labels.to_string(),
    });
    if kind == "sandbox" {
        annotations["io.kubernetes.cri-o.Namespace"] = namespace.into();
        annotations["io.kubernetes.cri-o.KubeName"] = name.into();
    }
    annotations.as_object_mut().unwrap().extend(chosen.as_object().unwrap().clone());
    let parent = slice(digit);
    json!({
        "annotations": annotations,
        "linux": {"cgroupsPath": format!("{}:crio:{}", parent.rsplit('/').next().unwrap(), id(digit)), "namespaces": []},
    })
}

/// On the node's network nothing is pinned, and without an infra container a pod between two crashes has no process.
#[test]
fn a_pod_of_cri_o_on_the_nodes_network_is_there_between_two_crashes_until_it_is_stopped() {
    let tree = Tree::new();
    tree.write("etc/resolv.conf", "nameserver 192.0.2.1\n");
    tree.storage(STORAGE, &id('2'), 9, &of_crio("sandbox", "sre/agent", '2', &json!({})));
    tree.logs("sre", "agent", &uid('2'), &["app"]);
    let node = tree.node();
    let entry = node.pod(&PodQuery::new("agent", None)).unwrap();
    assert_eq!((entry.netns, entry.network, &entry.pids[..]), (Some(HOST_NET), Network::Host, &[][..]));
    assert_eq!(node.ended, []);
    tree.write(&format!("{STORAGE}/{}/userdata/stopped", id('2')), "");
    let node = tree.node();
    assert!(node.pod(&PodQuery::new("agent", None)).is_err());
    assert_eq!(node.ended.iter().map(ToString::to_string).collect::<Vec<_>>(), ["sre/agent"]);
}

/// The runtime of a node that runs as a container writes numbers down as it sees them; a number may be another process's
/// here, and what a container says of its own processes counts last.
#[test]
fn a_number_that_was_written_down_in_a_nested_node_is_mapped() {
    let mut tree = Tree::new();
    let outer = id('d');
    tree.process(20, POD_NET, &format!("/docker/{outer}"));
    let path = |letter| format!("/docker/{outer}/kubelet/kubepods/pod{}/{}", uid('2'), id(letter));
    // Number 31 here is another container's; 41 is 31 in the node, and 33 in its container.
    for (pid, letter, numbers) in
        [(30, 'a', "30 25 31"), (31, 'b', "31 26 1"), (41, 'a', "41 31 33"), (42, 'a', "42 32 2")]
    {
        tree.process(pid, POD_NET + 1, &path(letter));
        tree.write(
            &format!("proc/{pid}/status"),
            format!("Name:\tapp\nNSpid:\t{}\n", numbers.replace(' ', "\t")),
        );
    }
    tree.inside(Some(20));
    for (letter, pid) in [('a', 31), ('b', 26)] {
        let config = member("sre", "web", &uid('2'), &id('1'), &format!("app-{letter}"));
        tree.bundle(BUNDLES, &id(letter), pid, &config);
    }
    tree.inside(None);
    let node = tree.node();
    let web = node.pod(&PodQuery::new("web", None)).unwrap();
    let mains: Vec<_> = web.containers.iter().map(|it| (it.name.as_deref().unwrap(), it.pid)).collect();
    assert_eq!(mains, [("app-b", Some(31)), ("app-a", Some(41))]);
}

#[test]
fn annotations_that_a_pods_owner_chose_do_not_make_it_another_pod() {
    let tree = Tree::new();
    let victim = json!({
        "io.kubernetes.pod.namespace": "bank", "io.kubernetes.pod.name": "vault", "io.kubernetes.pod.uid": uid('2'),
        "io.kubernetes.container.name": "safe", "io.kubernetes.cri-o.SandboxID": id('2'),
    });
    for (digit, pod, chosen) in [('2', "bank/vault", json!({})), ('3', "evil/mimic", victim)] {
        let base = digit.to_digit(10).unwrap() * 10;
        let app = format!("{}f", &id(digit)[..63]);
        tree.process(base, POD_NET + u64::from(base), &format!("{}/crio-{app}.scope", slice(digit)));
        tree.storage(STORAGE, &app, base, &of_crio("container", pod, digit, &chosen));
    }
    let node = tree.node();
    for (pod, pid) in [("bank/vault", 20), ("evil/mimic", 30)] {
        let entry = node.pod(&PodQuery::new(pod, None)).unwrap();
        assert_eq!((&entry.pids[..], containers(entry)), (&[pid][..], vec!["app".to_owned()]), "{pod}");
    }
}

#[test]
fn the_kubelets_cgroup_outweighs_every_annotation() {
    let tree = Tree::new();
    let config = |digit: char, of: char| {
        let mut config = member("bank", "vault", &uid(of), &id(of), "app");
        config["linux"]["cgroupsPath"] =
            format!("/kubepods/burstable/pod{}/{}", uid(digit), id(digit)).into();
        config
    };
    for (digit, pid) in [('2', 20), ('3', 30)] {
        let path = format!("/kubepods/burstable/pod{}/{}", uid(digit), id(digit));
        tree.process(pid, POD_NET + u64::from(pid), &path);
        tree.bundle(BUNDLES, &id(digit), pid, &config(digit, '2'));
    }
    tree.logs("evil", "mimic", &uid('3'), &["app"]);
    let node = tree.node();
    assert_eq!(node.pod(&PodQuery::new("vault", None)).unwrap().pids, [20]);
    assert_eq!(node.pod(&PodQuery::new("mimic", None)).unwrap().pids, [30]);
}

#[test]
fn a_bundle_in_dockers_namespace_is_dockers() {
    let tree = Tree::new();
    tree.process(20, POD_NET, &format!("/kubepods/burstable/pod{}/{}", uid('2'), id('2')));
    let folder = "run/containerd/io.containerd.runtime.v2.task/moby";
    tree.bundle(folder, &id('2'), 20, &json!({"annotations": null}));
    tree.logs("sre", "web", &uid('2'), &["app"]);
    let node = tree.node();
    let entry = one(&node, Kind::Pod);
    assert_eq!((named(entry), entry.runtime), ("sre/web".into(), Some(Runtime::Docker)));
}

#[test]
fn of_two_sandboxes_of_one_pod_the_one_that_runs_counts() {
    let tree = Tree::new();
    let folder = format!("/kubepods/burstable/pod{}", uid('2'));
    for (pid, letter) in [(20, 'b'), (21, 'c')] {
        tree.process(pid, POD_NET, &format!("{folder}/{}", id(letter)));
    }
    // The one from before the node was started again is still written down.
    tree.bundle(BUNDLES, &id('a'), 7, &sandbox("sre", "web", &uid('2'), &id('a'), Some("/run/netns/old")));
    tree.bundle(BUNDLES, &id('b'), 20, &sandbox("sre", "web", &uid('2'), &id('b'), Some("/run/netns/new")));
    tree.bundle(BUNDLES, &id('c'), 21, &member("sre", "web", &uid('2'), &id('b'), "app"));
    let node = tree.node();
    let entry = one(&node, Kind::Pod);
    assert_eq!(entry.sandbox.as_ref().unwrap().pid, Some(20));
    assert_eq!(
        (containers(entry), entry.pinned.as_deref()),
        (vec!["app".to_owned()], Some("/run/netns/new"))
    );
}

#[test]
fn a_container_that_was_started_again_is_listed_once() {
    let tree = Tree::new();
    let at = |letter: char| format!("/kubepods/burstable/pod{}/{}", uid('2'), id(letter));
    let told = |name: &str, kind: &str, running: bool, pid: u32| {
        json!({
            "Name": format!("/k8s_{name}_web_sre_{}_0", uid('2')), "State": {"Running": running, "Pid": pid},
            "Config": {"Labels": {
                "io.kubernetes.pod.namespace": "sre", "io.kubernetes.pod.name": "web",
                "io.kubernetes.pod.uid": uid('2'), "io.kubernetes.docker.type": kind,
                "io.kubernetes.container.name": name, "io.kubernetes.sandbox.id": id('2'),
            }},
        })
    };
    tree.process(20, POD_NET, &at('2'));
    tree.process(21, POD_NET, &at('b'));
    tree.docker("var/lib/docker", &id('2'), &told("POD", "podsandbox", true, 20));
    tree.docker("var/lib/docker", &id('a'), &told("app", "container", false, 0));
    tree.docker("var/lib/docker", &id('b'), &told("app", "container", true, 21));
    tree.docker("var/lib/docker", &id('c'), &told("setup", "container", false, 0));
    tree.docker("var/lib/docker", &id('d'), &told("setup", "container", false, 0));
    tree.write(&format!("var/log/containers/web_sre_setup-{}.log", id('d')), "");
    let node = tree.node();
    let entry = one(&node, Kind::Pod);
    assert_eq!(containers(entry), ["app", "(setup)"]);
    assert_eq!(entry.containers[0].pid, Some(21));
    // The newest of those that ended is the one that the kubelet's link names.
    assert_eq!(entry.containers[1].id.as_ref().unwrap().as_str(), id('d'));
}

#[test]
fn threads_of_the_kernel_are_no_processes_of_the_node() {
    let tree = Tree::new();
    tree.process_of(2, HOST_NET, "12:pids:/\n0::/\n", 0);
    tree.write("proc/2/stat", "2 (kthr) x) S 0 0 0 0 -1 2129984 0 0");
    tree.process_of(3, HOST_NET, "12:pids:/\n0::/\n", 0);
    tree.write("proc/3/stat", "3 (shell) S 1 0 0 0 -1 4194304 0 0");
    let mut node = tree.node();
    assert_eq!(one(&node, Kind::Host).pids, [1, 3]);
    node.refresh().unwrap();
    assert_eq!(one(&node, Kind::Host).pids, [1, 3]);
}

#[test]
fn what_a_runtime_moves_after_it_has_started_is_seen_where_it_stays() {
    let tree = Tree::new();
    let mut node = tree.node();
    // As between fork and setns: in the runtime's own cgroup and on the node's network.
    tree.process(20, HOST_NET, "/system.slice/containerd.service");
    node.refresh().unwrap();
    assert!(node.entries.iter().all(|entry| entry.kind != Kind::Pod));
    std::fs::remove_dir_all(tree.path("proc/20")).unwrap();
    tree.process(20, POD_NET, &format!("/kubepods/burstable/pod{}/{}", uid('2'), id('2')));
    tree.logs("sre", "web", &uid('2'), &["app"]);
    node.refresh().unwrap();
    assert_eq!(named(one(&node, Kind::Pod)), "sre/web");
}

#[test]
fn a_name_under_a_later_mount_stands_for_nothing() {
    let tree = Tree::new();
    tree.write(
        "proc/1/mountinfo",
        "20 1 0:9 / /run rw - tmpfs tmpfs rw\n21 20 0:4 net:[77] /run/netns/blue rw - nsfs nsfs rw\n\
         22 20 0:9 / /run/netns rw - tmpfs tmpfs rw\n23 22 0:4 net:[78] /run/netns/red rw - nsfs nsfs rw\n",
    );
    let node = tree.node();
    assert_eq!(one(&node, Kind::Named).names, ["red"]);
}

/// A pod of podman's without privileges on cgroup v1: no cgroup tells anything.
#[test]
fn a_pod_without_a_cgroup_is_one_entry() {
    let tree = Tree::new();
    let folder = "run/user/1001/containers/vfs-containers";
    for (pid, letter) in [(20, '2'), (21, 'a')] {
        tree.process(pid, POD_NET, "/");
        tree.mount_namespace(pid, u64::from(pid));
        let source = format!("/{folder}/{}/userdata/resolv.conf", id(letter));
        tree.mounts(pid, &[(&source, "/etc/resolv.conf")]);
    }
    let libpod = json!({"io.container.manager": "libpod"});
    let member = json!({"io.container.manager": "libpod", "io.kubernetes.cri-o.SandboxID": id('2')});
    tree.storage(folder, &id('2'), 20, &json!({"hostname": "shop", "annotations": libpod}));
    tree.storage(folder, &id('a'), 21, &json!({"annotations": member}));
    let names =
        json!([{"id": id('2'), "names": ["dddddddddddd-infra"]}, {"id": id('a'), "names": ["shop-app"]}]);
    tree.write(&format!("{folder}/containers.json"), names.to_string());
    let node = tree.node();
    let entry = one(&node, Kind::Pod);
    assert_eq!(
        (named(entry), &entry.pids[..], containers(entry)),
        ("shop".into(), &[20, 21][..], vec!["shop-app".to_owned()])
    );
}

/// As a unit of systemd's runs it (quadlet): the pod is in the cgroup of the infra container alone.
#[test]
fn a_container_beside_its_pods_cgroup_is_in_the_pod_if_it_shares_its_network() {
    let tree = Tree::new();
    let folder = "var/lib/containers/storage/overlay-containers";
    tree.process(
        20,
        POD_NET,
        &format!("/machine.slice/machine-libpod_pod_{}.slice/libpod-{}.scope", id('d'), id('2')),
    );
    for (pid, letter, netns) in [(21, 'a', POD_NET), (22, 'b', POD_NET + 1)] {
        tree.process(pid, netns, &format!("/system.slice/app.service/libpod-payload-{}", id(letter)));
        let annotations = json!({"io.container.manager": "libpod", "io.kubernetes.cri-o.SandboxID": id('2')});
        tree.storage(folder, &id(letter), pid, &json!({"annotations": annotations}));
    }
    let node = tree.node();
    assert_eq!(one(&node, Kind::Pod).pids, [20, 21]);
    assert_eq!(one(&node, Kind::Container).pids, [22]);
}

#[test]
fn podmans_data_base_knows_the_name_of_a_pod_with_another_host_name() {
    for file in ["libpod/bolt_state.db", "db.sql"] {
        let tree = Tree::new();
        let storage = "var/lib/containers/storage";
        let folder = format!("{storage}/overlay-containers");
        tree.process(20, POD_NET, &format!("/libpod_parent/{}/libpod-{}", id('d'), id('2')));
        let config = json!({"hostname": "other-host", "annotations": {"io.container.manager": "libpod"}});
        tree.storage(&folder, &id('2'), 20, &config);
        let names = json!([{"id": id('2'), "names": ["dddddddddddd-infra"]}]);
        tree.write(&format!("{folder}/containers.json"), names.to_string());
        assert_eq!(named(one(&tree.node(), Kind::Pod)), "other-host");
        let pod = format!("\0\0{{\"id\":\"{}\",\"name\":\"web-0\",\"hostname\":\"other-host\"", id('d'));
        tree.write(&format!("{storage}/{file}"), pod);
        assert_eq!(named(one(&tree.node(), Kind::Pod)), "web-0", "{file}");
    }
}

#[test]
fn a_data_folder_on_a_disk_of_its_own_is_found_where_that_is_mounted() {
    let tree = Tree::new();
    tree.sees_the_node(1);
    tree.write("proc/1/mountinfo", "30 1 254:0 / /mnt/big rw - ext4 /dev/vda rw\n");
    tree.process(20, POD_NET, &format!("/docker/{}", id('a')));
    tree.mounts(20, &[(&format!("/docker/containers/{}/hosts", id('a')), "/etc/hosts")]);
    tree.docker("mnt/big/docker", &id('a'), &json!({"Name": "/shop", "State": {"Running": true, "Pid": 20}}));
    assert_eq!(containers(one(&tree.node(), Kind::Container)), ["shop"]);
}

#[test]
fn a_pods_namespace_is_that_of_its_file_where_it_has_no_sandbox() {
    let tree = Tree::new();
    let mounts = format!("40 1 0:4 net:[{POD_NET}] /srv/ns/netns/5f1c rw - nsfs nsfs rw\n");
    tree.write("proc/1/mountinfo", mounts);
    let (app, path) = (id('a'), slice('2'));
    // The first number is of a process that made a namespace for itself.
    tree.process(10, POD_NET + 7, &format!("{path}/crio-{app}.scope"));
    tree.process(20, POD_NET, &format!("{path}/crio-{app}.scope"));
    let mut config = of_crio("sandbox", "sre/web", '2', &json!({}));
    config["linux"]["namespaces"] = json!([{"type": "network", "path": "/srv/ns/netns/5f1c"}]);
    tree.storage(STORAGE, &id('2'), 9, &config);
    tree.storage(STORAGE, &app, 9, &of_crio("container", "sre/web", '2', &json!({})));
    let node = tree.node();
    let entry = one(&node, Kind::Pod);
    assert_eq!((entry.netns, &entry.pids[..]), (Some(POD_NET), &[20][..]));
}

#[test]
fn two_folders_of_logs_with_one_uid_name_nothing() {
    let tree = Tree::new();
    tree.process(20, POD_NET, &format!("/kubepods/burstable/pod{}/{}", uid('2'), id('2')));
    tree.logs("evil", "mimic", &uid('2'), &["app"]);
    assert_eq!(named(one(&tree.node(), Kind::Pod)), "evil/mimic");
    tree.logs("sre", "web", &uid('2'), &["app"]);
    let node = tree.node();
    assert_eq!(named(one(&node, Kind::Pod)), "?");
    // What the runtime wrote down decides.
    tree.bundle(BUNDLES, &id('2'), 20, &sandbox("sre", "web", &uid('2'), &id('2'), None));
    assert_eq!(named(one(&tree.node(), Kind::Pod)), "sre/web");
}

/// What a user without privileges sees: cgroups, but no namespaces.
#[test]
#[ignore = "needs root: gives it up in a thread"]
fn without_the_right_to_see_namespaces_containers_still_run() {
    let tree = Tree::new();
    tree.process(20, POD_NET, &format!("/docker/{}", id('2')));
    tree.docker("var/lib/docker", &id('2'), &json!({"Name": "/shop", "State": {"Running": true, "Pid": 20}}));
    let hidden = tree.path("proc/20/ns");
    std::fs::set_permissions(&hidden, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    std::fs::set_permissions(tree.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let node = std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            dnsprobe_sniffer::privileges::drop_all().unwrap();
            tree.node()
        });
        looking.join().unwrap()
    });
    std::fs::set_permissions(&hidden, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let entry = one(&node, Kind::Container);
    assert_eq!((containers(entry), &entry.pids[..], node.denied()), (vec!["shop".to_owned()], &[20][..], 1));
}
