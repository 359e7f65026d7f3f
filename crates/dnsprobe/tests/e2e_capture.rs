//! What `dnsprobe watch` captures and keeps: the kernel's times, every packet, and what is left when it is killed or when
//! the disk is full.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;
mod pod;

use std::collections::BTreeMap;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{Report, dnsprobe, nanos, questions, run, text, words};
use dnsprobe_sniffer::netns::run_in;
use dnsprobe_sniffer::{Host, Target, target};
use nix::sys::signal::Signal;
use pod::cluster::Cluster;
use pod::watch::Capturing;
use pod::{Pod, SERVER};
use serde_json::Value;

fn watch(pod: &Pod, more: &[&str]) -> Capturing {
    let line = [&["watch", "--netns", pod.name(), "-o", "json"], more].concat();
    Capturing::start(dnsprobe(&line), "watching")
}

/// A client in the pod that knows how long it waited for each answer.
struct Asking {
    socket: UdpSocket,
    number: u16,
}

impl Asking {
    fn in_pod(pod: &Pod) -> Self {
        let netns = target::locate(&Target::Netns(pod.name().to_owned()), &Host::default()).unwrap().netns;
        let socket = run_in(&netns, || UdpSocket::bind("0.0.0.0:0")).unwrap().unwrap();
        socket.connect((SERVER, 53)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { socket, number: 0 }
    }

    /// Asks for the address of a name of its own and waits for the answer; the name, and how long that took in
    /// nanoseconds.
    fn ask(&mut self) -> (String, i64) {
        self.number += 1;
        let name = format!("w{}.many.example.com.", self.number);
        let mut message = [&self.number.to_be_bytes()[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
        for label in name.split('.') {
            message.push(u8::try_from(label.len()).unwrap());
            message.extend(label.as_bytes());
        }
        message.extend([0, 1, 0, 1]);
        let begun = Instant::now();
        self.socket.send(&message).unwrap();
        let length = self.socket.recv(&mut [0; 512]).unwrap();
        let waited = begun.elapsed();
        assert!(length > message.len(), "an answer");
        (name, i64::try_from(waited.as_nanos()).unwrap())
    }

    /// Sends so many datagrams that are no questions to where nobody listens.
    fn send_elsewhere(self, count: usize) {
        self.socket.connect((SERVER, 9)).unwrap();
        for _ in 0..count {
            // That nobody listens is an error of the next call.
            let _ = self.socket.send(b"no question");
        }
    }
}

/// Time in nanoseconds and bytes of each packet of a nanosecond pcap file.
fn packets(file: &Path) -> Vec<(i64, Vec<u8>)> {
    let file = fs::read(file).unwrap();
    let word = |at: usize| u32::from_ne_bytes(file[at..at + 4].try_into().unwrap());
    assert_eq!(word(0), 0xa1b2_3c4d, "nanoseconds");
    let (mut at, mut found) = (24, Vec::new());
    while at < file.len() {
        let length = word(at + 8) as usize;
        let time = i64::from(word(at)) * 1_000_000_000 + i64::from(word(at + 4));
        found.push((time, file[at + 16..at + 16 + length].to_vec()));
        at += 16 + length;
    }
    found
}

/// From the query to the answer by the packets' own times, for each id.
fn latencies(packets: &[(i64, Vec<u8>)]) -> BTreeMap<u16, i64> {
    // Ethernet, IPv4 and UDP headers.
    const MESSAGE: usize = 14 + 20 + 8;
    let mut sent = BTreeMap::new();
    let mut latencies = BTreeMap::new();
    for (at, bytes) in packets {
        let id = u16::from_be_bytes([bytes[MESSAGE], bytes[MESSAGE + 1]]);
        if bytes[MESSAGE + 2] & 0x80 == 0 {
            sent.insert(id, *at);
        } else {
            latencies.insert(id, at - sent[&id]);
        }
    }
    latencies
}

fn latency_of(report: &Report, name: &str) -> i64 {
    let all = report.lookups.iter().flat_map(questions);
    let one: Vec<&Value> =
        all.filter(|it| format!("{}.", text(it, "qname").trim_end_matches('.')) == name).collect();
    assert_eq!(one.len(), 1, "{name}: {one:?}");
    nanos(&one[0]["latency_us"]).unwrap()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn latencies_are_those_of_tcpdumps_times_and_never_longer_than_the_client_waited() {
    let pod = Pod::new("");
    let _cluster = Cluster::start(&pod);
    let directory = tempfile::tempdir().unwrap();
    let [own, tcpdumps] = ["own.pcap", "tcpdump.pcap"].map(|name| directory.path().join(name));
    let options = ["--time-stamp-precision=nano", "--immediate-mode", "-U", "-Z", "root", "-n", "-i", "eth0"];
    let tcpdump = pod.program(&[&["tcpdump"], &options[..], &["-w", words(&tcpdumps), "port 53"]].concat());
    let beside = Capturing::start(tcpdump, "listening on");
    let watching = watch(&pod, &["-w", words(&own)]);
    let mut asking = Asking::in_pod(&pod);
    let waited: Vec<(String, i64)> = (0..200).map(|_| asking.ask()).collect();
    asking.send_elsewhere(30);
    let report = watching.stop().exits(0).report();
    let _ = beside.stop().exits(0);
    let theirs = packets(&tcpdumps);
    assert_eq!(theirs.len(), 400);
    assert!(packets(&own) == theirs, "the same packets at the same times");
    let by_tcpdump = latencies(&theirs);
    for (number, (name, waited)) in (1..).zip(&waited) {
        let latency = latency_of(&report, name);
        assert_eq!(latency, by_tcpdump[&number], "{name}");
        assert!((0..=*waited).contains(&latency), "{name}: {latency} of {waited}");
    }
    let counted = &report.summary["by_namespace"][0];
    assert_eq!((&report.summary["captured"], &counted["captured"]), (&400.into(), &400.into()));
    for field in ["dropped_by_kernel", "truncated", "unknown_link"] {
        assert_eq!((&report.summary[field], &counted[field]), (&0.into(), &0.into()), "{field}");
    }
    // The interface has counted more than that: who has which address is asked, too.
    let kept_away = counted["filtered"].as_u64().unwrap();
    assert!((30..300).contains(&kept_away), "{kept_away}");
    assert_eq!(report.summary["filtered"], kept_away);
    assert_eq!((text(counted, "name"), &counted["target"]), (pod.name(), &report.lookups[0]["target"]));
}

/// Names of the lookups in lines that may end anywhere.
fn names(lines: &[u8]) -> Vec<String> {
    let lines = String::from_utf8_lossy(lines);
    let whole = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    whole.filter(|it| it["type"] == "lookup").map(|it| text(&it, "name").to_owned()).collect()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_was_printed_before_a_kill_is_in_the_packet_file() {
    let pod = Pod::new("");
    let _cluster = Cluster::start(&pod);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("killed.pcap");
    let watching = watch(&pod, &["-w", words(&file)]);
    let mut asking = Asking::in_pod(&pod);
    for _ in 0..150 {
        asking.ask();
    }
    let printed = names(&watching.end_with(Signal::SIGKILL).was_killed().stdout);
    assert!(!printed.is_empty(), "the first rows are there long before the last question");
    let kept = run(&["read", words(&file), "-o", "json"]).exits(0).quietly().report();
    for name in &printed {
        assert!(
            kept.names().iter().any(|kept| kept.trim_end_matches('.') == name.trim_end_matches('.')),
            "{name}"
        );
    }
}

/// A file system of one size, gone when dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    fn of(size: &str) -> Self {
        let disk = Self(tempfile::tempdir().unwrap());
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"]).arg(disk.0.path());
        assert!(mount.status().unwrap().success());
        disk
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
#[ignore = "needs root: network namespaces, and mounts"]
fn a_full_disk_leaves_a_readable_file_every_row_and_a_message() {
    let pod = Pod::new("");
    let _cluster = Cluster::start(&pod);
    let disk = Disk::of("16k");
    let file = disk.0.path().join("full.pcap");
    let watching = watch(&pod, &["-w", words(&file)]);
    let mut asking = Asking::in_pod(&pod);
    for _ in 0..200 {
        asking.ask();
    }
    let left = watching.stop().exits(2);
    left.complains(&[
        "packets are not kept any more",
        "full.pcap",
        "No space left on device",
        "what was written before this is a readable capture",
    ]);
    assert_eq!(left.report().lookups.len(), 200);
    let kept = run(&["read", words(&file), "-o", "json"]).exits(0).quietly().report();
    assert!((1..200).contains(&kept.lookups.len()), "{}", kept.lookups.len());
    let tcpdump = Command::new("tcpdump").args(["-nr", words(&file)]).output().unwrap();
    assert!(tcpdump.status.success(), "{}", String::from_utf8_lossy(&tcpdump.stderr));
}
