//! A pod-like network namespace, a cluster's DNS server on the far end of its veth pair, and programs with the resolvers
//! of glibc, musl and Go in it.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod clients;
pub(crate) mod cluster;
pub(crate) mod container;
/// The DNS server that the demo plays with, too.
#[path = "../../src/demo/server.rs"]
pub(crate) mod server;
pub(crate) mod watch;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use dnsprobe_sniffer::{Host, Netns, Target, target};

use crate::common::{POD_CONF, program, require_root};

/// Where the cluster's DNS server is.
pub(crate) const SERVER: &str = "10.96.0.10";
/// Where nobody is: what is sent there is lost.
pub(crate) const NOBODY: &str = "10.96.0.99";
const POD: &str = "10.244.7.2";
const NODE: &str = "10.244.7.1";

/// A named network namespace with files of its own in `/etc`; both are gone when dropped.
struct Namespace {
    name: String,
    etc: PathBuf,
}

impl Namespace {
    fn new(role: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("dp{}-{count}-{role}", std::process::id());
        ip(&["netns", "add", &name]);
        let namespace = Self { etc: PathBuf::from("/etc/netns").join(&name), name };
        namespace.ip(&["link", "set", "lo", "up"]);
        namespace
    }

    /// Runs `ip` inside.
    fn ip(&self, words: &[&str]) {
        ip(&[&["-n", &self.name], words].concat());
    }

    /// A program inside.
    fn program(&self, words: &[&str]) -> Command {
        let mut command = program("ip");
        command.args(["netns", "exec", &self.name]).args(words);
        command
    }

    fn netns(&self) -> Netns {
        target::locate(&Target::Netns(self.name.clone()), &Host::default()).unwrap().netns
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Nothing more can be done about a failure here.
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
        let _ = fs::remove_dir_all(&self.etc);
    }
}

fn ip(words: &[&str]) {
    let output = program("ip").args(words).output().expect("iproute2 is installed");
    assert!(output.status.success(), "ip {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr));
}

/// The pod: its namespace, and that of the node that it reaches the server through.
pub(crate) struct Pod {
    pod: Namespace,
    node: Namespace,
}

impl Pod {
    /// A pod whose resolv.conf is `POD_CONF` with `options` added to its last line.
    pub(crate) fn new(options: &str) -> Self {
        require_root();
        let pod = Self { pod: Namespace::new("pod"), node: Namespace::new("node") };
        let peer = ["peer", "name", "eth0", "netns", &pod.node.name];
        pod.pod.ip(&[&["link", "add", "eth0", "type", "veth"], &peer[..]].concat());
        for (side, address) in [(&pod.pod, POD), (&pod.node, NODE)] {
            side.ip(&["address", "add", &format!("{address}/24"), "dev", "eth0"]);
            side.ip(&["link", "set", "eth0", "up"]);
        }
        pod.node.ip(&["address", "add", &format!("{SERVER}/32"), "dev", "lo"]);
        // Where the machine forwards, a namespace does so, too, and would answer with ICMP as often as it likes.
        pod.node.ip(&["route", "add", "blackhole", NOBODY]);
        pod.pod.ip(&["route", "add", "default", "via", NODE]);
        fs::create_dir_all(&pod.pod.etc).unwrap();
        fs::write(pod.pod.etc.join("resolv.conf"), format!("{} {options}\n", POD_CONF.trim_end())).unwrap();
        // Nothing but DNS answers, whatever this machine's own files say.
        fs::write(pod.pod.etc.join("nsswitch.conf"), "hosts: dns\n").unwrap();
        fs::write(pod.pod.etc.join("hosts"), "127.0.0.1 localhost\n").unwrap();
        pod
    }

    /// The name for `--netns`.
    pub(crate) fn name(&self) -> &str {
        &self.pod.name
    }

    /// The node's namespace, where the server listens.
    pub(crate) fn node(&self) -> Netns {
        self.node.netns()
    }

    /// Its own namespace.
    pub(crate) fn netns(&self) -> Netns {
        self.pod.netns()
    }

    /// The pod's resolv.conf.
    pub(crate) fn conf(&self) -> PathBuf {
        self.pod.etc.join("resolv.conf")
    }

    /// A program in the pod, with its own `/etc/resolv.conf`.
    pub(crate) fn program(&self, words: &[&str]) -> Command {
        self.pod.program(words)
    }

    /// A program in the node's namespace.
    pub(crate) fn on_node(&self, words: &[&str]) -> Command {
        self.node.program(words)
    }
}
