//! Nodes of every layout, made of files: what runs there, and what only looks as if it did.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod tree;

use dnsprobe_sniffer::node::{Network, Runtime};
use dnsprobe_sniffer::{ContainerQuery, Error, Kind, PodQuery};
use serde_json::json;
use tree::{BUNDLES, HOST_NET, Tree, containers, id, member, named, one, sandbox, uid};

const POD_NET: u64 = 4_026_532_204;

/// A pod of containerd with its sandbox and one container, by letters and a digit.
fn pod(tree: &Tree, name: &str, digit: char, netns: u64, path: &str) {
    let (namespace, name) = name.split_once('/').unwrap();
    let base = digit.to_digit(10).unwrap() * 10;
    let (sandbox_id, app) = (id(digit), format!("{}{}", &id(digit)[..63], 'f'));
    let at = |id: &str| path.replace("{id}", id);
    tree.process(base, netns, &at(&sandbox_id));
    tree.process(base + 1, netns, &at(&app));
    let config = sandbox(namespace, name, &uid(digit), &sandbox_id, Some("/var/run/netns/cni-1"));
    tree.bundle(BUNDLES, &sandbox_id, base, &config);
    tree.bundle(BUNDLES, &app, base + 1, &member(namespace, name, &uid(digit), &sandbox_id, "app"));
}

fn cgroupfs(digit: char) -> String {
    format!("/kubepods/burstable/pod{}/{{id}}", uid(digit))
}

#[test]
fn a_pod_of_containerd_is_one_entry_with_its_containers() {
    let tree = Tree::new();
    pod(&tree, "sre/web-7d4b9c-x2x1z", '2', POD_NET, &cgroupfs('2'));
    tree.logs("sre", "web-7d4b9c-x2x1z", &uid('2'), &["app", "setup"]);
    let node = tree.node();
    let entry = one(&node, Kind::Pod);
    assert_eq!(
        (named(entry).as_str(), entry.netns, &entry.pids[..]),
        ("sre/web-7d4b9c-x2x1z", Some(POD_NET), &[20, 21][..])
    );
    assert_eq!((entry.runtime, entry.network), (Some(Runtime::Containerd), Network::Own));
    assert_eq!(containers(entry), ["app", "(setup)"]);
    assert_eq!(entry.containers[0].pid, Some(21));
    assert_eq!(entry.sandbox.as_ref().unwrap().pid, Some(20));
    assert_eq!(one(&node, Kind::Host).pids, [1]);
}

#[test]
fn folders_of_other_distributions_and_unlisted_ones_are_found() {
    for folder in [
        "run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io",
        "run/k0s/containerd/io.containerd.runtime.v2.task/k8s.io",
        "var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task/k8s.io",
        "srv/elsewhere/io.containerd.runtime.v2.task/k8s.io",
    ] {
        let tree = Tree::new();
        let path = format!(
            "/kubepods.slice/kubepods-pod{}.slice/cri-containerd-{}.scope",
            uid('2').replace('-', "_"),
            id('2')
        );
        // The shim is the parent, and works in the bundle of its sandbox.
        tree.process(19, HOST_NET, "/system.slice/containerd.service");
        tree.sees_the_node(19);
        tree.working_directory(19, &format!("/{folder}/{}", id('2')));
        tree.process_of(20, POD_NET, &format!("0::{path}\n"), 19);
        tree.bundle(folder, &id('2'), 20, &sandbox("sre", "web", &uid('2'), &id('2'), None));
        let node = tree.node();
        assert_eq!(named(one(&node, Kind::Pod)), "sre/web", "{folder}");
    }
}

#[test]
fn without_a_runtimes_files_the_logs_name_a_pod() {
    let tree = Tree::new();
    tree.process(20, POD_NET, &format!("/kubepods/burstable/pod{}/{}", uid('2'), id('a')));
    tree.logs("sre", "web", &uid('2'), &["app"]);
    tree.write(&format!("var/log/containers/web_sre_app-{}.log", id('a')), "");
    let node = tree.node();
    let entry = one(&node, Kind::Pod);
    assert_eq!((named(entry), containers(entry)), ("sre/web".into(), vec!["app".to_owned()]));
}

#[test]
fn a_path_seen_from_another_cgroup_namespace_still_leads_to_its_pod() {
    let tree = Tree::new();
    pod(&tree, "sre/web", '2', POD_NET, "/../cri-containerd-{id}.scope");
    let node = tree.node();
    assert_eq!(named(one(&node, Kind::Pod)), "sre/web");
}

#[test]
fn a_crash_looping_pod_is_found_by_its_sandbox_and_its_logs() {
    let tree = Tree::new();
    tree.process(20, POD_NET, &format!("/kubepods/besteffort/pod{}/{}", uid('2'), id('2')));
    tree.bundle(BUNDLES, &id('2'), 20, &sandbox("sre", "crashy-5f6d", &uid('2'), &id('2'), None));
    tree.logs("sre", "crashy-5f6d", &uid('2'), &["app"]);
    tree.write(&format!("var/log/containers/crashy-5f6d_sre_app-{}.log", id('e')), "");
    let node = tree.node();
    let entry = node.pod(&PodQuery::new("crashy", Some("sre"))).unwrap();
    assert_eq!(containers(entry), ["(app)"]);
    assert_eq!(entry.containers[0].id.as_ref().unwrap().as_str(), id('e'));
    tree.resolv_conf(20, "search sre.svc.cluster.local\n");
    let opened = entry.open(&tree.host(), None).unwrap();
    assert_eq!(opened.process.unwrap().pid(), 20);
    assert!(opened.notes[0].contains("container app does not run now"), "{:?}", opened.notes);
}

#[test]
fn a_pod_without_any_process_is_held_by_its_namespace_file() {
    let tree = Tree::new();
    let mounts = "1 1 0:4 net:[4026532204] /run/netns/5f1c rw - nsfs nsfs rw\n";
    tree.write("proc/1/mountinfo", mounts);
    tree.write("etc/kept.conf", "nameserver 10.96.0.10\nsearch sre.svc.cluster.local\n");
    tree.storage(
        "run/containers/storage/overlay-containers",
        &id('2'),
        99,
        &json!({
            "annotations": {
                "io.kubernetes.cri-o.ContainerType": "sandbox",
                "io.kubernetes.cri-o.SandboxID": id('2'),
                "io.kubernetes.cri-o.Namespace": "sre",
                "io.kubernetes.cri-o.KubeName": "web",
                "io.kubernetes.cri-o.ResolvPath": "/etc/kept.conf",
                "io.kubernetes.cri-o.Labels": json!({"io.kubernetes.pod.uid": uid('2')}).to_string(),
            },
            "linux": {"namespaces": [{"type": "network", "path": "/var/run/netns/5f1c"}]},
        }),
    );
    let node = tree.node();
    let entry = one(&node, Kind::Pod);
    assert_eq!(
        (named(entry), entry.netns, entry.runtime),
        ("sre/web".into(), Some(POD_NET), Some(Runtime::CriO))
    );
    assert_eq!((&entry.names[..], &entry.pids[..]), (&["5f1c".to_owned()][..], &[][..]));
    let opened = entry.open(&tree.host(), None).unwrap();
    let text = opened.root.read("etc/resolv.conf").content;
    assert!(matches!(text, dnsprobe_sniffer::Content::Found(bytes) if bytes.starts_with(b"nameserver")));
    // The node's own files are not the pod's.
    assert!(matches!(opened.root.read("etc/kept.conf").content, dnsprobe_sniffer::Content::Missing));
}

#[test]
fn cri_o_names_its_pods_and_its_monitor_is_none_of_them() {
    let tree = Tree::new();
    let slice = format!(
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{}.slice",
        uid('2').replace('-', "_")
    );
    tree.process(19, HOST_NET, &format!("{slice}/crio-conmon-{}.scope", id('a')));
    tree.process(20, POD_NET, &format!("{slice}/crio-{}.scope/container", id('a')));
    tree.storage(
        "run/containers/storage/overlay-containers",
        &id('a'),
        20,
        &json!({
            "annotations": {
                "io.kubernetes.cri-o.ContainerType": "container",
                "io.kubernetes.cri-o.SandboxID": id('2'),
                "io.kubernetes.pod.name": "web",
                "io.kubernetes.pod.namespace": "sre",
                "io.kubernetes.pod.uid": uid('2'),
                "io.kubernetes.container.name": "app",
            },
        }),
    );
    let node = tree.node();
    let entry = one(&node, Kind::Pod);
    assert_eq!((named(entry), entry.netns, &entry.pids[..]), ("sre/web".into(), Some(POD_NET), &[20][..]));
    assert_eq!(containers(entry), ["app"]);
}

#[test]
fn a_host_network_pod_has_its_own_entry_with_the_hosts_namespace() {
    let tree = Tree::new();
    pod(&tree, "kube-system/exporter", '2', HOST_NET, &cgroupfs('2'));
    let node = tree.node();
    let entry = one(&node, Kind::Pod);
    assert_eq!((entry.network, entry.netns, &entry.pids[..]), (Network::Host, Some(HOST_NET), &[20, 21][..]));
    assert_eq!(one(&node, Kind::Host).pids, [1]);
}

#[test]
fn docker_below_a_kubelet_is_believed_where_the_cgroup_agrees() {
    let tree = Tree::new();
    let labels = |kind: &str| {
        json!({
            "io.kubernetes.pod.namespace": "sre", "io.kubernetes.pod.name": "web", "io.kubernetes.pod.uid": uid('2'),
            "io.kubernetes.docker.type": kind, "io.kubernetes.container.name": "app", "io.kubernetes.sandbox.id": id('2'),
        })
    };
    for (pid, letter, kind) in [(20, '2', "podsandbox"), (21, 'a', "container")] {
        tree.process(pid, POD_NET, &format!("/kubepods/burstable/pod{}/{}", uid('2'), id(letter)));
        tree.docker(
            "var/lib/docker",
            &id(letter),
            &json!({
                "Name": format!("/k8s_x_web_sre_{}_0", uid('2')),
                "State": {"Running": true, "Pid": pid},
                "Config": {"Labels": labels(kind)},
            }),
        );
    }
    // Whoever starts a container chooses its labels.
    tree.process(30, POD_NET + 1, &format!("/docker/{}", id('b')));
    tree.docker(
        "var/lib/docker",
        &id('b'),
        &json!({
            "Name": "/liar", "State": {"Running": true, "Pid": 30}, "Config": {"Labels": labels("container")},
        }),
    );
    let node = tree.node();
    let entry = one(&node, Kind::Pod);
    assert_eq!(
        (named(entry), entry.runtime, &entry.pids[..]),
        ("sre/web".into(), Some(Runtime::Docker), &[20, 21][..])
    );
    assert_eq!(containers(entry), ["app"]);
    assert_eq!(one(&node, Kind::Container).pids, [30]);
}

#[test]
fn docker_containers_are_found_by_name_and_by_the_beginning_of_their_id() {
    let tree = Tree::new();
    tree.write("etc/docker/daemon.json", r#"{"data-root": "/srv/docker"}"#);
    tree.process(20, POD_NET, &format!("/system.slice/docker-{}.scope", id('a')));
    tree.docker("srv/docker", &id('a'), &json!({"Name": "/shop", "State": {"Running": true, "Pid": 20}}));
    let node = tree.node();
    for typed in ["shop", "aaaa", &id('a')] {
        let (entry, container) = node.container(&ContainerQuery::new(typed, None)).unwrap();
        assert_eq!((entry.kind, container.pid), (Kind::Container, Some(20)), "{typed}");
    }
    let error = node.container(&ContainerQuery::new("sh", None)).unwrap_err().to_string();
    assert!(error.contains("shop"), "{error}");
}

#[test]
fn a_data_folder_that_nobody_configured_is_found_by_a_mount() {
    let tree = Tree::new();
    tree.sees_the_node(1);
    tree.process(20, POD_NET, &format!("/docker/{}", id('a')));
    tree.mounts(20, &[(&format!("/mnt/big/containers/{}/hosts", id('a')), "/etc/hosts")]);
    tree.docker("mnt/big", &id('a'), &json!({"Name": "/shop", "State": {"Running": true, "Pid": 20}}));
    assert_eq!(containers(one(&tree.node(), Kind::Container)), ["shop"]);
}

/// podman's pods share what their owner wants, which need not be the network.
#[test]
fn a_container_of_a_pod_may_have_a_network_of_its_own() {
    let tree = Tree::new();
    let folder = "var/lib/containers/storage/overlay-containers";
    let libpod = json!({"io.container.manager": "libpod"});
    let member = json!({"io.container.manager": "libpod", "io.kubernetes.cri-o.SandboxID": id('2')});
    let path = |letter| format!("/libpod_parent/{}/libpod-{}", id('d'), id(letter));
    tree.storage(folder, &id('2'), 20, &json!({"hostname": "shop", "annotations": libpod}));
    tree.process(20, POD_NET, &path('2'));
    for (pid, letter) in [(21, 'a'), (22, 'b')] {
        tree.process(pid, POD_NET + u64::from(pid), &path(letter));
        tree.storage(folder, &id(letter), pid, &json!({"annotations": member}));
    }
    tree.process(23, POD_NET + 21, &path('a'));
    let names = json!([{"id": id('2'), "names": [format!("{}-infra", &id('d')[..12])]},
        {"id": id('a'), "names": ["front"]}, {"id": id('b'), "names": ["back"]}]);
    tree.write(&format!("{folder}/containers.json"), names.to_string());
    let node = tree.node();
    let pods: Vec<_> = node.entries.iter().filter(|it| it.kind == Kind::Pod).collect();
    let seen: Vec<_> =
        pods.iter().map(|it| (named(it), containers(it), it.netns.unwrap(), it.pids.clone())).collect();
    let shop = || "shop".to_owned();
    assert_eq!(
        seen,
        [
            (shop(), vec![], POD_NET, vec![20]),
            (shop(), vec!["front".to_owned()], POD_NET + 21, vec![21, 23]),
            (shop(), vec!["back".to_owned()], POD_NET + 22, vec![22]),
        ]
    );
    let query = PodQuery::new("shop", None);
    for (container, pid) in [("front", 21), ("back", 22)] {
        let (entry, found) = node.container_of(&query, &ContainerQuery::new(container, None)).unwrap();
        let opened = entry.open(&tree.host(), Some(found)).unwrap();
        assert_eq!(opened.process.unwrap().pid(), pid, "{container}");
    }
    assert_eq!(containers(node.pod(&query).unwrap()), ["front"]);
}

#[test]
fn podman_names_its_pods_by_their_infra_container() {
    let tree = Tree::new();
    let folder = "var/lib/containers/storage/overlay-containers";
    let libpod = json!({"io.container.manager": "libpod"});
    let member = json!({"io.container.manager": "libpod", "io.kubernetes.cri-o.SandboxID": id('2')});
    tree.process(20, POD_NET, &format!("/libpod_parent/{}/libpod-{}", id('d'), id('2')));
    tree.process(21, POD_NET, &format!("/libpod_parent/{}/libpod-{}", id('d'), id('a')));
    tree.process(22, HOST_NET, &format!("/libpod_parent/{}/conmon", id('d')));
    tree.storage(folder, &id('2'), 20, &json!({"hostname": "shop", "annotations": libpod}));
    tree.storage(folder, &id('a'), 21, &json!({"annotations": member}));
    tree.write(
        &format!("{folder}/containers.json"),
        json!([
            {"id": id('2'), "names": ["dddddddddddd-infra"]}, {"id": id('a'), "names": ["shop-app"]},
        ])
        .to_string(),
    );
    let node = tree.node();
    let entry = node.pod(&PodQuery::new("shop", None)).unwrap();
    assert_eq!(
        (named(entry), entry.runtime, &entry.pids[..]),
        ("shop".into(), Some(Runtime::Podman), &[20, 21][..])
    );
    assert_eq!(containers(entry), ["shop-app"]);
}

#[test]
fn podmans_own_folder_is_found_by_the_command_line_of_conmon() {
    let tree = Tree::new();
    let folder = "srv/podman/overlay-containers";
    let path = format!("/libpod_parent/{}/libpod-{}", id('d'), id('2'));
    tree.process(19, HOST_NET, &format!("/libpod_parent/{}/conmon", id('d')));
    tree.sees_the_node(19);
    tree.write(
        "proc/19/cmdline",
        format!("/usr/bin/conmon\0-c\0{}\0-b\0/{folder}/{}/userdata\0", id('2'), id('2')),
    );
    tree.process_of(20, POD_NET, &format!("0::{path}\n"), 19);
    let config = json!({"hostname": "shop", "annotations": {"io.container.manager": "libpod"}});
    tree.storage(folder, &id('2'), 20, &config);
    tree.write(
        &format!("{folder}/containers.json"),
        json!([{"id": id('2'), "names": ["dddddddddddd-infra"]}]).to_string(),
    );
    assert_eq!(named(one(&tree.node(), Kind::Pod)), "shop");
    // The same words of a process inside a container are its own.
    tree.write("proc/19/cgroup", format!("0::/docker/{}\n", id('e')));
    assert_eq!(named(one(&tree.node(), Kind::Pod)), "?");
}

#[test]
fn rootless_podman_has_no_cgroup_and_is_found_by_its_mounts() {
    let tree = Tree::new();
    let folder = "run/user/1001/containers/vfs-containers";
    tree.process(20, POD_NET, "/");
    tree.mounts(20, &[(&format!("/{folder}/{}/userdata/resolv.conf", id('a')), "/etc/resolv.conf")]);
    tree.storage(folder, &id('a'), 20, &json!({"annotations": {"io.container.manager": "libpod"}}));
    tree.write(&format!("{folder}/containers.json"), json!([{"id": id('a'), "names": ["mine"]}]).to_string());
    let node = tree.node();
    let entry = one(&node, Kind::Container);
    assert_eq!(
        (containers(entry), entry.netns, &entry.pids[..]),
        (vec!["mine".into()], Some(POD_NET), &[20][..])
    );
}

#[test]
fn a_static_pod_goes_by_the_hash_of_its_manifest() {
    let tree = Tree::new();
    let hash = "0123456789abcdef0123456789abcdef";
    tree.process(20, POD_NET, &format!("/kubepods/burstable/pod{hash}/{}", id('a')));
    tree.logs("kube-system", "static-dns-node1", hash, &["dns"]);
    let node = tree.node();
    assert_eq!(
        named(node.pod(&PodQuery::new("static-dns-node1", None)).unwrap()),
        "kube-system/static-dns-node1"
    );
}

#[test]
fn a_node_in_a_container_has_its_pods_named_by_its_own_files() {
    let mut tree = Tree::new();
    let node_id = id('c');
    tree.process(10, POD_NET, &format!("/docker/{node_id}/init.scope"));
    tree.docker(
        "var/lib/docker",
        &node_id,
        &json!({"Name": "/kind-worker", "State": {"Running": true, "Pid": 10}}),
    );
    let path = format!(
        "/docker/{node_id}/kubelet.slice/kubelet-kubepods-pod{}.slice/cri-containerd-{}.scope",
        uid('2').replace('-', "_"),
        id('2')
    );
    tree.process(20, POD_NET + 1, &path);
    // The same UID at the outer level is another pod.
    tree.logs("victim", "bank", &uid('2'), &["app"]);
    tree.inside(Some(10));
    tree.logs("sre", "web", &uid('2'), &["app"]);
    // The number is in the node's own PID namespace; by ours it is the first process.
    tree.bundle(BUNDLES, &id('2'), 1, &sandbox("sre", "web", &uid('2'), &id('2'), None));
    tree.inside(None);
    let node = tree.node();
    let entry = one(&node, Kind::Pod);
    assert_eq!((named(entry), entry.within.as_ref().unwrap().as_str()), ("sre/web".into(), node_id.as_str()));
    assert_eq!((&entry.pids[..], entry.netns), (&[20][..], Some(POD_NET + 1)));
    let outer = one(&node, Kind::Container);
    assert_eq!((containers(outer), &outer.pids[..]), (vec!["kind-worker".into()], &[10][..]));
}

#[test]
fn a_node_in_namespaces_of_its_own_is_read_through_its_shims() {
    let mut tree = Tree::new();
    tree.process(19, HOST_NET, "/lab");
    tree.working_directory(19, &format!("/{BUNDLES}/{}", id('2')));
    tree.mount_namespace(19, 77);
    let path = format!("/lab/kubepods/burstable/pod{}/{}", uid('2'), id('2'));
    tree.process_of(20, POD_NET, &format!("0::{path}\n"), 19);
    tree.process_of(21, POD_NET, &format!("0::/lab/kubepods/burstable/pod{}/{}\n", uid('2'), id('a')), 19);
    tree.inside(Some(19));
    tree.bundle(BUNDLES, &id('2'), 1, &sandbox("sre", "web", &uid('2'), &id('2'), None));
    tree.logs("sre", "web", &uid('2'), &["app", "setup"]);
    tree.write(&format!("var/log/containers/web_sre_app-{}.log", id('a')), "");
    tree.inside(None);
    let node = tree.node();
    let entry = one(&node, Kind::Pod);
    assert_eq!(
        (named(entry), containers(entry)),
        ("sre/web".into(), vec!["app".into(), "(setup)".to_owned()])
    );
}

#[test]
fn what_imitates_another_pod_is_not_credited_to_it() {
    let tree = Tree::new();
    pod(&tree, "sre/web", '2', POD_NET, &cgroupfs('2'));
    pod(&tree, "evil/mimic", '3', POD_NET + 1, &cgroupfs('3'));
    // A child that a container made in its own cgroup, named like the other pod's container.
    tree.process(
        90,
        POD_NET + 1,
        &format!(
            "/kubepods/burstable/pod{}/{}/kubepods/burstable/pod{}/{}",
            uid('3'),
            id('3'),
            uid('2'),
            id('2')
        ),
    );
    // A recorded number that has gone to another process, of another pod.
    tree.write(&format!("{BUNDLES}/{}/init.pid", id('2')), "90");
    let node = tree.node();
    let web = node.pod(&PodQuery::new("web", Some("sre"))).unwrap();
    assert_eq!(
        (&web.pids[..], web.netns, web.sandbox.as_ref().unwrap().pid),
        (&[20, 21][..], Some(POD_NET), Some(20))
    );
    let mimic = node.pod(&PodQuery::new("mimic", None)).unwrap();
    assert_eq!((&mimic.pids[..], mimic.netns), (&[30, 31, 90][..], Some(POD_NET + 1)));
}

#[test]
fn a_process_that_made_a_namespace_for_itself_does_not_move_its_pod() {
    let tree = Tree::new();
    pod(&tree, "sre/web", '2', POD_NET, &cgroupfs('2'));
    tree.process(5, POD_NET + 7, &format!("/kubepods/burstable/pod{}/{}f", uid('2'), &id('2')[..63]));
    let node = tree.node();
    let web = one(&node, Kind::Pod);
    assert_eq!((web.netns, &web.pids[..]), (Some(POD_NET), &[20, 21][..]));
    assert_eq!(one(&node, Kind::Process).pids, [5]);
}

#[test]
fn zombies_hold_nothing() {
    let tree = Tree::new();
    let app = format!("{}f", &id('2')[..63]);
    pod(&tree, "sre/web", '2', POD_NET, &cgroupfs('2'));
    std::fs::remove_dir_all(tree.path("proc/21")).unwrap();
    tree.zombie(21, &format!("/kubepods/burstable/pod{}/{app}", uid('2')));
    let node = tree.node();
    let web = one(&node, Kind::Pod);
    assert_eq!((&web.pids[..], containers(web)), (&[20][..], vec!["(app)".to_owned()]));
}

#[test]
fn named_namespaces_and_those_without_a_name_have_entries() {
    let tree = Tree::new();
    tree.write("proc/1/mountinfo", format!(
        "1 1 0:4 net:[77] /run/netns/blue rw - nsfs nsfs rw\n2 1 0:4 net:[{POD_NET}] /run/netns/cni-1 rw - nsfs nsfs rw\n\
         3 1 0:4 net:[{HOST_NET}] /run/docker/netns/default rw - nsfs nsfs rw\n"
    ));
    pod(&tree, "sre/web", '2', POD_NET, &cgroupfs('2'));
    tree.process(40, 88, "/user.slice");
    tree.write("run/netns/leftover", "");
    let node = tree.node();
    assert_eq!(one(&node, Kind::Pod).names, ["cni-1"]);
    assert_eq!(one(&node, Kind::Process).pids, [40]);
    assert_eq!(one(&node, Kind::Host).names, ["/run/docker/netns/default"]);
    let named: Vec<_> = node
        .entries
        .iter()
        .filter(|it| it.kind == Kind::Named)
        .map(|it| (it.names.clone(), it.netns))
        .collect();
    assert_eq!(named, [(vec!["blue".to_owned()], Some(77)), (vec!["leftover".to_owned()], None)]);
}

#[test]
fn the_nodes_name_behind_a_static_pods_may_be_left_out() {
    let tree = Tree::new();
    let all = ["etcd", "kube-apiserver", "kube-controller-manager"];
    for (at, name) in (0..).zip(all) {
        let hash = format!("{at}").repeat(32);
        tree.process(40 + at, POD_NET + 1, &format!("/kubepods/burstable/pod{hash}/{}", id('a')));
        tree.logs("kube-system", &format!("{name}-node-1.example"), &hash, &["main"]);
    }
    pod(&tree, "sre/db-node-1.example", '2', POD_NET, &cgroupfs('2'));
    let node = tree.node();
    for name in all {
        let found = node.pod(&PodQuery::new(name, None)).unwrap();
        assert_eq!(named(found), format!("kube-system/{name}-node-1.example"));
    }
    // Neither a part of the manifest's name nor a pod of the API server's.
    for typed in ["kube-controller", "kube", "db", "etcd-node"] {
        let error = node.pod(&PodQuery::new(typed, None)).unwrap_err();
        assert!(matches!(error, Error::UnknownPod { .. }), "{typed}: {error}");
    }
}

#[test]
fn one_name_in_two_namespaces_has_to_be_told_apart() {
    let tree = Tree::new();
    pod(&tree, "sre/web-7d4b9c-x2x1z", '2', POD_NET, &cgroupfs('2'));
    pod(&tree, "payments/web-7d4b9c-x2x1z", '3', POD_NET + 1, &cgroupfs('3'));
    let node = tree.node();
    for typed in ["web", "web-7d4b9c-x2x1z"] {
        let error = node.pod(&PodQuery::new(typed, None)).unwrap_err();
        let Error::AmbiguousPod { matches, .. } = error else { panic!("{error}") };
        assert_eq!(matches, ["--pod payments/web-7d4b9c-x2x1z", "--pod sre/web-7d4b9c-x2x1z"], "{typed}");
    }
    for (typed, namespace) in [("web", Some("sre")), ("sre/web", None), (&uid('2'), None)] {
        assert_eq!(
            named(node.pod(&PodQuery::new(typed, namespace)).unwrap()),
            "sre/web-7d4b9c-x2x1z",
            "{typed}"
        );
    }
}

#[test]
fn an_unknown_pod_says_what_is_there_and_what_has_ended() {
    let tree = Tree::new();
    pod(&tree, "sre/web", '2', POD_NET, &cgroupfs('2'));
    tree.logs("sre", "job-27812340-qzxcv", &uid('9'), &["app"]);
    let node = tree.node();
    let error = node.pod(&PodQuery::new("wep", None)).unwrap_err();
    let Error::UnknownPod { existing, ended, evidence, .. } = &error else { panic!("{error}") };
    assert_eq!((&existing[..], ended), (&["web".to_owned()][..], &None));
    assert!(evidence.contains("1 folders in /var/log/pods") && evidence.contains(BUNDLES), "{evidence}");
    let error = node.pod(&PodQuery::new("job", Some("sre"))).unwrap_err();
    assert!(error.to_string().contains("sre/job-27812340-qzxcv ran here and has ended"), "{error}");
}

#[test]
fn a_number_that_went_to_another_process_is_noticed() {
    let tree = Tree::new();
    pod(&tree, "sre/web", '2', POD_NET, &cgroupfs('2'));
    pod(&tree, "evil/mimic", '3', POD_NET + 1, &cgroupfs('3'));
    let node = tree.node();
    let web = node.pod(&PodQuery::new("web", None)).unwrap();
    web.open(&tree.host(), None).unwrap();
    std::fs::remove_dir_all(tree.path("proc/21")).unwrap();
    std::fs::rename(tree.path("proc/31"), tree.path("proc/21")).unwrap();
    let error = web.open(&tree.host(), None).unwrap_err();
    assert!(matches!(error, Error::Changed { pid: 21, .. }), "{error}");
}

#[test]
fn what_starts_and_ends_is_seen_when_looking_again() {
    let tree = Tree::new();
    let mut node = tree.node();
    assert!(node.entries.iter().all(|entry| entry.kind != Kind::Pod));
    pod(&tree, "sre/web", '2', POD_NET, &cgroupfs('2'));
    node.refresh().unwrap();
    assert_eq!(named(one(&node, Kind::Pod)), "sre/web");
    for pid in [20, 21] {
        std::fs::remove_dir_all(tree.path(&format!("proc/{pid}"))).unwrap();
    }
    node.refresh().unwrap();
    assert!(node.entries.iter().all(|entry| entry.kind != Kind::Pod));
}
