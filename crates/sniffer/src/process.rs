//! One process, held by its `/proc/PID` directory.
//!
//! The kernel ties an open `/proc/PID` to the process, not to its number: once the process has ended, every look-up
//! through the directory fails, also when the number has been given to another process since.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::OwnedFd;

use crate::error::Error;
use crate::host::Host;
use crate::netns::Netns;
use crate::pod_files::Root;

/// The environment variables that resolvers read (resolv.conf(5), gethostbyname(3); Go's package net; c-ares).
pub const RESOLVER_VARIABLES: &[&str] =
    &["CARES_HOSTS", "GODEBUG", "HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS"];

/// A process that existed when it was opened.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    #[expect(dead_code)]
    dir: OwnedFd,
}

/// A host name and where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hostname {
    /// What gethostname(2) returns in the target.
    Kernel(String),
    /// The first line of its `etc/hostname`, when its UTS namespace cannot be entered.
    File(String),
}

impl Process {
    /// The process with this number on `host`.
    pub fn open(_host: &Host, _pid: u32) -> Result<Self, Error> {
        todo!()
    }

    /// Its number, as `host` sees it.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it still runs (a zombie does not).
    pub fn is_alive(&self) -> bool {
        todo!()
    }

    /// Its network namespace.
    pub fn netns(&self) -> Result<Netns, Error> {
        todo!()
    }

    /// Its root directory, where its files are read.
    pub fn root(&self) -> Result<Root, Error> {
        todo!()
    }

    /// Those of [`RESOLVER_VARIABLES`] that were set when it started, from at most 1 MiB of its environment.
    pub fn environment(&self) -> Result<BTreeMap<&'static str, OsString>, Error> {
        todo!()
    }

    /// Its host name: a search list may be derived from it (resolv.conf(5)).
    pub fn hostname(&self) -> Result<Hostname, Error> {
        todo!()
    }
}
