//! A node made of files: `/proc` as processes of every runtime leave it, and what runtimes and the kubelet write down.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]
#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use dnsprobe_sniffer::{Entry, Host, Kind, Node};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The namespace of the node itself.
pub(crate) const HOST_NET: u64 = 4_026_531_840;

/// A node's root directory.
pub(crate) struct Tree {
    directory: TempDir,
    /// Where what follows is written, below the node's root.
    inside: PathBuf,
}

/// A container id of one letter.
pub(crate) fn id(letter: char) -> String {
    letter.to_string().repeat(64)
}

/// A pod UID of one digit.
pub(crate) fn uid(digit: char) -> String {
    let of = |count| digit.to_string().repeat(count);
    [of(8), of(4), of(4), of(4), of(12)].join("-")
}

impl Tree {
    /// A node with its first process, in namespace [`HOST_NET`].
    pub(crate) fn new() -> Self {
        let tree = Self { directory: tempfile::tempdir().unwrap(), inside: PathBuf::new() };
        tree.process(1, HOST_NET, "/init.scope");
        tree
    }

    pub(crate) fn host(&self) -> Host {
        Host::at(self.directory.path())
    }

    pub(crate) fn node(&self) -> Node {
        Node::read(&self.host()).unwrap()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(&self.inside).join(path.trim_start_matches('/'))
    }

    /// Writes what follows into the file system of a process.
    pub(crate) fn inside(&mut self, pid: Option<u32>) {
        self.inside = pid.map_or_else(PathBuf::new, |pid| format!("proc/{pid}/root").into());
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A process with its namespace and the path of its cgroup.
    pub(crate) fn process(&self, pid: u32, netns: u64, cgroup: &str) {
        self.process_of(pid, netns, &format!("12:pids:{cgroup}\n1:name=systemd:{cgroup}\n0::/\n"), 1);
    }

    /// A process with the whole of its cgroup file and its parent.
    pub(crate) fn process_of(&self, pid: u32, netns: u64, cgroup: &str, parent: u32) {
        let directory = format!("proc/{pid}");
        self.write(&format!("{directory}/cgroup"), cgroup);
        self.write(&format!("{directory}/stat"), format!("{pid} (a) b) S {parent} 1 1 0"));
        fs::create_dir_all(self.path(&format!("{directory}/ns"))).unwrap();
        fs::create_dir_all(self.path(&format!("{directory}/root/etc"))).unwrap();
        link(&format!("net:[{netns}]"), &self.path(&format!("{directory}/ns/net")));
    }

    /// A process that has ended and was not waited for.
    pub(crate) fn zombie(&self, pid: u32, cgroup: &str) {
        self.write(&format!("proc/{pid}/cgroup"), format!("0::{cgroup}\n"));
    }

    /// A process that sees the node's own file system.
    pub(crate) fn sees_the_node(&self, pid: u32) {
        let root = self.path(&format!("proc/{pid}/root"));
        fs::remove_dir_all(&root).unwrap();
        symlink(self.directory.path(), root).unwrap();
    }

    pub(crate) fn working_directory(&self, pid: u32, directory: &str) {
        link(directory, &self.path(&format!("proc/{pid}/cwd")));
    }

    pub(crate) fn mount_namespace(&self, pid: u32, inode: u64) {
        link(&format!("mnt:[{inode}]"), &self.path(&format!("proc/{pid}/ns/mnt")));
    }

    /// Mounts of a process: source within its file system, and where.
    pub(crate) fn mounts(&self, pid: u32, mounts: &[(&str, &str)]) {
        let lines =
            mounts.iter().map(|(source, at)| format!("574 558 254:0 {source} {at} rw - ext4 /dev/vda rw\n"));
        self.write(&format!("proc/{pid}/mountinfo"), lines.collect::<String>());
    }

    /// A `resolv.conf` that a process sees.
    pub(crate) fn resolv_conf(&self, pid: u32, text: &str) {
        self.write(&format!("proc/{pid}/root/etc/resolv.conf"), text);
    }

    /// containerd's bundle in one of its folders.
    pub(crate) fn bundle(&self, folder: &str, id: &str, pid: u32, config: &Value) {
        self.write(&format!("{folder}/{id}/config.json"), config.to_string());
        self.write(&format!("{folder}/{id}/init.pid"), pid.to_string());
    }

    /// The kubelet's folder of a pod's logs.
    pub(crate) fn logs(&self, namespace: &str, name: &str, uid: &str, containers: &[&str]) {
        for container in containers {
            self.write(&format!("var/log/pods/{namespace}_{name}_{uid}/{container}/0.log"), "");
        }
    }

    /// Docker's file about a container.
    pub(crate) fn docker(&self, data: &str, id: &str, config: &Value) {
        self.write(&format!("{data}/containers/{id}/config.v2.json"), config.to_string());
    }

    /// The folder of CRI-O or podman about a container.
    pub(crate) fn storage(&self, folder: &str, id: &str, pid: u32, config: &Value) {
        self.write(&format!("{folder}/{id}/userdata/config.json"), config.to_string());
        self.write(&format!("{folder}/{id}/userdata/pidfile"), pid.to_string());
    }
}

fn link(target: &str, at: &Path) {
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    symlink(target, at).unwrap();
}

/// Where containerd keeps the bundles of a kubelet's pods.
pub(crate) const BUNDLES: &str = "run/containerd/io.containerd.runtime.v2.task/k8s.io";

/// The configuration of a sandbox as containerd's CRI plugin writes it.
pub(crate) fn sandbox(namespace: &str, name: &str, uid: &str, id: &str, netns: Option<&str>) -> Value {
    let namespaces: Vec<Value> = netns.iter().map(|path| json!({"type": "network", "path": path})).collect();
    json!({
        "hostname": name,
        "annotations": {
            "io.kubernetes.cri.container-type": "sandbox",
            "io.kubernetes.cri.sandbox-id": id,
            "io.kubernetes.cri.sandbox-name": name,
            "io.kubernetes.cri.sandbox-namespace": namespace,
            "io.kubernetes.cri.sandbox-uid": uid,
        },
        "linux": {"namespaces": namespaces},
    })
}

/// The configuration of one of its containers.
pub(crate) fn member(namespace: &str, name: &str, uid: &str, sandbox: &str, container: &str) -> Value {
    json!({
        "annotations": {
            "io.kubernetes.cri.container-type": "container",
            "io.kubernetes.cri.container-name": container,
            "io.kubernetes.cri.sandbox-id": sandbox,
            "io.kubernetes.cri.sandbox-name": name,
            "io.kubernetes.cri.sandbox-namespace": namespace,
            "io.kubernetes.cri.sandbox-uid": uid,
        },
        "linux": {"namespaces": [{"type": "network", "path": "/proc/4711/ns/net"}]},
    })
}

/// The one entry of a kind.
pub(crate) fn one(node: &Node, kind: Kind) -> &Entry {
    let found: Vec<&Entry> = node.entries.iter().filter(|entry| entry.kind == kind).collect();
    let [one] = found[..] else { panic!("{} of {kind:?}: {:#?}", found.len(), node.entries) };
    one
}

/// Names of an entry's containers, those that do not run in brackets.
pub(crate) fn containers(entry: &Entry) -> Vec<String> {
    let shown = entry.containers.iter().map(|container| {
        let name = container.name.clone().unwrap_or_else(|| "?".into());
        if container.pid.is_some() { name } else { format!("({name})") }
    });
    shown.collect()
}

pub(crate) fn named(entry: &Entry) -> String {
    entry.pod.as_ref().map_or_else(|| "?".into(), ToString::to_string)
}
