//! The node of `testdata/pods`: real containerd, Docker and podman with pods in them, and the cluster's DNS server where
//! they all expect it.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod late;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use dnsprobe_sniffer::Netns;
use serde_json::Value;

use crate::common::{PROGRAM, Ran, finish, list, program, repository, require_root, testdata, words};
use crate::pod::SERVER;
use crate::pod::clients::Done;
use crate::pod::cluster::Cluster;

/// The outside name that the tests ask for, with its addresses at the cluster's DNS server.
pub(crate) const WWW: &str = "www.example.com";
pub(crate) const WWW_ADDRESSES: [&str; 3] = ["192.0.2.80", "192.0.2.81", "2001:db8::80"];

/// The generated name of a pod that exists in two Kubernetes namespaces.
pub(crate) const WEB: &str = "web-7d4b9c-x2x1z";

/// The running node. It goes down when its standard input is closed, at the latest with this process.
pub(crate) struct Node {
    script: Child,
    pid: u32,
    pub(crate) cluster: Cluster,
}

impl Node {
    /// The one that the tests of a file share.
    pub(crate) fn shared() -> &'static Self {
        static NODE: OnceLock<Node> = OnceLock::new();
        NODE.get_or_init(Self::up)
    }

    /// Starts it and waits until every pod runs.
    pub(crate) fn up() -> Self {
        require_root();
        let mut command = Command::new(testdata("pods/node"));
        command
            .env("DNSPROBE_PODS", repository().join("target/pods"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut script = command.spawn().unwrap();
        let mut lines = BufReader::new(script.stdout.take().unwrap()).lines().map(Result::unwrap);
        let first = lines.next().expect("the node's first process");
        let pid = first.strip_prefix("pid ").unwrap_or_else(|| panic!("{first}")).parse().unwrap();
        assert_eq!(
            lines.next().as_deref(),
            Some("ready"),
            "the node did not come up; standard error says why"
        );
        let netns = Netns::open(Path::new(&format!("/proc/{pid}/ns/net"))).unwrap();
        Self { script, pid, cluster: Cluster::on(&netns, SERVER) }
    }

    /// Takes it down and waits until nothing of it is left.
    pub(crate) fn down(mut self) {
        drop(self.script.stdin.take());
        assert!(self.script.wait().unwrap().success());
    }

    /// The number of the node's first process, on this machine.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// A program on the node.
    pub(crate) fn program(&self, line: &[&str]) -> Command {
        let mut command = program("nsenter");
        command.args(["-t", &self.pid.to_string(), "-m", "-n", "-p", "-u", "-i", "-C", "--"]).args(line);
        command
    }

    /// `dnsprobe` on the node.
    pub(crate) fn dnsprobe(&self, line: &[&str]) -> Command {
        self.program(&[&[PROGRAM], line].concat())
    }

    /// Runs `dnsprobe` on the node to its end.
    pub(crate) fn run(&self, line: &[&str]) -> Ran {
        finish(self.dnsprobe(line))
    }

    /// What a program on the node prints; it must succeed.
    pub(crate) fn output(&self, line: &[&str]) -> String {
        finish(self.program(line)).exits(0).text()
    }

    /// Plays the kubelet.
    pub(crate) fn kubelet(&self, line: &[&str]) -> String {
        let program = repository().join("target/pods/debug/cri");
        self.output(&[&[words(&program)], line].concat())
    }

    /// Every pod of containerd, as containerd says it.
    pub(crate) fn pods(&self) -> Vec<Value> {
        self.kubelet(&["list"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// One of them.
    pub(crate) fn pod(&self, namespace: &str, name: &str) -> Value {
        let mut pods = self.pods().into_iter();
        pods.find(|pod| pod["namespace"] == namespace && pod["pod"] == name).unwrap()
    }

    /// The network namespace of a process of the node, by the node's own number.
    pub(crate) fn netns_of(&self, pid: u64) -> u64 {
        let printed = self.output(&["stat", "-Lc", "%i", &format!("/proc/{pid}/ns/net")]);
        printed.trim().parse().unwrap()
    }

    /// What Docker or podman says of a container, by a template.
    pub(crate) fn inspect(&self, runtime: &str, container: &str, template: &str) -> String {
        let line = [runtime, "inspect", "--format", template, container];
        match runtime {
            "rootless" => self.rootless(&[&["podman"], &line[1..]].concat()),
            _ => self.output(&line),
        }
        .trim()
        .to_owned()
    }

    /// A program of the user without privileges.
    pub(crate) fn rootless(&self, line: &[&str]) -> String {
        self.output(&[&["/run/rootless"], line].concat())
    }

    /// The client of a pod's container looks names up, one after another.
    pub(crate) fn ask(
        &self,
        resolver: &'static str,
        pod: &str,
        container: &str,
        names: &[&str],
    ) -> Vec<Done> {
        parsed(resolver, &self.kubelet(&[&["exec", pod, container, "/client"], names].concat()))
    }

    /// The same in a container of Docker or podman.
    pub(crate) fn ask_in(
        &self,
        resolver: &'static str,
        runtime: &str,
        container: &str,
        names: &[&str],
    ) -> Vec<Done> {
        let client = ["exec", container, "/client"];
        let printed = match runtime {
            "rootless" => self.rootless(&[&["podman"], &client[..], names].concat()),
            _ => self.output(&[&[runtime], &client[..], names].concat()),
        };
        parsed(resolver, &printed)
    }
}

fn parsed(resolver: &'static str, printed: &str) -> Vec<Done> {
    printed.lines().map(|line| Done::parse(resolver, line)).collect()
}

/// The addresses of [`WWW`].
pub(crate) fn www_addresses() -> BTreeSet<IpAddr> {
    WWW_ADDRESSES.map(|address| address.parse().unwrap()).into()
}

/// Texts of a list.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    list(value).iter().map(|it| it.as_str().unwrap()).collect()
}

/// `NS/POD` of a line of `list` or of a target; the container's name outside a pod.
pub(crate) fn called(target: &Value) -> String {
    match (target["namespace"].as_str(), target["pod"].as_str()) {
        (Some(namespace), Some(pod)) => format!("{namespace}/{pod}"),
        (None, Some(pod)) => pod.to_owned(),
        _ => {
            let container = target["container"].as_str().or(target["containers"][0]["name"].as_str());
            container.map_or_else(|| target.to_string(), str::to_owned)
        }
    }
}
