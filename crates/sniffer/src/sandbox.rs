//! A private network and a private `/etc` for the calling process, as `dnsprobe demo` needs them.

mod forbidden;
mod network;

use std::io;
use std::net::Ipv4Addr;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getgid, getuid};

use crate::error::Error;
use crate::etc::{self, EtcFile};
use crate::privileges;

/// What the private namespaces hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// The address that the process's own sockets have: the pod.
    pub pod: Ipv4Addr,
    /// The address to serve DNS on, in the same namespace.
    pub server: Ipv4Addr,
    /// Files that replace those of the same name in `/etc` (`resolv.conf`, `nsswitch.conf`, `hosts`), or are added.
    pub etc: Vec<(String, Vec<u8>)>,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self { pod: Ipv4Addr::new(10, 244, 1, 7), server: Ipv4Addr::new(10, 96, 0, 10), etc: Vec::new() }
    }
}

/// How the process got into its namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entered {
    /// Into a new user namespace first, without privileges; there the process is root.
    AsUser,
    /// With the privileges it had.
    AsRoot,
}

/// Moves the calling process into new network and mount namespaces (below a new user namespace unless it may do so
/// already) and sets them up. The process must have only one thread. Everything is gone when the process and its
/// children end; nothing that others see is changed.
///
/// There is one interface, `lo`, which every kernel has. It carries the pod's address and an IPv6 link-local one, as
/// a pod's interface does, since resolvers ask for AAAA only where there is an IPv6 address (`AI_ADDRCONFIG`).
///
/// # Errors
/// [`Error::SandboxForbidden`] with the setting that forbids it. The process may have been moved by then, so it should
/// end or run itself again.
pub fn enter(sandbox: &Sandbox) -> Result<Entered, Error> {
    one_thread().map_err(|source| failed("enter", "private namespaces", source))?;
    let private = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS;
    let entered = if privileges::missing(privileges::TO_ENTER).is_empty() {
        unshare(private).map_err(|e| failed("make", "private namespaces", e.into()))?;
        Entered::AsRoot
    } else {
        become_root(private)?;
        Entered::AsUser
    };
    let files: Vec<EtcFile> =
        sandbox.etc.iter().map(|(name, bytes)| (name.clone(), Some(bytes.clone()))).collect();
    etc::replace(&files).map_err(|e| failed(e.operation, &e.object, e.source))?;
    network::set_up(sandbox.pod, sandbox.server)?;
    Ok(entered)
}

/// Into a new user namespace in which the caller's user is root (`user_namespaces(7)`).
fn become_root(private: CloneFlags) -> Result<(), Error> {
    let (uid, gid) = (getuid(), getgid());
    unshare(private | CloneFlags::CLONE_NEWUSER).map_err(|e| failed("make", "a user namespace", e.into()))?;
    // Groups have to be fixed before an unprivileged process may map its own.
    let maps = [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("0 {uid} 1")),
        ("/proc/self/gid_map", format!("0 {gid} 1")),
    ];
    for (path, line) in maps {
        std::fs::write(path, line).map_err(|e| failed("write", path, e))?;
    }
    Ok(())
}

fn one_thread() -> io::Result<()> {
    match std::fs::read_dir("/proc/self/task")?.count() {
        1 => Ok(()),
        _ => Err(io::Error::other("the process has more than one thread")),
    }
}

/// Lack of permission here is a setting of the system, not of the user.
fn failed(operation: &'static str, object: &str, source: io::Error) -> Error {
    let errno = source.raw_os_error().map(Errno::from_raw);
    if matches!(errno, Some(Errno::EPERM | Errno::EACCES | Errno::ENOSPC | Errno::ENOSYS | Errno::EUSERS)) {
        Error::SandboxForbidden { setting: forbidden::setting(), source }
    } else {
        Error::Io { operation, object: object.to_owned(), source }
    }
}
