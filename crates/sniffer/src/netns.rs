//! A network namespace, and doing something inside it.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};

use crate::error::Error;
use crate::privileges;
use crate::sys;

/// An open network namespace; it lives at least as long as this value.
#[derive(Debug)]
pub struct Netns {
    fd: OwnedFd,
    device: u64,
    inode: u64,
}

impl Netns {
    /// The one the calling thread is in.
    pub fn current() -> Result<Self, Error> {
        Self::open(Path::new("/proc/thread-self/ns/net"))
    }

    /// The one that a file stands for: `/run/netns/NAME`, `/proc/PID/ns/net`, any bind mount of one.
    ///
    /// # Errors
    /// [`Error::NotANetns`] when it is any other file, another kind of namespace included.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let fail = |source: nix::Error| {
            Error::from_io("open", path.display().to_string(), privileges::TO_INSPECT, source.into())
        };
        // First without opening it in earnest: the path may be a FIFO or a device.
        let place = open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).map_err(fail)?;
        Self::from_place(place.as_fd(), path)
    }

    /// As [`Netns::open`], from a descriptor opened with `O_PATH`.
    pub(crate) fn from_place(place: BorrowedFd<'_>, path: &Path) -> Result<Self, Error> {
        let fail = |source: io::Error| {
            Error::from_io("open", path.display().to_string(), privileges::TO_INSPECT, source)
        };
        let other = |found: &str| Error::NotANetns { path: path.to_owned(), found: found.to_owned() };
        let place_type = fstatfs(place).map_err(|e| fail(e.into()))?.filesystem_type();
        if place_type != NSFS_MAGIC {
            let kind = SFlag::from_bits_truncate(fstat(place).map_err(|e| fail(e.into()))?.st_mode);
            return Err(other(sys::file_kind(kind & SFlag::S_IFMT)));
        }
        let fd = sys::reopen(place, OFlag::O_RDONLY).map_err(fail)?;
        if sys::namespace_kind(fd.as_fd()).map_err(fail)? != CloneFlags::CLONE_NEWNET {
            return Err(other("another kind of namespace"));
        }
        let stat = fstat(&fd).map_err(|e| fail(e.into()))?;
        Ok(Self { fd, device: stat.st_dev, inode: stat.st_ino })
    }

    /// The same namespace, to be held by another thread.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { fd: self.fd.try_clone()?, device: self.device, inode: self.inode })
    }

    /// The number that `lsns` and `/proc/PID/ns/net` show.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Whether both are the same namespace.
    pub fn is(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Runs `work` on a thread of its own inside `netns` and returns what it returns.
///
/// The thread ends afterwards, so nothing has to be restored. What was opened inside (a socket, a runtime with its
/// threads) stays in that namespace. Needs `CAP_SYS_ADMIN` unless the caller is in `netns` already; as root this
/// also enters namespaces owned by another user namespace (rootless containers).
///
/// On a thread of [`visiting`] no other is started.
pub fn run_in<T: Send>(netns: &Netns, work: impl FnOnce() -> T + Send) -> Result<T, Error> {
    if VISITS.get() != Visits::None {
        return visit(netns).map(|()| work());
    }
    on_own_thread(|| enter(netns).map(|()| work()))
}

thread_local! {
    static VISITS: Cell<Visits> = const { Cell::new(Visits::None) };
}

/// Whether a thread goes from namespace to namespace until it ends, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visits {
    /// It does not.
    None,
    /// It does, and is where it began.
    Begun,
    /// It has entered this one, by device and inode.
    In(u64, u64),
}

/// Runs `work`, which looks into many namespaces, on a thread of its own that enters one after the other: on a busy
/// machine a thread for each would wait for a processor each time.
///
/// The thread is somewhere among them when `work` goes on and ends with it, so `work` must not depend on where it is.
pub fn visiting<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, Error> {
    on_own_thread(|| {
        VISITS.set(Visits::Begun);
        Ok(work())
    })
}

/// Runs `work` on a thread that ends afterwards, so that whatever it changed about itself is gone.
pub(crate) fn on_own_thread<T: Send>(work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    let finished = std::thread::scope(|scope| {
        let started = std::thread::Builder::new().name("namespace".into()).spawn_scoped(scope, work);
        started.map(std::thread::ScopedJoinHandle::join)
    });
    match finished {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(source) => Err(Error::Io { operation: "start", object: "a thread".into(), source }),
    }
}

/// Moves a thread that visits namespaces into `netns`. It knows where it is: to ask costs more than to move.
fn visit(netns: &Netns) -> Result<(), Error> {
    let there = Visits::In(netns.device, netns.inode);
    match VISITS.get() {
        here if here == there => return Ok(()),
        Visits::In(..) => go_to(netns)?,
        Visits::None | Visits::Begun => enter(netns)?,
    }
    VISITS.set(there);
    Ok(())
}

/// Moves the calling thread into `netns`, unless it is there.
pub(crate) fn enter(netns: &Netns) -> Result<(), Error> {
    if Netns::current().is_ok_and(|current| current.is(netns)) {
        return Ok(());
    }
    go_to(netns)
}

fn go_to(netns: &Netns) -> Result<(), Error> {
    setns(netns, CloneFlags::CLONE_NEWNET).map_err(|source| {
        let object = format!("network namespace {}", netns.inode());
        Error::from_io("enter", object, privileges::TO_ENTER, source.into())
    })
}
