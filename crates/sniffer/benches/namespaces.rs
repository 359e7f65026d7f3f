//! What it costs to watch many network namespaces: `sudo cargo bench -p dnsprobe-sniffer --bench namespaces`.
//!
//! Opens a socket in each of 250 namespaces and prints the time and the memory that takes, beside the time one takes. With
//! tcpdump installed, starts one of it for each as well.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark: it prints, and ends where it cannot go on"
)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dnsprobe_sniffer::{Capture, CaptureOptions, Host, Netns, Target, target, wake};

const NAMESPACES: usize = 250;

fn main() {
    if !nix::unistd::geteuid().is_root() {
        println!("not run: it makes network namespaces, which needs root");
        return;
    }
    let names = Names::new();
    let open: Vec<Netns> = names.0.iter().map(|name| locate(name)).collect();
    let mut one = Capture::new(wake::pair().unwrap().1).unwrap();
    let single = timed(|| {
        one.attach(&open[0], &CaptureOptions::default()).unwrap();
    });
    let before = resident();
    let mut all = Capture::new(wake::pair().unwrap().1).unwrap();
    let attached = timed(|| {
        for netns in &open {
            all.attach(netns, &CaptureOptions::default()).unwrap();
        }
    });
    println!(
        "{NAMESPACES} namespaces attached in {attached:.1?} (one: {single:.1?}), {} KiB of memory for them",
        resident() - before
    );
    let closed = timed(|| drop(all));
    println!("    closed in {closed:.1?}");
    if Command::new("tcpdump").arg("--version").output().is_ok() {
        let started = timed(|| tcpdumps(&names));
        println!(
            "    a tcpdump for each took {started:.1?} to start: ratio {:.0}",
            started.as_secs_f64() / attached.as_secs_f64()
        );
    }
}

/// Namespaces that are gone when this is.
struct Names(Vec<String>);

impl Names {
    fn new() -> Self {
        let names = Self(
            (0..NAMESPACES).map(|number| format!("dnsprobe-bench-{}-{number}", std::process::id())).collect(),
        );
        for name in &names.0 {
            assert!(Command::new("ip").args(["netns", "add", name]).status().unwrap().success());
        }
        names
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        for name in &self.0 {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

fn locate(name: &str) -> Netns {
    target::locate(&Target::Netns(name.to_owned()), &Host::default()).unwrap().netns
}

/// Starts one in each namespace and waits until all of them listen.
fn tcpdumps(names: &Names) {
    let start = |name: &String| {
        let words = ["netns", "exec", name, "tcpdump", "-i", "any", "-n", "-w", "/dev/null", "port", "53"];
        Command::new("ip").args(words).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut running: Vec<Child> = names.0.iter().map(start).collect();
    for child in &mut running {
        let errors = BufReader::new(child.stderr.as_mut().unwrap());
        errors.lines().find(|line| line.as_ref().is_ok_and(|line| line.contains("listening")));
    }
    for mut child in running {
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let before = Instant::now();
    work();
    before.elapsed()
}

/// Resident memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
