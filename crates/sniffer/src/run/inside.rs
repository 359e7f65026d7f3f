//! What a program finds around it: the target's namespaces and files.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{chroot, fchdir};

use crate::error::{Error, IN_CONTAINER};
use crate::etc::{self, EtcFile};
use crate::netns::{self, Netns};
use crate::pod_files::Content;
use crate::privileges::{self, Capability};
use crate::process::Process;
use crate::target::Located;

/// The files that decide how names are looked up.
const RESOLVER_FILES: [&str; 3] = ["resolv.conf", "hosts", "nsswitch.conf"];

/// Whose files the program finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Files {
    /// This node's, with the target's `resolv.conf`, `hosts` and `nsswitch.conf` in the place of its own.
    Node,
    /// The container's.
    Container,
}

/// Everything that is opened before the namespaces are entered.
#[derive(Debug)]
pub struct Inside {
    pub(super) net: Netns,
    /// A search list may be derived from the host name (resolv.conf(5)).
    uts: Option<OwnedFd>,
    around: Around,
    /// What is odd about the target's files, a line each.
    pub notes: Vec<String>,
}

#[derive(Debug)]
enum Around {
    /// As it is here.
    Here,
    Etc(Vec<EtcFile>),
    Container(Container),
}

#[derive(Debug)]
struct Container {
    mounts: OwnedFd,
    /// What `/proc` shows in there, and what `/proc/self` means.
    pids: OwnedFd,
    /// Of a rootless container.
    user: Option<OwnedFd>,
    root: OwnedFd,
    /// What its processes may ever have.
    capabilities: Vec<Capability>,
}

impl Inside {
    /// Opens what belongs to a target.
    ///
    /// # Errors
    /// [`Error::NoFileSystem`] when the container's files are asked for and there is no process to have any.
    pub fn of(located: &Located, files: Files) -> Result<Self, Error> {
        let net = located.netns.try_clone().map_err(|e| opening("the network namespace", e))?;
        let process = located.process.as_ref();
        let uts = process.map(|it| open_namespace(it, "uts")).transpose()?.flatten();
        let mut inside = Self { net, uts, around: Around::Here, notes: Vec::new() };
        let here = process.is_none() && Netns::current().is_ok_and(|current| current.is(&located.netns));
        inside.around = match (files, process) {
            (Files::Container, Some(process)) => Around::Container(Container::of(process)?),
            (Files::Container, None) => return Err(Error::NoFileSystem),
            (Files::Node, _) if here => Around::Here,
            (Files::Node, _) => Around::Etc(resolver_files(located, &mut inside.notes)),
        };
        Ok(inside)
    }

    /// Moves the calling thread there. Nothing brings it back.
    pub(super) fn enter(&self) -> Result<(), Error> {
        netns::enter(&self.net)?;
        if let Some(uts) = &self.uts {
            setns(uts, CloneFlags::CLONE_NEWUTS).map_err(|e| entering("the UTS namespace", e))?;
        }
        match &self.around {
            Around::Here => Ok(()),
            Around::Etc(files) => {
                unshare(CloneFlags::CLONE_NEWNS).map_err(|e| entering("a private mount namespace", e))?;
                etc::replace(files)
                    .map_err(|e| Error::from_io(e.operation, e.object, privileges::TO_ENTER, e.source))
            }
            Around::Container(container) => container.enter(),
        }
    }

    /// The user namespace to become root of.
    pub(super) fn user(&self) -> io::Result<Option<OwnedFd>> {
        match &self.around {
            Around::Container(Container { user: Some(user), .. }) => user.try_clone().map(Some),
            _ => Ok(None),
        }
    }

    /// Where programs are looked for, in words.
    pub(super) fn place(&self) -> &'static str {
        match self.around {
            Around::Container(_) => IN_CONTAINER,
            Around::Here | Around::Etc(_) => "on this node",
        }
    }
}

/// As the target has them. A file that is missing is missing for the program too, so that its resolver does what the
/// target's does without.
fn resolver_files(located: &Located, notes: &mut Vec<String>) -> Vec<EtcFile> {
    let one = |name: &&str| {
        let read = located.root.read(&format!("etc/{name}"));
        let bytes = match read.content {
            Content::Found(bytes) => Some(bytes),
            Content::Missing => None,
            Content::Unreadable(why) => {
                notes
                    .push(format!("{} cannot be read: {why}; the program runs without", read.path.display()));
                None
            }
        };
        ((*name).to_owned(), bytes)
    };
    RESOLVER_FILES.iter().map(one).collect()
}

impl Container {
    fn of(process: &Process) -> Result<Self, Error> {
        let needed = |kind: &str| process.look_up(&format!("ns/{kind}"), OFlag::O_RDONLY);
        Ok(Self {
            mounts: needed("mnt")?,
            pids: needed("pid")?,
            user: open_namespace(process, "user")?,
            root: process.look_up("root", OFlag::O_PATH | OFlag::O_DIRECTORY)?,
            capabilities: process.bounding_set()?,
        })
    }

    fn enter(&self) -> Result<(), Error> {
        // For the program, not for this thread.
        setns(&self.pids, CloneFlags::CLONE_NEWPID).map_err(|e| entering("the container's processes", e))?;
        // The root directory must not be shared with other threads.
        let moved = unshare(CloneFlags::CLONE_FS)
            .and_then(|()| setns(&self.mounts, CloneFlags::CLONE_NEWNS))
            .and_then(|()| fchdir(&self.root))
            .and_then(|()| chroot("."));
        moved.map_err(|e| entering("the container's file system", e))?;
        if self.user.is_some() {
            // As root of that user namespace it has all capabilities there and none here.
            return Ok(());
        }
        // The program is the container's own file: it gets no more of this node than the container may have.
        privileges::keep_only(&self.capabilities).map_err(|source| Error::Io {
            operation: "give up",
            object: "capabilities".into(),
            source,
        })
    }
}

/// A namespace of the process, unless it is this thread's as well.
fn open_namespace(process: &Process, kind: &str) -> Result<Option<OwnedFd>, Error> {
    let theirs = process.look_up(&format!("ns/{kind}"), OFlag::O_RDONLY)?;
    let path = format!("/proc/thread-self/ns/{kind}");
    let ours = open(path.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
    let number = |fd: &OwnedFd| fstat(fd.as_fd()).map(|it| (it.st_dev, it.st_ino)).ok();
    let same = ours.is_ok_and(|ours| number(&ours).is_some() && number(&ours) == number(&theirs));
    Ok((!same).then_some(theirs))
}

fn entering(object: &str, errno: nix::Error) -> Error {
    Error::from_io("enter", object, privileges::TO_ENTER, errno.into())
}

fn opening(object: &str, source: io::Error) -> Error {
    Error::Io { operation: "open", object: object.to_owned(), source }
}
