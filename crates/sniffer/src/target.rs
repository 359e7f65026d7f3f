//! From what the user named to a network namespace and the files that belong to it.

use crate::error::Error;
use crate::host::Host;
use crate::netns::Netns;
use crate::pod_files::Root;
use crate::process::Process;

/// What the user named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Target {
    /// The namespace that dnsprobe runs in.
    #[default]
    Here,
    /// The namespace of a process.
    Pid(u32),
    /// A name under `/run/netns`, or the path of a namespace file when it contains a `/`.
    Netns(String),
}

/// A target that was found.
#[derive(Debug)]
pub struct Located {
    /// The process, when one was named or stands for the target.
    pub process: Option<Process>,
    /// Where its packets pass.
    pub netns: Netns,
    /// Where its files are read.
    pub root: Root,
}

impl Located {
    /// The process's number, when there is one.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }
}

/// Finds a target on a node.
///
/// # Errors
/// [`Error::ProcessGone`], [`Error::UnknownNetns`] (lists those that exist), [`Error::NotANetns`], [`Error::Denied`].
pub fn locate(_target: &Target, _host: &Host) -> Result<Located, Error> {
    todo!()
}
