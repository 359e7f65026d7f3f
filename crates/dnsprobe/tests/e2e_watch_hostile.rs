//! `dnsprobe watch` on a pod that would make it read without end: its network is real, and its processes are files that
//! claim to be larger and more than any process has.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;
mod pod;

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use common::{POD_CONF, dnsprobe, text};
use nix::sys::stat::Mode;
use pod::Pod;
use pod::clients::Client;
use pod::cluster::Cluster;
use pod::watch::Capturing;
use tempfile::TempDir;

const UID: &str = "11111111-2222-3333-4444-555555555555";
/// More than there is to read anywhere: a file with nothing in it, as far as one may go.
const ENDLESS: u64 = 1 << 40;
/// What may be read for one program, in bytes: what is mapped twice, its executable twice, a libc, and three data bases of
/// packages.
const FOR_ONE: u64 = (2 * 16 + 3 * 64 + 3 * 16 + 16) << 20;
/// What detecting may take of memory, in bytes.
const MEMORY: u64 = 128 << 20;

/// A node's root directory whose processes are all in the network namespace of a real pod.
struct Node<'p> {
    root: TempDir,
    pod: &'p Pod,
}

impl<'p> Node<'p> {
    fn new(pod: &'p Pod) -> Self {
        let node = Self { root: tempfile::tempdir().unwrap(), pod };
        // The node's first process is elsewhere.
        let first = node.path("proc/1");
        fs::create_dir_all(first.join("ns")).unwrap();
        fs::write(first.join("cgroup"), "0::/init.scope\n").unwrap();
        symlink("net:[4026531840]", first.join("ns/net")).unwrap();
        fs::create_dir_all(node.path(&format!("var/log/pods/sre_web-0_{UID}/app"))).unwrap();
        node
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.root.path().join(inside)
    }

    /// A process of one of the pod's containers, which runs nothing yet.
    fn process(&self, pid: u32, container: u32) -> PathBuf {
        let directory = self.path(&format!("proc/{pid}"));
        for folder in ["ns", "root/etc"] {
            fs::create_dir_all(directory.join(folder)).unwrap();
        }
        let cgroup = format!("0::/kubepods/burstable/pod{UID}/{container:064x}\n");
        fs::write(directory.join("cgroup"), cgroup).unwrap();
        fs::write(directory.join("stat"), format!("{pid} (app) S 1 1 1 0")).unwrap();
        fs::write(directory.join("comm"), "app\n").unwrap();
        fs::write(directory.join("root/etc/resolv.conf"), POD_CONF).unwrap();
        // As in the kernel's, the link's text is the namespace's number; here it leads to a file, too.
        let number = format!("net:[{}]", self.pod.netns().inode());
        symlink(&number, directory.join("ns/net")).unwrap();
        symlink(format!("/run/netns/{}", self.pod.name()), directory.join("ns").join(&number)).unwrap();
        directory
    }

    fn watch(&self) -> Capturing {
        let root = self.root.path().to_str().unwrap();
        Capturing::start(
            dnsprobe(&["watch", "--pod", "sre/web-0", "--host-root", root, "-o", "json"]),
            "watching",
        )
    }
}

/// A file as large as can be, with `beginning` at its start.
fn endless(path: impl AsRef<Path>, beginning: &[u8]) {
    let mut file = File::create(path).unwrap();
    file.write_all(beginning).unwrap();
    file.set_len(ENDLESS).unwrap();
}

/// The header of a 64-bit executable for x86-64 with `headers` segments of 4 MiB, each of which is said to name the program
/// that loads it.
fn executable(headers: u16) -> Vec<u8> {
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    elf.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    elf.extend([0_u64, 64, 0].map(u64::to_le_bytes).concat());
    elf.extend([0; 4]);
    elf.extend([64_u16, 56, headers, 64, 0, 0].map(u16::to_le_bytes).concat());
    for number in 0..u64::from(headers) {
        elf.extend([3_u32, 4].map(u32::to_le_bytes).concat());
        elf.extend([(8 << 20) + number, 0, 0, 4 << 20, 4 << 20, 1].map(u64::to_le_bytes).concat());
    }
    elf
}

/// A number from a file of the program's own in /proc: what it has read so far, or the most memory that it had.
fn measured(watching: &Capturing, file: &str, field: &str) -> u64 {
    let lines = fs::read_to_string(format!("/proc/{}/{file}", watching.pid())).unwrap();
    let line = lines.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_end_matches("kB").trim().parse().unwrap()
}

/// Waits until it watches, sees that it has read and taken no more than it may, and that it shows what the pod asks.
fn watches_within(node: &Node<'_>, most_read: u64) {
    let _cluster = Cluster::start(node.pod);
    let watching = node.watch();
    let (read, memory) = (measured(&watching, "io", "rchar:"), measured(&watching, "status", "VmHWM:") << 10);
    Client::Musl.ask(node.pod, &["web"]);
    let report = watching.stop().exits(0).report();
    assert_eq!(text(report.lookup("web"), "outcome"), "ANSWER");
    assert!(read <= most_read, "{} MiB were read", read >> 20);
    assert!(memory <= MEMORY, "{} MiB were taken", memory >> 20);
}

/// A libc that is mapped, and data bases of packages, without an end.
fn with_endless_libraries(process: &Path) {
    endless(process.join("exe"), &executable(0));
    endless(process.join("maps"), b"7f00-7f01 r-xp 00000000 fe:00 2 /lib/x86_64-linux-gnu/libc.so.6\n");
    for place in ["lib/x86_64-linux-gnu/libc.so.6", "lib/apk/db/installed", "var/lib/dpkg/status"] {
        let place = process.join("root").join(place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        endless(place, b"");
    }
}

/// Lines as long as they get, as many as are read: of a program that maps files all over.
fn with_many_libraries(process: &Path) {
    endless(process.join("exe"), &executable(0));
    let path = "x".repeat(4_000);
    let line = |number: u32| format!("7f00-7f01 r-xp 00000000 fe:00 {number} /{path}{number}\n");
    fs::write(process.join("maps"), (0..5_000).map(line).collect::<String>()).unwrap();
}

/// Whoever opens it to read waits for a writer that never comes.
fn with_a_pipe(process: &Path) {
    nix::unistd::mkfifo(&process.join("exe"), Mode::S_IRWXU).unwrap();
}

#[test]
#[ignore = "needs root: network namespaces"]
fn programs_that_are_endless_are_read_to_a_bound() {
    let makings: [fn(&Path); 5] = [
        |process| endless(process.join("exe"), &executable(0)),
        |process| endless(process.join("exe"), &executable(1_000)),
        with_endless_libraries,
        with_many_libraries,
        with_a_pipe,
    ];
    for making in makings {
        let pod = Pod::new("");
        let node = Node::new(&pod);
        making(&node.process(100, 1));
        watches_within(&node, FOR_ONE);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn of_a_container_with_many_programs_one_is_looked_into() {
    let pod = Pod::new("");
    let node = Node::new(&pod);
    for pid in 0..2_000 {
        endless(node.process(1_000 + pid, 1).join("exe"), &executable(0));
    }
    // One program; what is read of each process beside is where it belongs.
    watches_within(&node, FOR_ONE + (2_000 << 14));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_pod_of_more_containers_than_anybody_has_is_not_looked_into() {
    let pod = Pod::new("");
    let node = Node::new(&pod);
    for container in 0..500 {
        endless(node.process(1_000 + container, 1 + container).join("exe"), &executable(0));
    }
    watches_within(&node, 500 << 16);
}
