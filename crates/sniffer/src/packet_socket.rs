//! One packet socket in one network namespace.
//!
//! Made with protocol 0, so that nothing arrives before the filter is there, then bound once: a socket that is already
//! hooked into the stack waits for the kernel's grace period at each bind, thousands of times longer.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use dnsprobe_lookup::{Frame, Nanos, Timestamp};
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socket, sockopt};

use crate::capture::{CaptureOptions, Interface, Queue, Statistics};
use crate::error::Error;
use crate::filter;
use crate::link;
use crate::netns::{Netns, run_in};
use crate::passing::Passing;
use crate::privileges;
use crate::sys::ring::{RETIRE_MS, Ring};
use crate::sys::{self, Arrival, Buffers};

/// How many frames are taken from one socket before the others have their turn.
const FRAMES_AT_ONCE: usize = 128 * sys::FRAMES_PER_CALL;
/// How long a frame may be in a block of a ring that is not ours yet: the kernel's timer may be some ticks late.
const TO_RING: Nanos = Nanos::from_millis(RETIRE_MS as i64 + 12);

/// An open socket and what has come from it.
#[derive(Debug)]
pub(crate) struct PacketSocket {
    fd: OwnedFd,
    /// Where the kernel puts frames instead of the socket's own queue.
    ring: Option<Ring>,
    seen: Seen,
    /// What passes through its namespace, where that is told.
    passing: Option<Passing>,
}

/// What has come from a socket.
#[derive(Debug, Default)]
struct Seen {
    interfaces: BTreeMap<u32, Interface>,
    statistics: Statistics,
    /// Frames taken from the queue.
    fetched: u64,
}

/// Whether a socket has been emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drained {
    /// Nothing is left.
    Empty,
    /// There may be more; the last frame was stamped then.
    UpTo(Timestamp),
}

impl PacketSocket {
    /// Opens one in `netns`; it stays there wherever the caller is.
    pub(crate) fn open(netns: &Netns, options: &CaptureOptions) -> Result<Self, Error> {
        let program = filter::program(&options.ports)?;
        run_in(netns, || open_here(options, &program, netns))?
    }

    /// Hands over the frames that have arrived, at most about [`FRAMES_AT_ONCE`], and says how many there were.
    pub(crate) fn drain(
        &mut self,
        buffers: &mut Buffers,
        sink: &mut dyn FnMut(Frame<'_>),
    ) -> io::Result<(usize, Drained)> {
        let Self { fd, ring, seen, .. } = self;
        let (mut handed, mut fetched, mut last) = (0, 0, Timestamp::default());
        let mut each = |arrival: Arrival, bytes: &[u8]| {
            last = arrival.at;
            handed += usize::from(seen.hand_over(fd.as_fd(), arrival, bytes, sink));
        };
        while fetched < FRAMES_AT_ONCE {
            let some = match ring {
                Some(ring) => ring.take_block(&mut each).map_or(Fetched::Last, Fetched::Some),
                None => receive(fd.as_fd(), buffers, &mut each)?,
            };
            match some {
                Fetched::Some(count) => fetched += count,
                Fetched::Last => return Ok((handed, Drained::Empty)),
            }
        }
        Ok((handed, Drained::UpTo(last)))
    }

    /// How long ago a frame may have been stamped that the kernel has put into a block of the ring which is not ours yet;
    /// `None` where there is no such frame.
    pub(crate) fn may_come_late(&mut self) -> io::Result<Option<Nanos>> {
        let holds_more = self.ring.is_some() && self.received()? > self.seen.fetched;
        Ok(holds_more.then_some(TO_RING))
    }

    /// Whether frames gather by themselves before they are shown.
    pub(crate) fn gathers(&self) -> bool {
        self.ring.is_some()
    }

    /// How many frames were taken from the queue.
    pub(crate) fn fetched(&self) -> u64 {
        self.seen.fetched
    }

    /// How many frames the filter let through and the queue had room for.
    pub(crate) fn received(&mut self) -> io::Result<u64> {
        let counts = sys::take_statistics(self.fd.as_fd())?;
        self.seen.statistics.received += u64::from(counts.packets.saturating_sub(counts.drops));
        self.seen.statistics.dropped_by_kernel += u64::from(counts.drops);
        Ok(self.seen.statistics.received)
    }

    /// The counters since it was opened.
    pub(crate) fn statistics(&mut self) -> io::Result<Statistics> {
        // First, so that nothing is taken for refused that comes in between.
        let passed = self.passing.as_ref().and_then(|passing| passing.frames().ok());
        self.received()?;
        let counted = self.seen.statistics;
        let accepted = counted.received + counted.dropped_by_kernel;
        Ok(Statistics { filtered: passed.map(|passed| passed.saturating_sub(accepted)), ..counted })
    }

    /// The interfaces that frames have come from.
    pub(crate) fn interfaces(&self) -> impl Iterator<Item = &Interface> {
        self.seen.interfaces.values()
    }
}

impl Seen {
    /// Hands over one frame, unless nobody could read it.
    fn hand_over(
        &mut self,
        fd: BorrowedFd<'_>,
        arrival: Arrival,
        bytes: &[u8],
        sink: &mut dyn FnMut(Frame<'_>),
    ) -> bool {
        self.fetched += 1;
        let Some(link) = link::link_type(arrival.hardware) else {
            self.statistics.unknown_link += 1;
            return false;
        };
        if arrival.original_len as usize > bytes.len() {
            self.statistics.truncated += 1;
        }
        self.interfaces.entry(arrival.interface).or_insert_with(|| Interface {
            index: arrival.interface,
            name: sys::interface_name(fd, arrival.interface)
                .unwrap_or_else(|_| format!("interface {}", arrival.interface)),
            link,
        });
        sink(Frame {
            at: arrival.at,
            link,
            bytes,
            original_len: arrival.original_len,
            interface: arrival.interface,
        });
        true
    }
}

/// What one call or one block brought.
enum Fetched {
    /// So many frames, and there may be more.
    Some(usize),
    /// The last that there were.
    Last,
}

/// Takes what one call gets from a socket's own queue.
fn receive(
    fd: BorrowedFd<'_>,
    buffers: &mut Buffers,
    each: &mut dyn FnMut(Arrival, &[u8]),
) -> io::Result<Fetched> {
    let count = match buffers.receive(fd) {
        Ok(count) => count,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Fetched::Last),
        // Told once when the one interface goes down; it may come back.
        Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => return Ok(Fetched::Some(0)),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(Fetched::Some(0)),
        Err(error) => return Err(error),
    };
    for (arrival, bytes) in buffers.frames() {
        each(arrival, bytes);
    }
    Ok(if count < sys::FRAMES_PER_CALL { Fetched::Last } else { Fetched::Some(count) })
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn open_here(
    options: &CaptureOptions,
    program: &[libc::sock_filter],
    netns: &Netns,
) -> Result<PacketSocket, Error> {
    let index = options.interface.as_deref().map_or(Ok(0), index_of)?;
    let passing = Passing::here(options.interface.as_deref());
    // A ring takes memory that may not be there; a queue of the socket's own then has to do.
    let opened = match options.queue {
        Queue::Ring { bytes } => set_up(index, Queue::Ring { bytes }, program)
            .or_else(|_| set_up(index, Queue::default(), program)),
        queue @ Queue::Socket { .. } => set_up(index, queue, program),
    };
    let (fd, ring) = opened.map_err(|source| {
        let object = format!("network namespace {}", netns.inode());
        Error::from_io("capture in", object, privileges::TO_CAPTURE, source)
    })?;
    Ok(PacketSocket { fd, ring, seen: Seen::default(), passing })
}

fn set_up(
    interface: u32,
    queue: Queue,
    program: &[libc::sock_filter],
) -> io::Result<(OwnedFd, Option<Ring>)> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
    sys::attach_filter(fd.as_fd(), program)?;
    // Also for a ring: what is stamped once shows the same time in every capture.
    setsockopt(&fd, sockopt::ReceiveTimestampns, &true)?;
    let ring = match queue {
        Queue::Ring { bytes } => Some(Ring::new(fd.as_fd(), bytes)?),
        Queue::Socket { bytes } => {
            sys::want_auxdata(fd.as_fd())?;
            // Beyond the system's limit needs CAP_NET_ADMIN; without it a smaller queue is better than none.
            setsockopt(&fd, sockopt::RcvBufForce, &bytes)
                .or_else(|_| setsockopt(&fd, sockopt::RcvBuf, &bytes))?;
            None
        }
    };
    sys::bind_packet(fd.as_fd(), interface)?;
    Ok((fd, ring))
}

fn index_of(name: &str) -> Result<u32, Error> {
    if_nametoindex(name).map_err(|errno| match errno {
        Errno::ENODEV | Errno::ENXIO | Errno::EINVAL => {
            let existing = pnet_datalink::interfaces().into_iter().map(|interface| interface.name).collect();
            Error::UnknownInterface { name: name.to_owned(), existing }
        }
        other => Error::Io { operation: "find", object: format!("interface {name:?}"), source: other.into() },
    })
}
