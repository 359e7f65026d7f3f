//! One packet socket in one network namespace.
//!
//! Made with protocol 0, so that nothing arrives before the filter is there, then bound once: a socket that is already
//! hooked into the stack waits for the kernel's grace period at each bind, thousands of times longer.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use dnsprobe_lookup::{Frame, Timestamp};
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socket, sockopt};

use crate::capture::{CaptureOptions, Interface, Statistics};
use crate::error::Error;
use crate::filter;
use crate::link;
use crate::netns::{Netns, run_in};
use crate::privileges;
use crate::sys::{self, Buffers};

/// How many frames are taken from one socket before the others have their turn.
const FRAMES_AT_ONCE: usize = 64 * sys::FRAMES_PER_CALL;

/// An open socket and what has come from it.
#[derive(Debug)]
pub(crate) struct PacketSocket {
    fd: OwnedFd,
    interfaces: BTreeMap<u32, Interface>,
    statistics: Statistics,
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

    /// Hands over the frames that have arrived, at most [`FRAMES_AT_ONCE`], and says how many there were.
    pub(crate) fn drain(
        &mut self,
        buffers: &mut Buffers,
        sink: &mut dyn FnMut(Frame<'_>),
    ) -> io::Result<(usize, Drained)> {
        let (mut handed, mut fetched, mut last) = (0, 0, Timestamp::default());
        while fetched < FRAMES_AT_ONCE {
            let count = match buffers.receive(self.fd.as_fd()) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok((handed, Drained::Empty));
                }
                // Told once when the one interface goes down; it may come back.
                Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => continue,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            fetched += count;
            for (arrival, bytes) in buffers.frames() {
                last = arrival.at;
                handed += usize::from(self.hand_over(arrival, bytes, sink));
            }
        }
        Ok((handed, Drained::UpTo(last)))
    }

    /// The counters since it was opened.
    pub(crate) fn statistics(&mut self) -> io::Result<Statistics> {
        let counts = sys::take_statistics(self.fd.as_fd())?;
        self.statistics.received += u64::from(counts.packets.saturating_sub(counts.drops));
        self.statistics.dropped_by_kernel += u64::from(counts.drops);
        Ok(self.statistics)
    }

    /// The interfaces that frames have come from.
    pub(crate) fn interfaces(&self) -> impl Iterator<Item = &Interface> {
        self.interfaces.values()
    }

    fn hand_over(&mut self, arrival: sys::Arrival, bytes: &[u8], sink: &mut dyn FnMut(Frame<'_>)) -> bool {
        let Some(link) = link::link_type(arrival.hardware) else {
            self.statistics.unknown_link += 1;
            return false;
        };
        if arrival.original_len as usize > bytes.len() {
            self.statistics.truncated += 1;
        }
        let fd = self.fd.as_fd();
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
    let opened = set_up(index, options.buffer_bytes, program);
    let fd = opened.map_err(|source| {
        let object = format!("network namespace {}", netns.inode());
        Error::from_io("capture in", object, privileges::TO_CAPTURE, source)
    })?;
    Ok(PacketSocket { fd, interfaces: BTreeMap::new(), statistics: Statistics::default() })
}

fn set_up(interface: u32, buffer_bytes: usize, program: &[libc::sock_filter]) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
    sys::attach_filter(fd.as_fd(), program)?;
    sys::want_auxdata(fd.as_fd())?;
    setsockopt(&fd, sockopt::ReceiveTimestampns, &true)?;
    // Beyond the system's limit needs CAP_NET_ADMIN; without it a smaller queue is better than none.
    setsockopt(&fd, sockopt::RcvBufForce, &buffer_bytes)
        .or_else(|_| setsockopt(&fd, sockopt::RcvBuf, &buffer_bytes))?;
    sys::bind_packet(fd.as_fd(), interface)?;
    Ok(fd)
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
