//! Reading a container's files without trusting the container.
//!
//! Every path is resolved by the kernel below the container's root (openat2(2), `RESOLVE_IN_ROOT` and
//! `RESOLVE_NO_MAGICLINKS`), so that an absolute symbolic link or `..` never leaves it. Only regular files are opened,
//! so that no FIFO blocks and no device is touched; at most [`MAX_BYTES`] are read.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::{Mode, SFlag, fstat};

use crate::error::Error;
use crate::host::Host;
use crate::sys;

/// The largest file that is read, in bytes.
pub const MAX_BYTES: u64 = 1 << 20;
/// The most names that are taken of a directory.
pub(crate) const MAX_ENTRIES: usize = 16_384;

/// Where a target's files are.
#[derive(Debug)]
pub struct Root {
    dir: OwnedFd,
    shown: PathBuf,
    view: View,
}

/// Which of the files below the directory are the target's.
#[derive(Debug)]
enum View {
    /// All, where they are.
    Whole,
    /// All, but those in `/etc/netns/NAME` stand in for those in `/etc`.
    Netns(String),
    /// Only one: what the target has at `path` is at `place`.
    OneFile { path: &'static str, place: String },
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

/// A file as it was once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Device and inode.
    file: (u64, u64),
    bytes: i64,
    /// When the kernel last saw a change, in seconds and nanoseconds.
    changed: (i64, i64),
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
        Ok(Self { view: View::Netns(name.to_owned()), ..Self::of_host(host)? })
    }

    /// The one file of a container without a process that is kept on the node: what the container has at `path` is at
    /// `place` there. It has no other files to be read.
    pub(crate) fn of_one_file(host: &Host, path: &'static str, place: &str) -> Result<Self, Error> {
        Ok(Self { view: View::OneFile { path, place: place.to_owned() }, ..Self::of_host(host)? })
    }

    /// The files below an open directory; `shown` is its path in messages.
    pub(crate) fn new(dir: OwnedFd, shown: PathBuf) -> Self {
        Self { dir, shown, view: View::Whole }
    }

    /// Reads a file by its path below the root, such as `etc/resolv.conf`.
    pub fn read(&self, path: &str) -> FileRead {
        if let View::Netns(name) = &self.view
            && let Some(stand_in) = stand_in(name, path)
        {
            let found = self.read_at(&stand_in);
            if !matches!(found.content, Content::Missing) {
                return found;
            }
        }
        match self.place_of(path) {
            Some(place) => self.read_at(place),
            None => {
                FileRead { path: self.shown.join(path.trim_start_matches('/')), content: Content::Missing }
            }
        }
    }

    /// What tells whether the file at this path is still the same; none where there is none.
    pub(crate) fn stamp(&self, path: &str) -> Option<Stamp> {
        let stat = fstat(self.look_up(self.place_of(path)?, OFlag::O_PATH).ok()?).ok()?;
        Some(Stamp {
            file: (stat.st_dev, stat.st_ino),
            bytes: stat.st_size,
            changed: (stat.st_ctime, stat.st_ctime_nsec),
        })
    }

    /// Opens a regular file of any size below the root.
    pub(crate) fn open_regular(&self, path: &str) -> Result<File, NotOpened> {
        let place = self.place_of(path).ok_or(NotOpened::Missing)?;
        regular(self.look_up(place, OFlag::O_PATH).map_err(not_opened)?.as_fd())
    }

    /// The names in a directory below the root, sorted, at most [`MAX_ENTRIES`] of them; none when it is no directory or
    /// cannot be read. Names that are no UTF-8 are left out.
    pub(crate) fn entries(&self, path: &str) -> Vec<String> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        let Ok(mut directory) = self.look_up(path, flags).and_then(Dir::from_fd) else { return Vec::new() };
        let found = directory.iter().flatten().take(MAX_ENTRIES);
        let names = found.filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned));
        let mut names: Vec<String> = names.filter(|name| name != "." && name != "..").collect();
        names.sort_unstable();
        names
    }

    /// Where the target's file is below the directory; none when it is not kept there.
    fn place_of<'a>(&'a self, path: &'a str) -> Option<&'a str> {
        match &self.view {
            View::OneFile { path: only, place } => (path.trim_start_matches('/') == *only).then_some(place),
            View::Whole | View::Netns(_) => Some(path),
        }
    }

    fn look_up(&self, path: &str, flags: OFlag) -> nix::Result<OwnedFd> {
        let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        let how = OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(resolve);
        // The kernel gives up with EAGAIN when a rename elsewhere could have let `..` escape (openat2(2)).
        let mut tries = (0..64).map(|_| openat2(&self.dir, path, how));
        tries.find(|found| !matches!(found, Err(Errno::EAGAIN))).unwrap_or(Err(Errno::EAGAIN))
    }

    fn read_at(&self, place: &str) -> FileRead {
        let opened = self.look_up(place, OFlag::O_PATH).map_err(not_opened);
        let content = match opened.and_then(|place| regular(place.as_fd())).map(read_all) {
            Ok(content) => content,
            Err(NotOpened::Missing) => Content::Missing,
            Err(NotOpened::Unreadable(why)) => Content::Unreadable(why),
        };
        FileRead { path: self.shown.join(place.trim_start_matches('/')), content }
    }
}

/// What stands in for a file of `/etc` in a named namespace.
fn stand_in(name: &str, path: &str) -> Option<String> {
    let in_etc = Path::new(path).strip_prefix("/").unwrap_or(Path::new(path)).strip_prefix("etc").ok()?;
    Some(format!("etc/netns/{name}/{}", in_etc.to_str()?))
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
