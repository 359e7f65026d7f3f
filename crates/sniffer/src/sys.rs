//! The system calls that no crate wraps safely: everything `unsafe` is in this file.
#![allow(unsafe_code, reason = "the one module that may; each block says why it is sound")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::fcntl::{OFlag, open};
use nix::sched::CloneFlags;
use nix::sys::stat::{Mode, SFlag};

/// `NSFS_MAGIC` of linux/magic.h, for comparison with `fstatfs`.
pub(crate) const NSFS_MAGIC: libc::c_long = 0x6e73_6673;

/// `NS_GET_NSTYPE`, `_IO(0xb7, 0x3)` of linux/nsfs.h.
const NS_GET_NSTYPE: libc::c_ulong = 0xb703;

/// Opens in earnest what `place` (opened with `O_PATH`) refers to, whatever its path means by now.
pub(crate) fn reopen(place: BorrowedFd<'_>, flags: OFlag) -> io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", place.as_raw_fd());
    let flags = flags | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    open(path.as_str(), flags, Mode::empty()).map_err(Into::into)
}

/// Which kind of namespace an open nsfs file is, as its clone(2) flag.
pub(crate) fn namespace_kind(file: BorrowedFd<'_>) -> io::Result<CloneFlags> {
    // SAFETY: NS_GET_NSTYPE takes no argument and writes no memory.
    let kind = unsafe { libc::ioctl(file.as_raw_fd(), NS_GET_NSTYPE) };
    if kind < 0 { Err(io::Error::last_os_error()) } else { Ok(CloneFlags::from_bits_retain(kind)) }
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
