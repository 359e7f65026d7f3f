//! Nodes on which something is not what it looks like: imitations, leftovers, hidden mounts, containers without a cgroup.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod tree;

use dnsprobe_sniffer::node::Runtime;
use dnsprobe_sniffer::{Kind, PodQuery};
use serde_json::{Value, json};
use tree::{BUNDLES, Tree, containers, id, member, named, one, uid};

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
