//! One process, held by its `/proc/PID` directory.
//!
//! The kernel ties an open `/proc/PID` to the process, not to its number: once the process has ended, every look-up
//! through the directory fails, also when the number has been given to another process since.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, readlinkat};
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::Mode;
use nix::unistd::gethostname;

use crate::error::Error;
use crate::host::Host;
use crate::netns::{Netns, on_own_thread};
use crate::pod_files::{Content, MAX_BYTES, Root};
use crate::privileges::{self, Capability};

/// The environment variables that resolvers read (resolv.conf(5), gethostbyname(3); Go's package net; c-ares).
pub const RESOLVER_VARIABLES: &[&str] =
    &["CARES_HOSTS", "GODEBUG", "HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS"];

/// Longer than any name of a process: those of the kernel's threads have up to 63 bytes.
const MAX_NAME: u64 = 64;

/// A process that existed when it was opened.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    dir: OwnedFd,
    shown: PathBuf,
}

/// A host name and where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hostname {
    /// What gethostname(2) returns in the target.
    Kernel(String),
    /// The first word of its `etc/hostname`, when its UTS namespace cannot be entered; whoever writes the container's
    /// files chose it.
    File(String),
    /// Neither could be read.
    Unknown,
}

impl Process {
    /// The process with this number on `host`.
    ///
    /// # Errors
    /// [`Error::ProcessGone`] when there is none.
    pub fn open(host: &Host, pid: u32) -> Result<Self, Error> {
        let shown = host.process(pid);
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        match open(&shown, flags, Mode::empty()) {
            Ok(dir) => Ok(Self { pid, dir, shown }),
            Err(Errno::ENOENT) => Err(Error::ProcessGone { pid }),
            Err(errno) => Err(Error::from_io("open", shown.display().to_string(), &[], errno.into())),
        }
    }

    /// Its number, as the host sees it.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What it calls itself, in at most 15 bytes; for terminals it must be escaped.
    pub fn name(&self) -> Option<String> {
        let name = self.read("comm", MAX_NAME).ok()?;
        Some(String::from_utf8_lossy(&name).trim_end_matches('\n').to_owned())
    }

    /// Whether it still runs (a zombie does not).
    pub fn is_alive(&self) -> bool {
        let state = self.read("stat", MAX_BYTES).ok().and_then(|stat| state_of(&stat));
        state.is_some_and(|state| !matches!(state, b'Z' | b'X' | b'x'))
    }

    /// Its network namespace.
    pub fn netns(&self) -> Result<Netns, Error> {
        let place = self.look_up("ns/net", OFlag::O_PATH)?;
        Netns::from_place(place.as_fd(), &self.shown.join("ns/net"))
    }

    /// The inode of its network namespace, without opening it; none for a zombie.
    pub(crate) fn netns_inode(&self) -> Result<Option<u64>, Error> {
        match readlinkat(&self.dir, "ns/net") {
            Ok(link) => Ok(link.to_str().and_then(netns_inode)),
            Err(errno) => Err(self.failed("read", "ns/net", errno.into())),
        }
    }

    /// Its root directory, where its files are read.
    pub fn root(&self) -> Result<Root, Error> {
        let dir = self.look_up("root", OFlag::O_PATH | OFlag::O_DIRECTORY)?;
        Ok(Root::new(dir, self.shown.join("root")))
    }

    /// Those of [`RESOLVER_VARIABLES`] that were set when it started, from at most 1 MiB of its environment.
    pub fn environment(&self) -> Result<BTreeMap<&'static str, OsString>, Error> {
        Ok(resolver_variables(&self.read("environ", MAX_BYTES)?))
    }

    /// Its host name: a search list may be derived from it (resolv.conf(5)).
    ///
    /// Read by a thread that enters the UTS namespace: `/proc/PID/root/proc/sys/kernel/hostname` would show the
    /// reader's own, and `/etc/hostname` is only a file.
    pub fn hostname(&self) -> Hostname {
        let kernel = self.look_up("ns/uts", OFlag::O_RDONLY).and_then(|uts| self.hostname_in(&uts));
        kernel.map_or_else(|_| self.hostname_in_file(), Hostname::Kernel)
    }

    /// The capabilities that it may ever have (capabilities(7), "bounding set").
    pub(crate) fn bounding_set(&self) -> Result<Vec<Capability>, Error> {
        let status = self.read("status", MAX_BYTES)?;
        let bits = bounding_bits(&String::from_utf8_lossy(&status)).unwrap_or(0);
        Ok(caps::all().into_iter().filter(|capability| bits & capability.bitmask() != 0).collect())
    }

    /// Opens what a name below `/proc/PID` refers to. The magic links there (`root`, `exe`, `ns/net`) are followed:
    /// the kernel made them, not the container.
    pub(crate) fn look_up(&self, name: &str, flags: OFlag) -> Result<OwnedFd, Error> {
        openat(&self.dir, name, flags | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|e| self.failed("open", name, e.into()))
    }

    /// Reads a file below `/proc/PID`, at most its first `limit` bytes.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>, Error> {
        let file = File::from(self.look_up(name, OFlag::O_RDONLY)?);
        // As much as the kernel hands out at once.
        let mut bytes = Vec::with_capacity(4 << 10);
        file.take(limit).read_to_end(&mut bytes).map_err(|e| self.failed("read", name, e))?;
        Ok(bytes)
    }

    fn hostname_in(&self, uts: &OwnedFd) -> Result<String, Error> {
        on_own_thread(|| {
            setns(uts, CloneFlags::CLONE_NEWUTS)
                .and_then(|()| gethostname())
                .map(|name| name.to_string_lossy().into_owned())
                .map_err(|e| self.failed("enter", "ns/uts", e.into()))
        })
    }

    fn hostname_in_file(&self) -> Hostname {
        let content = self.root().map(|root| root.read("etc/hostname").content);
        let Ok(Content::Found(bytes)) = content else { return Hostname::Unknown };
        let text = String::from_utf8_lossy(&bytes);
        text.split_whitespace().next().map_or(Hostname::Unknown, |word| Hostname::File(word.to_owned()))
    }

    fn failed(&self, operation: &'static str, name: &str, source: io::Error) -> Error {
        // A zombie has no files (ENOENT), a process that ended has no directory (ESRCH).
        if matches!(source.raw_os_error(), Some(libc::ESRCH | libc::ENOENT)) {
            return Error::ProcessGone { pid: self.pid };
        }
        let object = self.shown.join(name).display().to_string();
        Error::from_io(operation, object, privileges::TO_INSPECT, source)
    }
}

/// The inode in `net:[4026531840]`, as the kernel writes links to network namespaces.
pub(crate) fn netns_inode(link: &str) -> Option<u64> {
    link.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
}

/// The state letter of a `/proc/PID/stat` line: after the last `)`, for the command name may hold anything.
fn state_of(stat: &[u8]) -> Option<u8> {
    let after_name = stat.iter().rposition(|&byte| byte == b')')?;
    stat.get(after_name + 2).copied()
}

fn bounding_bits(status: &str) -> Option<u64> {
    let bits = status.lines().find_map(|line| line.strip_prefix("CapBnd:"))?;
    u64::from_str_radix(bits.trim(), 16).ok()
}

fn resolver_variables(environ: &[u8]) -> BTreeMap<&'static str, OsString> {
    let mut found = BTreeMap::new();
    for entry in environ.split(|&byte| byte == 0) {
        let Some(equals) = entry.iter().position(|&byte| byte == b'=') else { continue };
        let (name, value) = (&entry[..equals], &entry[equals + 1..]);
        if let Some(&name) = RESOLVER_VARIABLES.iter().find(|known| known.as_bytes() == name) {
            // The first of two counts, as for getenv(3).
            found.entry(name).or_insert_with(|| OsStr::from_bytes(value).to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("600").env("RES_OPTIONS", "ndots:3").env("LOCALDOMAIN", "").spawn().unwrap()
    }

    fn open_child(child: &Child) -> Process {
        Process::open(&Host::default(), child.id()).unwrap()
    }

    #[test]
    fn a_running_process_is_alive_and_shares_our_namespace() {
        let mut child = sleeper();
        let process = open_child(&child);
        let alive = process.is_alive();
        let same = process.netns().map(|netns| netns.is(&Netns::current().unwrap()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(alive);
        assert!(same.unwrap());
    }

    #[test]
    fn an_ended_process_is_noticed_through_the_open_directory() {
        let mut child = sleeper();
        let process = open_child(&child);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!process.is_alive());
        assert!(matches!(process.netns(), Err(Error::ProcessGone { .. })));
        assert!(matches!(process.root(), Err(Error::ProcessGone { .. })));
        assert!(matches!(process.environment(), Err(Error::ProcessGone { .. })));
        assert!(matches!(Process::open(&Host::default(), child.id()), Err(Error::ProcessGone { .. })));
    }

    #[test]
    fn a_zombie_counts_as_ended() {
        let mut child = Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
        let process = open_child(&child);
        // The pipe ends when the process does; it stays a zombie until it is waited for.
        io::copy(child.stdout.as_mut().unwrap(), &mut io::sink()).unwrap();
        while process.is_alive() {
            std::thread::yield_now();
        }
        assert!(matches!(process.netns(), Err(Error::ProcessGone { .. })));
        child.wait().unwrap();
    }

    #[test]
    fn only_resolver_variables_are_kept_and_empty_is_not_unset() {
        let mut child = sleeper();
        let process = open_child(&child);
        let found = loop {
            // Until exec has happened the environment is still that of the test.
            let found = process.environment().unwrap();
            if found.contains_key("LOCALDOMAIN") {
                break found;
            }
        };
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found["RES_OPTIONS"], "ndots:3");
        assert_eq!(found["LOCALDOMAIN"], "");
        assert!(!found.contains_key("PATH"));
    }

    #[test]
    fn the_bounding_set_is_that_of_the_process() {
        let own = Process::open(&Host::default(), std::process::id()).unwrap().bounding_set().unwrap();
        let held = caps::read(None, caps::CapSet::Bounding).unwrap();
        assert_eq!(own.into_iter().collect::<caps::CapsHashSet>(), held);
        assert_eq!(bounding_bits("CapBnd:\t00000000a80425fb\n"), Some(0xa804_25fb));
        assert_eq!(bounding_bits("CapEff:\t00"), None);
    }

    #[test]
    fn a_command_name_may_imitate_the_state() {
        assert_eq!(state_of(b"12 (a) Z (b) S 1 2"), Some(b'S'));
        assert_eq!(state_of(b"12"), None);
    }

    #[test]
    fn the_first_of_two_equal_variables_counts() {
        let found = resolver_variables(b"RES_OPTIONS=a\0junk\0RES_OPTIONS=b\0");
        assert_eq!(found["RES_OPTIONS"], "a");
    }
}
