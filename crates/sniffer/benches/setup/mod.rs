//! What the benchmarks of captures have in common: namespaces, counting, and what a processor was busy with.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dnsprobe_lookup::Nanos;
use dnsprobe_sniffer::capture::now;
use dnsprobe_sniffer::{Capture, End, FrameSource, Host, Netns, Target, target};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// Whether it may make namespaces; says so where it may not.
pub(crate) fn may_run() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        println!("not run: it makes network namespaces, which needs root");
    }
    root
}

/// Whether there is something to compare with.
pub(crate) fn has_tcpdump() -> bool {
    Command::new("tcpdump").arg("--version").output().is_ok()
}

/// Runs `ip`, which must succeed.
pub(crate) fn ip(words: &str) {
    assert!(Command::new("ip").args(words.split(' ')).status().unwrap().success(), "ip {words}");
}

/// Network namespaces with a loopback that is up, gone when this is.
pub(crate) struct Namespaces {
    pub(crate) names: Vec<String>,
    pub(crate) open: Vec<Netns>,
}

impl Namespaces {
    /// So many, named for a benchmark and this process.
    pub(crate) fn new(what: &str, count: usize) -> Self {
        let name = |number| format!("dnsprobe-{what}-{}-{number}", std::process::id());
        let mut all = Self { names: (0..count).map(name).collect(), open: Vec::new() };
        for name in &all.names {
            ip(&format!("netns add {name}"));
            ip(&format!("-n {name} link set lo up"));
            all.open.push(target::locate(&Target::Netns(name.clone()), &Host::default()).unwrap().netns);
        }
        all
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

/// What a capture has seen.
pub(crate) struct Seen {
    pub(crate) frames: usize,
    pub(crate) dropped: u64,
    /// Of the thread that captured.
    pub(crate) cpu: Duration,
}

/// Counts frames until `done` is set and no more come.
pub(crate) fn count(capture: &mut Capture, done: &AtomicBool) -> Seen {
    let (before, mut frames) = (thread_cpu(), 0);
    loop {
        let was_done = done.load(Ordering::Relaxed);
        let until = Some(now() + Nanos::from_millis(100));
        let batch = capture.next_batch(until, &mut |_| frames += 1).unwrap();
        if was_done && batch.end == End::Deadline {
            break;
        }
    }
    let dropped = capture.statistics(None).unwrap().dropped_by_kernel;
    Seen { frames, dropped, cpu: thread_cpu().saturating_sub(before) }
}

/// The processor time of the calling thread.
pub(crate) fn thread_cpu() -> Duration {
    cpu_of(UsageWho::RUSAGE_THREAD)
}

/// That of the programs that were started here and have ended.
#[allow(dead_code, reason = "not every benchmark starts programs")]
pub(crate) fn children_cpu() -> Duration {
    cpu_of(UsageWho::RUSAGE_CHILDREN)
}

fn cpu_of(who: UsageWho) -> Duration {
    let usage = getrusage(who).unwrap();
    let time = |time: TimeVal| Duration::from_micros((time.tv_sec() * 1_000_000 + time.tv_usec()) as u64);
    time(usage.user_time()) + time(usage.system_time())
}
