//! Pods of containerd that come and go while a test runs, and what can be done to them without touching the others.

use serde_json::{Value, json};

use super::Node;
use crate::common::{file, list, text, words};
use crate::pod::SERVER;
use crate::pod::clients::Done;

/// A pod with one container, `app`, as a rule with the musl client; removed when dropped.
pub(crate) struct Late<'n> {
    node: &'n Node,
    namespace: String,
    pod: String,
    client: &'static str,
}

impl<'n> Late<'n> {
    pub(crate) fn start(node: &'n Node, namespace: &str, pod: &str, uid: &str) -> Self {
        Self::start_at(node, namespace, pod, uid, 5)
    }

    /// The same with another `ndots`.
    pub(crate) fn start_at(node: &'n Node, namespace: &str, pod: &str, uid: &str, ndots: u64) -> Self {
        let containers = json!([{"name": "app", "image": "localhost/dnsprobe/musl:1"}]);
        Self::of(node, (namespace, pod, uid), ndots, "musl", &containers)
    }

    /// One with these containers, of which `app` has this client.
    pub(crate) fn of(
        node: &'n Node,
        (namespace, pod, uid): (&str, &str, &str),
        ndots: u64,
        client: &'static str,
        containers: &Value,
    ) -> Self {
        let own = format!("{namespace}.svc.cluster.local");
        let pods = json!([{"namespace": namespace, "name": pod, "uid": uid, "qos": "burstable",
            "dns": {"servers": [SERVER], "searches": [own, "svc.cluster.local", "cluster.local"], "options": [format!("ndots:{ndots}")]},
            "containers": containers}]);
        let pods = file(pods.to_string());
        node.kubelet(&["run", words(&pods)]);
        Self { node, namespace: namespace.to_owned(), pod: pod.to_owned(), client }
    }

    /// `NS/POD`
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.namespace, self.pod)
    }

    /// The client looks names up.
    pub(crate) fn ask(&self, names: &[&str]) -> Vec<Done> {
        self.node.ask(self.client, &self.name(), "app", names)
    }

    /// What containerd says of it.
    pub(crate) fn known(&self) -> Value {
        self.node.pod(&self.namespace, &self.pod)
    }

    /// Ids and processes: the sandbox's, then the container's.
    pub(crate) fn processes(&self) -> [(String, u64); 2] {
        let pod = self.known();
        let of = |it: &Value| (text(it, "id").to_owned(), it["pid"].as_u64().unwrap());
        [of(&pod), of(&list(&pod["containers"])[0])]
    }

    /// The kernel's control group of its container, below the mount of a hierarchy.
    pub(crate) fn cgroup(&self) -> String {
        let [_, (_, pid)] = self.processes();
        let groups = self.node.output(&["cat", &format!("/proc/{pid}/cgroup")]);
        let line = groups.lines().find(|line| line.contains("kubepods")).unwrap();
        line.splitn(3, ':').nth(2).unwrap().to_owned()
    }

    /// Moves a process into another control group of every hierarchy, made for it.
    pub(crate) fn move_to(&self, pid: u64, cgroup: &str) {
        let script = "for it in /sys/fs/cgroup /sys/fs/cgroup/*; do
            [ -e $it/cgroup.procs ] && mkdir -p $it/$1 || continue
            for file in cpuset.cpus cpuset.mems; do
                here=$it; for part in $(echo $1 | tr / ' '); do
                    [ ! -e $here/$file ] || cat $here/$file >$here/$part/$file; here=$here/$part; done
            done
            echo $2 >$it/$1/cgroup.procs
        done
        grep -q /$1 /proc/$2/cgroup";
        self.node.output(&["sh", "-ec", script, "sh", cgroup.trim_start_matches('/'), &pid.to_string()]);
    }
}

impl Drop for Late<'_> {
    fn drop(&mut self) {
        // A test that failed is failure enough.
        if !std::thread::panicking() {
            self.node.kubelet(&["remove", &self.name()]);
        }
    }
}
