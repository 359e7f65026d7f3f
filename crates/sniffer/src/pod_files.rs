//! Reading a container's files without trusting the container.
//!
//! Every path is resolved by the kernel below the container's root (openat2(2), `RESOLVE_IN_ROOT` and
//! `RESOLVE_NO_MAGICLINKS`), so that an absolute symbolic link or `..` never leaves it. Only regular files are opened,
//! so that no FIFO blocks and no device is touched; at most [`MAX_BYTES`] are read.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::{Mode, SFlag, fstat};

use crate::error::Error;
use crate::host::Host;
use crate::sys;

/// The largest file that is read, in bytes.
pub const MAX_BYTES: u64 = 1 << 20;

/// Where a target's files are.
#[derive(Debug)]
pub struct Root {
    dir: OwnedFd,
    shown: PathBuf,
    /// The named namespace whose files in `/etc/netns/NAME` stand in for those in `/etc`.
    netns_name: Option<String>,
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
    #[error("reading it failed")]
    Other(#[source] io::Error),
}

/// Why there is no open file.
#[derive(Debug)]
pub(crate) enum NotOpened {
    Missing,
    Unreadable(Unreadable),
}

impl Root {
    /// The files of the node itself.
    pub fn of_host(host: &Host) -> Result<Self, Error> {
        let shown = host.root().to_owned();
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let dir = open(&shown, flags, Mode::empty())
            .map_err(|e| Error::from_io("open", shown.display().to_string(), &[], e.into()))?;
        Ok(Self::new(dir, shown))
    }

    /// The files of the node as `ip netns exec NAME` shows them: what is in `/etc/netns/NAME/` stands in for the file
    /// of the same name in `/etc` (ip-netns(8)).
    pub fn of_named_netns(host: &Host, name: &str) -> Result<Self, Error> {
        Ok(Self { netns_name: Some(name.to_owned()), ..Self::of_host(host)? })
    }

    /// The files below an open directory; `shown` is its path in messages.
    pub(crate) fn new(dir: OwnedFd, shown: PathBuf) -> Self {
        Self { dir, shown, netns_name: None }
    }

    /// Reads a file by its path below the root, such as `etc/resolv.conf`.
    pub fn read(&self, path: &str) -> FileRead {
        match self.stand_in(path).map(|stand_in| self.read_exactly(&stand_in)) {
            Some(found) if !matches!(found.content, Content::Missing) => found,
            _ => self.read_exactly(path),
        }
    }

    /// Opens a regular file of any size below the root.
    pub(crate) fn open_regular(&self, path: &str) -> Result<File, NotOpened> {
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        let how = OpenHow::new().flags(flags).resolve(resolve);
        // The kernel gives up with EAGAIN when a rename elsewhere could have let `..` escape (openat2(2)).
        let mut tries = (0..64).map(|_| openat2(&self.dir, path, how));
        let place = tries.find(|found| !matches!(found, Err(Errno::EAGAIN))).unwrap_or(Err(Errno::EAGAIN));
        regular(place.map_err(not_opened)?.as_fd())
    }

    fn read_exactly(&self, path: &str) -> FileRead {
        let content = match self.open_regular(path).map(read_all) {
            Ok(content) => content,
            Err(NotOpened::Missing) => Content::Missing,
            Err(NotOpened::Unreadable(why)) => Content::Unreadable(why),
        };
        FileRead { path: self.shown.join(path.trim_start_matches('/')), content }
    }

    fn stand_in(&self, path: &str) -> Option<String> {
        let in_etc = Path::new(path).strip_prefix("/").unwrap_or(Path::new(path)).strip_prefix("etc").ok()?;
        Some(format!("etc/netns/{}/{}", self.netns_name.as_ref()?, in_etc.to_str()?))
    }
}

/// Opens in earnest what was only looked up so far, if it is a regular file.
pub(crate) fn regular(place: BorrowedFd<'_>) -> Result<File, NotOpened> {
    let stat = fstat(place).map_err(not_opened)?;
    let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
    if kind != SFlag::S_IFREG {
        return Err(NotOpened::Unreadable(Unreadable::NotRegular(sys::file_kind(kind))));
    }
    let file = sys::reopen(place, OFlag::O_RDONLY);
    file.map(File::from).map_err(|e| NotOpened::Unreadable(unreadable(e)))
}

fn read_all(file: File) -> Content {
    let mut bytes = Vec::new();
    match file.take(MAX_BYTES + 1).read_to_end(&mut bytes) {
        Ok(_) if bytes.len() as u64 > MAX_BYTES => Content::Unreadable(Unreadable::TooLarge),
        Ok(_) => Content::Found(bytes),
        Err(error) => Content::Unreadable(unreadable(error)),
    }
}

fn not_opened(errno: Errno) -> NotOpened {
    match errno {
        Errno::ENOENT | Errno::ENOTDIR => NotOpened::Missing,
        Errno::ELOOP | Errno::EXDEV => NotOpened::Unreadable(Unreadable::BadLink),
        Errno::ENOSYS => NotOpened::Unreadable(Unreadable::KernelTooOld),
        other => NotOpened::Unreadable(unreadable(other.into())),
    }
}

fn unreadable(error: io::Error) -> Unreadable {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Unreadable::Denied,
        _ => Unreadable::Other(error),
    }
}

#[cfg(test)]
#[path = "pod_files_tests.rs"]
mod tests;
