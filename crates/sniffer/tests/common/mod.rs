//! What the tests with real namespaces share. They are `#[ignore]`d, so `cargo test` shows them as not run; with
//! `--include-ignored` they run, and without root they fail.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]
#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dnsprobe_lookup::{Frame, LinkType, Timestamp};
use dnsprobe_sniffer::capture::now;
use dnsprobe_sniffer::netns::run_in;
use dnsprobe_sniffer::target::locate;
use dnsprobe_sniffer::wake;
use dnsprobe_sniffer::{
    Batch, Capture, CaptureOptions, End, FrameSource, Host, Netns, Queue, SourceId, Target, Waker,
};

/// Fails when the test was asked for without the privileges that it needs.
pub(crate) fn require_root() {
    let root = nix::unistd::geteuid().is_root();
    assert!(root, "this test makes network namespaces: run it as root, or without --include-ignored");
}

/// Two namespaces joined by a veth pair, `left` and `right` in them; gone when dropped.
pub(crate) struct Pair {
    pub(crate) left: Namespace,
    pub(crate) right: Namespace,
}

/// A named namespace, removed when dropped.
pub(crate) struct Namespace {
    pub(crate) name: String,
    pub(crate) netns: Netns,
}

pub(crate) const LEFT: &str = "10.99.0.1";
pub(crate) const RIGHT: &str = "10.99.0.2";
pub(crate) const LEFT_V6: &str = "fd99::1";
pub(crate) const RIGHT_V6: &str = "fd99::2";

impl Namespace {
    pub(crate) fn new(role: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("dnsprobe-test-{}-{count}-{role}", std::process::id());
        ip(&["netns", "add", &name]);
        let netns = locate(&Target::Netns(name.clone()), &Host::default()).unwrap().netns;
        let namespace = Self { name, netns };
        namespace.ip(&["link", "set", "lo", "up"]);
        namespace
    }

    /// Runs `ip` inside.
    pub(crate) fn ip(&self, words: &[&str]) {
        ip(&[&["-n", &self.name], words].concat());
    }

    /// A UDP socket inside.
    pub(crate) fn udp(&self, address: &str, port: u16) -> UdpSocket {
        let address = SocketAddr::new(address.parse::<IpAddr>().unwrap(), port);
        let socket = run_in(&self.netns, || UdpSocket::bind(address)).unwrap().unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Nothing more can be done about a failure here.
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

impl Pair {
    pub(crate) fn new() -> Self {
        let pair = Self { left: Namespace::new("left"), right: Namespace::new("right") };
        let peer = ["peer", "name", "right", "netns", &pair.right.name];
        pair.left.ip(&[&["link", "add", "left", "type", "veth"], &peer[..]].concat());
        for (side, device, v4, v6) in
            [(&pair.left, "left", LEFT, LEFT_V6), (&pair.right, "right", RIGHT, RIGHT_V6)]
        {
            side.ip(&["address", "add", &format!("{v4}/24"), "dev", device]);
            side.ip(&["address", "add", &format!("{v6}/64"), "dev", device, "nodad"]);
            side.ip(&["link", "set", device, "up"]);
        }
        pair
    }
}

fn ip(words: &[&str]) {
    let output = Command::new("ip").args(words).output().expect("iproute2 is installed");
    assert!(output.status.success(), "ip {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr));
}

/// A child that is ended when dropped.
pub(crate) struct Ended(pub(crate) Child);

impl Ended {
    /// Starts a shell script that says `ready` when it is where it should be.
    pub(crate) fn shell(wrapper: &[&str], script: &str) -> Self {
        let script = format!("{script}\necho ready; exec sleep 600");
        let words = [wrapper, &["sh", "-c", &script]].concat();
        Self::when_ready(Command::new(words[0]).args(&words[1..]))
    }

    /// Starts a program and waits until it says `ready`.
    pub(crate) fn when_ready(command: &mut Command) -> Self {
        let mut ended = Self(command.stdout(Stdio::piped()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(ended.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "{command:?}");
        ended
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A frame that outlives its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) source: SourceId,
    pub(crate) at: Timestamp,
    pub(crate) link: LinkType,
    pub(crate) bytes: Vec<u8>,
    pub(crate) original_len: u32,
    pub(crate) interface: u32,
}

impl Kept {
    fn new(source: SourceId, frame: Frame<'_>) -> Self {
        let Frame { at, link, bytes, original_len, interface } = frame;
        Self { source, at, link, bytes: bytes.to_vec(), original_len, interface }
    }
}

/// Both kinds of queue, which must not differ in what comes out of them.
pub(crate) const QUEUES: [Queue; 2] = [Queue::Socket { bytes: 4 << 20 }, Queue::BUSY];

/// A capture with what it needs to be stopped.
pub(crate) struct Watch {
    pub(crate) capture: Capture,
    pub(crate) waker: Waker,
}

impl Watch {
    pub(crate) fn new() -> Self {
        let (waker, wake) = wake::pair().unwrap();
        Self { capture: Capture::new(wake).unwrap(), waker }
    }

    pub(crate) fn on(netns: &Netns) -> Self {
        Self::through(netns, Queue::default())
    }

    pub(crate) fn through(netns: &Netns, queue: Queue) -> Self {
        let mut watch = Self::new();
        watch.capture.attach(netns, &CaptureOptions { queue, ..CaptureOptions::default() }).unwrap();
        watch
    }

    /// Everything that has passed by now: one frame is `last`, after which nothing more is expected.
    pub(crate) fn until(&mut self, last: impl Fn(&Kept) -> bool) -> Vec<Kept> {
        let mut frames = Vec::new();
        let limit = Timestamp(now().0 + 20_000_000_000);
        while !frames.iter().any(&last) {
            let batch = self.batch(Some(limit), &mut frames);
            assert_ne!(batch.end, End::Deadline, "the last frame never came; seen: {frames:?}");
        }
        frames
    }

    pub(crate) fn batch(&mut self, deadline: Option<Timestamp>, frames: &mut Vec<Kept>) -> Batch {
        let sink = &mut |captured: dnsprobe_sniffer::Captured<'_>| {
            frames.push(Kept::new(captured.source, captured.frame));
        };
        self.capture.next_batch(deadline, sink).unwrap()
    }
}

/// Whether a frame ends with these bytes, as one with them as its payload does.
pub(crate) fn carries(payload: &[u8]) -> impl Fn(&Kept) -> bool {
    let payload = payload.to_vec();
    move |frame| frame.bytes.ends_with(&payload)
}
