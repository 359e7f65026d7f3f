//! The system calls that no crate wraps safely: everything `unsafe` is in this file, `sys/ring.rs` and
//! `sys/seccomp.rs`.
#![allow(unsafe_code, reason = "the one module that may; each block says why it is sound")]

pub(crate) mod ring;
pub(crate) mod seccomp;

use std::ffi::CStr;
use std::io;
use std::mem::{size_of, zeroed};
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use dnsprobe_lookup::Timestamp;
use nix::fcntl::{OFlag, open};
use nix::sched::CloneFlags;
use nix::sys::stat::{Mode, SFlag};

use crate::filter::SNAP_LEN;

/// `_IO(0xb7, 0x3)` of `linux/nsfs.h`.
const NS_GET_NSTYPE: libc::Ioctl = 0xb703;

/// How many frames one system call fetches.
pub(crate) const FRAMES_PER_CALL: usize = 32;
/// Room in front of each frame to put a VLAN tag back.
const TAG_LEN: usize = 4;
const SLOT: usize = TAG_LEN + SNAP_LEN as usize;
/// Where a tag stands in an Ethernet frame: behind the two addresses.
const TAG_AT: usize = 12;

/// Opens in earnest what `place` (opened with `O_PATH`) refers to, whatever its path means by now.
pub(crate) fn reopen(place: BorrowedFd<'_>, flags: OFlag) -> io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", place.as_raw_fd());
    let flags = flags | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    open(path.as_str(), flags, Mode::empty()).map_err(Into::into)
}

/// What a file is, with its article; `kind` is its mode masked with `S_IFMT`.
pub(crate) fn file_kind(kind: SFlag) -> &'static str {
    match kind {
        SFlag::S_IFREG => "a regular file",
        SFlag::S_IFDIR => "a directory",
        SFlag::S_IFIFO => "a FIFO",
        SFlag::S_IFSOCK => "a socket",
        SFlag::S_IFLNK => "a symbolic link",
        SFlag::S_IFBLK | SFlag::S_IFCHR => "a device",
        _ => "no file of a known kind",
    }
}

/// Which kind of namespace an open nsfs file is, as its clone(2) flag.
pub(crate) fn namespace_kind(file: BorrowedFd<'_>) -> io::Result<CloneFlags> {
    // SAFETY: NS_GET_NSTYPE takes no argument and writes no memory.
    let kind = checked(unsafe { libc::ioctl(file.as_raw_fd(), NS_GET_NSTYPE) })?;
    Ok(CloneFlags::from_bits_retain(kind))
}

/// Lets only what `program` accepts into the socket's queue.
pub(crate) fn attach_filter(socket: BorrowedFd<'_>, program: &[libc::sock_filter]) -> io::Result<()> {
    let len = u16::try_from(program.len()).map_err(io::Error::other)?;
    // The kernel only reads through the pointer.
    let filter = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
    set_option(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &filter)
}

/// Asks for `PACKET_AUXDATA` beside each frame: its length on the wire and the VLAN tag that was taken off.
pub(crate) fn want_auxdata(socket: BorrowedFd<'_>) -> io::Result<()> {
    let on: libc::c_int = 1;
    set_option(socket, libc::SOL_PACKET, libc::PACKET_AUXDATA, &on)
}

/// Binds a packet socket to all protocols of one interface, or of all with index 0.
pub(crate) fn bind_packet(socket: BorrowedFd<'_>, interface: u32) -> io::Result<()> {
    // SAFETY: sockaddr_ll holds only integers, for which zero is a value.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).unwrap_or_default();
    address.sll_protocol = u16::try_from(libc::ETH_P_ALL).unwrap_or_default().to_be();
    address.sll_ifindex = i32::try_from(interface).map_err(io::Error::other)?;
    // SAFETY: the pointer and the length are those of one live sockaddr_ll.
    let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length_of(&address)) };
    checked(bound).map(drop)
}

/// What arrived and what was lost since the last call: the kernel starts again from zero.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KernelCounts {
    /// Both together.
    pub(crate) packets: u32,
    pub(crate) drops: u32,
}

/// Reads `PACKET_STATISTICS`.
pub(crate) fn take_statistics(socket: BorrowedFd<'_>) -> io::Result<KernelCounts> {
    let mut counts = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
    let mut length = length_of(&counts);
    let fd = socket.as_raw_fd();
    // SAFETY: the pointer and the length are those of one live tpacket_stats.
    let got = unsafe {
        libc::getsockopt(
            fd,
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut counts).cast(),
            &raw mut length,
        )
    };
    checked(got)?;
    Ok(KernelCounts { packets: counts.tp_packets, drops: counts.tp_drops })
}

/// The name of an interface in the namespace that the socket was made in.
pub(crate) fn interface_name(socket: BorrowedFd<'_>, index: u32) -> io::Result<String> {
    // SAFETY: ifreq holds only integers and a union of such, for which zero is a value.
    let mut request: libc::ifreq = unsafe { zeroed() };
    request.ifr_ifru.ifru_ifindex = i32::try_from(index).map_err(io::Error::other)?;
    // SAFETY: SIOCGIFNAME reads and writes one ifreq.
    checked(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFNAME, &raw mut request) })?;
    // SAFETY: the kernel ends the name with a zero byte within the array.
    let name = unsafe { CStr::from_ptr(request.ifr_name.as_ptr()) };
    Ok(name.to_string_lossy().into_owned())
}

/// What the kernel says about a frame beside its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) at: Timestamp,
    pub(crate) interface: u32,
    /// ARPHRD number of the interface.
    pub(crate) hardware: u16,
    /// On the wire, in bytes.
    pub(crate) original_len: u32,
}

/// Room for the frames of one call, used again for each call and each socket. The kernel fills only as much of it as
/// the frames need, so most of it never becomes resident.
#[derive(Debug)]
pub(crate) struct Buffers {
    slots: Vec<u8>,
    /// Where from, and what the kernel says beside: overwritten by each call as far as it uses them.
    names: Vec<libc::sockaddr_ll>,
    controls: Vec<Control>,
    /// With the place of each in `slots`.
    arrivals: Vec<(Arrival, Range<usize>)>,
}

impl Buffers {
    pub(crate) fn new() -> Self {
        // SAFETY: sockaddr_ll holds only integers, for which zero is a value.
        let nobody: libc::sockaddr_ll = unsafe { zeroed() };
        Self {
            slots: vec![0; SLOT * FRAMES_PER_CALL],
            names: vec![nobody; FRAMES_PER_CALL],
            controls: vec![Control::EMPTY; FRAMES_PER_CALL],
            arrivals: Vec::with_capacity(FRAMES_PER_CALL),
        }
    }

    /// The frames of the last call.
    pub(crate) fn frames(&self) -> impl Iterator<Item = (Arrival, &[u8])> {
        self.arrivals.iter().map(|(arrival, place)| (*arrival, &self.slots[place.clone()]))
    }

    /// Fetches what a non-blocking packet socket has, at most [`FRAMES_PER_CALL`] frames, and says how many.
    pub(crate) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        self.arrivals.clear();
        let mut vectors = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; FRAMES_PER_CALL];
        // SAFETY: mmsghdr holds only integers and pointers, for which zero is a value.
        let mut headers: [libc::mmsghdr; FRAMES_PER_CALL] = unsafe { zeroed() };
        for (index, header) in headers.iter_mut().enumerate() {
            let slot = &mut self.slots[index * SLOT + TAG_LEN..(index + 1) * SLOT];
            vectors[index] = libc::iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: slot.len() };
            let message = &mut header.msg_hdr;
            message.msg_name = (&raw mut self.names[index]).cast();
            message.msg_namelen = length_of(&self.names[index]);
            message.msg_iov = &raw mut vectors[index];
            message.msg_iovlen = 1;
            message.msg_control = (&raw mut self.controls[index]).cast();
            message.msg_controllen = size_of::<Control>() as _;
        }
        let (fd, room) = (socket.as_raw_fd(), length_of(&headers) / length_of(&headers[0]));
        // SAFETY: every header points to a name, a control buffer and a slot of its own with their true lengths, all of
        // which live until after the call.
        let got = unsafe { libc::recvmmsg(fd, headers.as_mut_ptr(), room, 0, std::ptr::null_mut()) };
        let count = usize::try_from(checked(got)?).unwrap_or_default();
        for (index, header) in headers.iter().take(count).enumerate() {
            let name = self.names[index];
            self.arrived(index, header.msg_len as usize, &name, &Ancillary::of(&header.msg_hdr));
        }
        Ok(count)
    }

    fn arrived(&mut self, index: usize, length: usize, name: &libc::sockaddr_ll, beside: &Ancillary) {
        let mut start = index * SLOT + TAG_LEN;
        let end = start + length.min(SLOT - TAG_LEN);
        let mut arrival = Arrival {
            at: beside.at,
            interface: name.sll_ifindex.cast_unsigned(),
            hardware: name.sll_hatype,
            original_len: beside.length.unwrap_or(u32::try_from(length).unwrap_or(u32::MAX)),
        };
        if let Some(tag) = beside.vlan_tag.filter(|_| length >= TAG_AT) {
            self.slots.copy_within(start..start + TAG_AT, start - TAG_LEN);
            self.slots[start - TAG_LEN + TAG_AT..start + TAG_AT].copy_from_slice(&tag);
            start -= TAG_LEN;
            arrival.original_len = arrival.original_len.saturating_add(4);
        }
        self.arrivals.push((arrival, start..end));
    }
}

/// Room for the control messages of one frame: a timespec and a `tpacket_auxdata`, each behind a header.
#[repr(C, align(8))]
#[derive(Debug, Clone, Copy)]
struct Control([u8; 128]);

impl Control {
    const EMPTY: Self = Self([0; 128]);
}

/// The control messages of one frame.
#[derive(Default)]
struct Ancillary {
    at: Timestamp,
    length: Option<u32>,
    /// As it stood on the wire: protocol and tag control information.
    vlan_tag: Option<[u8; TAG_LEN]>,
}

impl Ancillary {
    fn of(message: &libc::msghdr) -> Self {
        let mut found = Self::default();
        // SAFETY: the kernel has just filled msg_control and set msg_controllen, and the buffer still lives.
        let mut next = unsafe { libc::CMSG_FIRSTHDR(message) };
        while !next.is_null() {
            // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR return only headers that lie wholly inside the buffer.
            let header = unsafe { &*next };
            // SAFETY: as above; the data follows the header.
            let data = unsafe { libc::CMSG_DATA(next) };
            match (header.cmsg_level, header.cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                    // SAFETY: this kind of message holds one timespec.
                    let time = unsafe { data.cast::<libc::timespec>().read_unaligned() };
                    found.at = timestamp(time.tv_sec, time.tv_nsec);
                }
                (libc::SOL_PACKET, libc::PACKET_AUXDATA) => {
                    // SAFETY: this kind of message holds one tpacket_auxdata.
                    found.take_auxdata(unsafe { data.cast::<libc::tpacket_auxdata>().read_unaligned() });
                }
                _ => {}
            }
            // SAFETY: as for CMSG_FIRSTHDR.
            next = unsafe { libc::CMSG_NXTHDR(message, next) };
        }
        found
    }

    fn take_auxdata(&mut self, aux: libc::tpacket_auxdata) {
        self.length = Some(aux.tp_len);
        self.vlan_tag = vlan_tag(aux.tp_status, aux.tp_vlan_tpid, aux.tp_vlan_tci);
    }
}

/// The VLAN tag that the kernel took off, as it stood on the wire; kernels before 3.14 do not tell its protocol.
fn vlan_tag(status: u32, protocol: u16, control: u16) -> Option<[u8; TAG_LEN]> {
    let known = status & libc::TP_STATUS_VLAN_TPID_VALID != 0;
    let ([p0, p1], [t0, t1]) = (if known { protocol } else { 0x8100 }.to_be_bytes(), control.to_be_bytes());
    (status & libc::TP_STATUS_VLAN_VALID != 0).then_some([p0, p1, t0, t1])
}

/// From the two halves of a timespec, saturating in the years 1677 and 2262.
pub(crate) fn timestamp(seconds: i64, nanoseconds: i64) -> Timestamp {
    Timestamp(seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds))
}

fn set_option<T>(socket: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: the pointer and the length are those of one live value, which the kernel only reads.
    checked(unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const *value).cast(), length_of(value))
    })
    .map(drop)
}

fn length_of<T>(value: &T) -> libc::socklen_t {
    libc::socklen_t::try_from(size_of_val(value)).unwrap_or(libc::socklen_t::MAX)
}

fn checked(returned: libc::c_int) -> io::Result<libc::c_int> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(returned) }
}
