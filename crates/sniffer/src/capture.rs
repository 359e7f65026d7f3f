//! Frames from any number of network namespaces, in one thread.

use std::collections::BTreeMap;
use std::io;
use std::ops::AddAssign;
use std::os::fd::AsFd;
use std::time::Duration;

use dnsprobe_lookup::{Embedded, Frame, LinkType, Nanos, Timestamp};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::time::{ClockId, clock_gettime};

use crate::error::Error;
use crate::netns::Netns;
use crate::packet_socket::{Drained, PacketSocket};
use crate::sys::{self, Buffers};
use crate::wake::{Bell, Wake};

/// How long frames gather in the queues of sockets after the first before they are fetched, in milliseconds. In a ring they
/// do so by themselves.
pub const PAUSE_MS: u8 = 5;
/// The same where there are more sockets than [`MANY`]: any of them wakes, and none of them is busy.
pub const PAUSE_OF_MANY_MS: u8 = 10;
/// So many namespaces may have a busy one among them.
const MANY: usize = 16;
/// How long a stamped frame may take to its queue: it is stamped before it waits for a softirq.
const SETTLE: Nanos = Nanos::from_millis(2);
/// How long a capture that is stopped goes on with what the kernel had counted by then.
const LAST_FRAMES: Nanos = Nanos::from_millis(1_000);
/// How long it waits for some of that to show.
const SHORT: Duration = Duration::from_millis(2);
/// How many sockets are drained before frames are reported.
const SOCKETS_AT_ONCE: usize = 256;
/// How many sockets one thread closes at the end.
const CLOSED_TOGETHER: usize = 8;
/// What epoll says when the waker or the bell was used; sources have smaller numbers.
const WAKE: u64 = u64::MAX;
const BELL: u64 = WAKE - 1;

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
    /// Frames came, though perhaps none that is handed over.
    Frames,
    /// The deadline passed in silence.
    Deadline,
    /// The [`Bell`] was rung. Frames that had arrived by then have been handed over.
    Rung,
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
    /// Frames that the kernel's filter kept away, by the counters of the interfaces; `None` where these are not told.
    /// Segments that an interface counts apart and the stack as one are told as kept away, too.
    pub filtered: Option<u64>,
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
    /// Where frames wait until they are fetched.
    pub queue: Queue,
}

/// Where the kernel keeps frames until they are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// In the socket's own queue. Memory is taken by the frames that are in it, so hundreds of namespaces may have one.
    Socket {
        /// How much they may take, the kernel's account of them included.
        bytes: usize,
    },
    /// In a ring of memory shared with the kernel (`TPACKET_V3`): taken at once, and a frame costs neither a system call
    /// nor a copy. Where that cannot be had, the default queue takes its place.
    Ring {
        /// The size of the ring, rounded down to whole blocks.
        bytes: usize,
    },
}

impl Queue {
    /// For a namespace that may be busy: at 100,000 frames a second more than a second of them.
    pub const BUSY: Self = Self::Ring { bytes: 32 << 20 };
}

impl Default for Queue {
    fn default() -> Self {
        Self::Socket { bytes: 4 << 20 }
    }
}

impl Default for CaptureOptions {
    fn default() -> Self {
        Self { interface: None, ports: vec![53], queue: Queue::default() }
    }
}

impl CaptureOptions {
    /// The same with the ports of an embedded DNS server, which are not port 53.
    #[must_use]
    pub fn with(mut self, embedded: Option<&Embedded>) -> Self {
        self.ports.extend(embedded.iter().flat_map(|embedded| &embedded.ports));
        self
    }
}

/// An open socket in a network namespace, to be handed to the thread that captures: opening needs privileges, capturing
/// does not.
#[derive(Debug)]
pub struct Tap(PacketSocket);

impl Tap {
    /// Opens one. Needs `CAP_SYS_ADMIN` (unless already in `netns`) and `CAP_NET_RAW`.
    pub fn open(netns: &Netns, options: &CaptureOptions) -> Result<Self, Error> {
        PacketSocket::open(netns, options).map(Self)
    }
}

/// Something that frames come from, one batch at a time.
pub trait FrameSource {
    /// Waits for frames, for `deadline` or for a stop, whichever is first, and hands over every frame that has arrived.
    ///
    /// Frames of one source come in the order in which they were queued. A query is before its answer; frames that
    /// have nothing to do with each other may be stamped some microseconds in the other order (two processors).
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

/// A live capture: a packet socket per attached namespace, drained in a fixed rhythm by the calling thread.
///
/// After the first frame of a burst it pauses for [`PAUSE_MS`] (or [`PAUSE_OF_MANY_MS`]) and then takes all that has arrived: a wake-up per frame
/// costs more than everything else together.
#[derive(Debug)]
pub struct Capture {
    sockets: BTreeMap<SourceId, PacketSocket>,
    next_id: u32,
    detached: Statistics,
    buffers: Buffers,
    epoll: Epoll,
    wake: Wake,
    bell: Bell,
    /// Whether the last batch left frames behind.
    backlog: Backlog,
    /// All frames before it have been handed over.
    reached: Timestamp,
    /// Until when frames may come that the kernel has, but does not show yet: to look sooner is in vain.
    hidden_until: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backlog {
    None,
    Some,
}

impl Capture {
    /// Nothing attached yet; `wake` ends every wait.
    pub fn new(wake: Wake) -> Result<Self, Error> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(|e| waiting(e.into()))?;
        epoll.add(&wake, EpollEvent::new(EpollFlags::EPOLLIN, WAKE)).map_err(|e| waiting(e.into()))?;
        let bell = Bell::new().map_err(waiting)?;
        epoll.add(&bell, EpollEvent::new(EpollFlags::EPOLLIN, BELL)).map_err(|e| waiting(e.into()))?;
        let (sockets, detached, buffers) = (BTreeMap::new(), Statistics::default(), Buffers::new());
        Ok(Self {
            sockets,
            next_id: 0,
            detached,
            buffers,
            epoll,
            wake,
            bell,
            backlog: Backlog::None,
            reached: now(),
            hidden_until: Timestamp::default(),
        })
    }

    /// What calls the capturing thread away from waiting.
    pub fn bell(&self) -> Bell {
        self.bell.clone()
    }

    /// Begins to capture in `netns`. Needs `CAP_SYS_ADMIN` (unless already in it) and `CAP_NET_RAW`.
    pub fn attach(&mut self, netns: &Netns, options: &CaptureOptions) -> Result<SourceId, Error> {
        self.add(Tap::open(netns, options)?)
    }

    /// Takes over a socket that was opened elsewhere; needs no privilege.
    pub fn add(&mut self, tap: Tap) -> Result<SourceId, Error> {
        let socket = tap.0;
        let id = SourceId(self.next_id);
        let event = EpollEvent::new(EpollFlags::EPOLLIN, u64::from(id.0));
        self.epoll.add(&socket, event).map_err(|e| waiting(e.into()))?;
        self.next_id += 1;
        self.sockets.insert(id, socket);
        Ok(id)
    }

    /// Ends the capture in one namespace; its counters stay in the total. Nothing happens when it has ended already.
    pub fn detach(&mut self, source: SourceId) -> Result<(), Error> {
        let Some(mut socket) = self.sockets.remove(&source) else { return Ok(()) };
        self.detached += socket.statistics().map_err(counting)?;
        self.epoll.delete(&socket).map_err(|e| waiting(e.into()))
    }

    /// Takes what had arrived when the capture was stopped: the kernel has counted it, but a ring may not show it yet.
    fn drain_the_last(&mut self, sink: &mut dyn FnMut(Captured<'_>)) -> Result<(usize, Timestamp), Error> {
        let limit = now() + LAST_FRAMES;
        let mut counted = BTreeMap::new();
        for (source, socket) in &mut self.sockets {
            counted.insert(*source, socket.received().map_err(counting)?);
        }
        let mut frames = 0;
        loop {
            let (some, reached) = self.drain(sink)?;
            frames += some;
            counted.retain(|source, count| self.sockets[source].fetched() < *count);
            if counted.is_empty() || now() > limit {
                return Ok((frames, reached));
            }
            if self.backlog == Backlog::None {
                std::thread::sleep(SHORT);
            }
        }
    }

    /// Waits for a frame, for a moment or for a stop.
    fn wait(&self, until: Option<Timestamp>) -> Result<Woken, Error> {
        let mut events = [EpollEvent::empty(); 8];
        loop {
            let timeout = until.map_or(PollTimeout::NONE, |until| timeout_until(until, now()));
            let count = match self.epoll.wait(&mut events, timeout) {
                Ok(count) => count,
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(waiting(errno.into())),
            };
            if events[..count].iter().any(|event| event.data() == WAKE) {
                return Ok(Woken::Stop);
            }
            if events[..count].iter().any(|event| event.data() == BELL) {
                self.bell.answer();
                return Ok(Woken::Bell);
            }
            if count > 0 {
                return Ok(Woken::Frames);
            }
            if until.is_some_and(|until| now() >= until) {
                return Ok(Woken::Time);
            }
        }
    }

    /// Lets frames gather, unless stopped.
    fn pause(&self) {
        let mut only_wake = [PollFd::new(self.wake.as_fd(), PollFlags::POLLIN)];
        // However it ends, the next step is to fetch what has arrived.
        let _ = poll(&mut only_wake, if self.sockets.len() > MANY { PAUSE_OF_MANY_MS } else { PAUSE_MS });
    }

    /// Takes what has arrived, from the sockets that have something.
    fn drain(&mut self, sink: &mut dyn FnMut(Captured<'_>)) -> Result<(usize, Timestamp), Error> {
        let (mut frames, mut reached) = (0, Timestamp(now().0 - SETTLE.0));
        let mut ready = [EpollEvent::empty(); SOCKETS_AT_ONCE];
        let count = self.epoll.wait(&mut ready, PollTimeout::ZERO).map_err(|e| waiting(e.into()))?;
        self.backlog = if count == ready.len() { Backlog::Some } else { Backlog::None };
        for event in &ready[..count] {
            let Some((source, socket)) = socket_of(&mut self.sockets, event.data()) else { continue };
            let (handed, drained) =
                socket.drain(&mut self.buffers, &mut |frame| sink(Captured { source, frame })).map_err(
                    |source| Error::Io { operation: "receive", object: "captured frames".into(), source },
                )?;
            frames += handed;
            if let Drained::UpTo(last) = drained {
                self.backlog = Backlog::Some;
                reached = reached.min(last);
            }
        }
        for socket in self.sockets.values_mut() {
            if let Some(late) = socket.may_come_late().map_err(counting)? {
                let now = now();
                reached = reached.min(Timestamp(now.0 - late.0));
                self.hidden_until = now + late;
            }
        }
        // With sockets left that were not even asked, only the last moment known is certain.
        self.reached = if count == ready.len() { self.reached } else { reached };
        Ok((frames, self.reached))
    }
}

impl Drop for Capture {
    /// The kernel lets some milliseconds pass before a packet socket is closed (a grace period of
    /// `synchronize_net()`), so many are closed side by side.
    fn drop(&mut self) {
        let mut sockets: Vec<PacketSocket> = std::mem::take(&mut self.sockets).into_values().collect();
        std::thread::scope(|scope| {
            while sockets.len() > CLOSED_TOGETHER {
                let some = sockets.split_off(sockets.len() - CLOSED_TOGETHER);
                // Without another thread they are closed here, by dropping the closure.
                let _ = std::thread::Builder::new().spawn_scoped(scope, || drop(some));
            }
        });
    }
}

/// The socket that an epoll event is about; none for the waker's.
fn socket_of(
    sockets: &mut BTreeMap<SourceId, PacketSocket>,
    number: u64,
) -> Option<(SourceId, &mut PacketSocket)> {
    let source = SourceId(u32::try_from(number).ok()?);
    sockets.get_mut(&source).map(|socket| (source, socket))
}

impl FrameSource for Capture {
    fn next_batch(
        &mut self,
        deadline: Option<Timestamp>,
        sink: &mut dyn FnMut(Captured<'_>),
    ) -> Result<Batch, Error> {
        let before = self.backlog;
        let woken = match before {
            Backlog::Some => self.wait(Some(Timestamp::default()))?,
            // A frame stamped just before the deadline may still be on its way to the queue.
            Backlog::None => self.wait(deadline.map(|it| (it + SETTLE).max(self.hidden_until)))?,
        };
        if (woken, before) == (Woken::Frames, Backlog::None)
            && !self.sockets.values().all(PacketSocket::gathers)
        {
            self.pause();
        }
        let (frames, now) = if woken == Woken::Stop { self.drain_the_last(sink)? } else { self.drain(sink)? };
        let end = match (woken, before) {
            (Woken::Stop, _) => End::Stopped,
            (Woken::Bell, _) => End::Rung,
            (Woken::Time, Backlog::None) if frames == 0 => End::Deadline,
            _ => End::Frames,
        };
        Ok(Batch { frames, now, end })
    }

    fn statistics(&mut self, source: Option<SourceId>) -> Result<Statistics, Error> {
        let mut total = if source.is_none() { self.detached } else { Statistics::default() };
        let wanted = self.sockets.iter_mut().filter(|(id, _)| source.is_none_or(|source| source == **id));
        for (_, socket) in wanted {
            total += socket.statistics().map_err(counting)?;
        }
        Ok(total)
    }

    fn interfaces(&self, source: SourceId) -> Vec<Interface> {
        self.sockets.get(&source).into_iter().flat_map(PacketSocket::interfaces).cloned().collect()
    }
}

impl AddAssign for Statistics {
    fn add_assign(&mut self, more: Self) {
        self.received += more.received;
        self.dropped_by_kernel += more.dropped_by_kernel;
        self.truncated += more.truncated;
        self.unknown_link += more.unknown_link;
        self.filtered = match (self.filtered, more.filtered) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            (one, other) => one.or(other),
        };
    }
}

/// The time by the clock that stamps frames.
pub fn now() -> Timestamp {
    // This clock always exists, so there is no error to report.
    clock_gettime(ClockId::CLOCK_REALTIME)
        .map_or_else(|_| Timestamp::default(), |time| sys::timestamp(time.tv_sec(), time.tv_nsec()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Woken {
    Frames,
    Time,
    Bell,
    Stop,
}

/// Milliseconds from `from` to `until`, rounded up, at most a minute: the clock may be set in the meantime.
fn timeout_until(until: Timestamp, from: Timestamp) -> PollTimeout {
    let milliseconds = (until - from).0.max(0).saturating_add(999_999) / 1_000_000;
    PollTimeout::try_from(milliseconds.min(60_000)).unwrap_or(PollTimeout::ZERO)
}

fn waiting(source: io::Error) -> Error {
    Error::Io { operation: "wait for", object: "captured frames".into(), source }
}

fn counting(source: io::Error) -> Error {
    Error::Io { operation: "read", object: "the kernel's packet counters".into(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wake;

    /// A long time: no test waits for its end.
    fn later() -> Timestamp {
        now() + Nanos::from_millis(60_000)
    }

    #[test]
    fn a_bell_ends_one_wait_and_a_stop_all_of_them() {
        let (waker, wake) = wake::pair().unwrap();
        let mut capture = Capture::new(wake).unwrap();
        let bell = capture.bell();
        // Twice before anybody listens is once.
        bell.ring();
        bell.ring();
        let mut ends = |deadline| capture.next_batch(deadline, &mut |_| {}).unwrap().end;
        assert_eq!(ends(Some(later())), End::Rung);
        assert_eq!(ends(Some(now())), End::Deadline);
        std::thread::scope(|scope| {
            scope.spawn(|| bell.clone().ring());
            assert_eq!(ends(None), End::Rung);
        });
        waker.stop();
        assert_eq!([ends(Some(later())), ends(Some(later()))], [End::Stopped; 2]);
    }
}
