//! Frames from any number of network namespaces, in one thread.

use std::collections::BTreeMap;

use dnsprobe_lookup::{Frame, LinkType, Timestamp};

use crate::error::Error;
use crate::netns::Netns;
use crate::wake::Wake;

/// One attached network namespace: handed out by [`Capture::attach`], never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// A frame and the namespace it passed through. `frame.interface` is the kernel's interface index in that namespace.
#[derive(Debug, Clone, Copy)]
pub struct Captured<'a> {
    /// Which namespace.
    pub source: SourceId,
    /// The frame, equal to the wire: VLAN tags that the kernel took off are put back.
    pub frame: Frame<'a>,
}

/// What one wait brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// How many frames were handed over.
    pub frames: usize,
    /// Every frame that passed before this moment has been handed over (by `CLOCK_REALTIME`, as frames are stamped).
    pub now: Timestamp,
    /// Why the wait ended.
    pub end: End,
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Frames came.
    Frames,
    /// The deadline passed in silence.
    Deadline,
    /// The [`crate::Waker`] was used. Frames that had arrived by then have still been handed over.
    Stopped,
}

/// Counters since the start of the capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Frames the kernel's filter let through and the queue had room for.
    pub received: u64,
    /// Frames lost because the queue was full.
    pub dropped_by_kernel: u64,
    /// Frames longer than the buffer, handed over cut.
    pub truncated: u64,
    /// Frames of interfaces whose link type is not known, not handed over.
    pub unknown_link: u64,
}

/// An interface that frames came from, or were asked from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its index in its namespace.
    pub index: u32,
    /// Its name; for terminals it must be escaped.
    pub name: String,
    /// What its frames begin with.
    pub link: LinkType,
}

/// What to capture in one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureOptions {
    /// Only this interface; all of them when `None`, later ones included.
    pub interface: Option<String>,
    /// The ports that count as DNS, at either end, UDP and TCP.
    pub ports: Vec<u16>,
    /// The kernel's queue for this socket, in bytes.
    pub buffer_bytes: usize,
}

impl Default for CaptureOptions {
    fn default() -> Self {
        Self { interface: None, ports: vec![53], buffer_bytes: 4 << 20 }
    }
}

/// Something that frames come from, one batch at a time.
pub trait FrameSource {
    /// Waits for frames, for `deadline` or for a stop, whichever is first, and hands over every frame that has arrived.
    ///
    /// Returns after a bounded number of frames so that the caller can print; call it again.
    fn next_batch(
        &mut self,
        deadline: Option<Timestamp>,
        sink: &mut dyn FnMut(Captured<'_>),
    ) -> Result<Batch, Error>;

    /// The counters of one source, or of all when `None`, those detached included.
    fn statistics(&mut self, source: Option<SourceId>) -> Result<Statistics, Error>;

    /// The interfaces of a source that have been seen so far, by index.
    fn interfaces(&self, source: SourceId) -> Vec<Interface>;
}

/// A live capture: plain packet sockets, one per attached namespace, drained in a fixed rhythm.
#[derive(Debug)]
pub struct Capture {
    #[expect(dead_code)]
    sockets: BTreeMap<SourceId, ()>,
}

impl Capture {
    /// Nothing attached yet; `wake` ends every wait.
    pub fn new(_wake: Wake) -> Result<Self, Error> {
        todo!()
    }

    /// Begins to capture in `netns`. Needs `CAP_SYS_ADMIN` (unless already in it) and `CAP_NET_RAW`.
    pub fn attach(&mut self, _netns: &Netns, _options: &CaptureOptions) -> Result<SourceId, Error> {
        todo!()
    }

    /// Ends the capture in one namespace; its counters stay in the total.
    pub fn detach(&mut self, _source: SourceId) -> Result<(), Error> {
        todo!()
    }
}

impl FrameSource for Capture {
    fn next_batch(
        &mut self,
        _deadline: Option<Timestamp>,
        _sink: &mut dyn FnMut(Captured<'_>),
    ) -> Result<Batch, Error> {
        todo!()
    }

    fn statistics(&mut self, _source: Option<SourceId>) -> Result<Statistics, Error> {
        todo!()
    }

    fn interfaces(&self, _source: SourceId) -> Vec<Interface> {
        todo!()
    }
}

/// The time by the clock that stamps frames.
pub fn now() -> Timestamp {
    todo!()
}
