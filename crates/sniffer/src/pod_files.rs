//! Reading a container's files without trusting the container.
//!
//! Every path is resolved by the kernel below the container's root (openat2(2), `RESOLVE_IN_ROOT` and
//! `RESOLVE_NO_MAGICLINKS`), so that an absolute symbolic link or `..` never leaves it. Only regular files are opened,
//! so that no FIFO blocks and no device is touched; at most [`MAX_BYTES`] are read.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use crate::error::Error;
use crate::host::Host;

/// The largest file that is read, in bytes.
pub const MAX_BYTES: u64 = 1 << 20;

/// Where a target's files are.
#[derive(Debug)]
pub struct Root {
    #[expect(dead_code)]
    dir: OwnedFd,
}

/// One file, or why there is none.
#[derive(Debug)]
pub struct FileRead {
    /// Where it was looked for, as seen from here; symbolic links are not resolved in it.
    pub path: PathBuf,
    /// What was found there.
    pub content: Content,
}

/// What a file holds.
#[derive(Debug)]
pub enum Content {
    /// All its bytes.
    Found(Vec<u8>),
    /// There is no such file; a dangling symbolic link counts as none, as it does for open(2).
    Missing,
    /// It is there but cannot be read.
    Unreadable(Unreadable),
}

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// No permission.
    #[error("permission denied")]
    Denied,
    /// Not a regular file; the words say what it is, with the article.
    #[error("it is {0}")]
    NotRegular(&'static str),
    /// Larger than [`MAX_BYTES`].
    #[error("it has more than {MAX_BYTES} bytes")]
    TooLarge,
    /// Too many symbolic links, or one into /proc that could leave the container.
    #[error("its symbolic links are circular or lead out of the container")]
    BadLink,
    /// The kernel has no openat2(2), which came with Linux 5.6.
    #[error("this kernel cannot open files safely below a container's root (openat2, Linux 5.6)")]
    KernelTooOld,
    /// Anything else.
    #[error("{0}")]
    Other(io::Error),
}

impl Root {
    /// The files of the node itself.
    pub fn of_host(_host: &Host) -> Result<Self, Error> {
        todo!()
    }

    /// The files of the node as `ip netns exec NAME` shows them: what is in `/etc/netns/NAME/` stands in for the file
    /// of the same name in `/etc`.
    pub fn of_named_netns(_host: &Host, _name: &str) -> Result<Self, Error> {
        todo!()
    }

    /// Reads a file by its path below the root, such as `etc/resolv.conf`.
    pub fn read(&self, _path: &str) -> FileRead {
        todo!()
    }
}
