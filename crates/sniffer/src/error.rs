//! What can go wrong between the user's words and the packets.

use std::io;
use std::path::PathBuf;

use crate::filter::MAX_PORTS;
use crate::privileges::{self, Capability};

/// Where a program is looked for with the container's own file system.
pub(crate) const IN_CONTAINER: &str = "in the container";

/// How many existing names a message lists.
const MAX_LISTED: usize = 30;

/// An operation that could not be done, on which object.
///
/// `Display` does not repeat [`std::error::Error::source`]; [`Error::hint`] is the next step to suggest, for a line of
/// its own.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No process has this number, it has become a zombie, or it ended while it was being looked at.
    #[error("process {pid} does not exist (any more)")]
    ProcessGone {
        /// The number asked for.
        pid: u32,
    },
    /// No file of this name under `/run/netns`.
    #[error("no network namespace is named {name:?}; {}", listed(existing, "named namespaces here"))]
    UnknownNetns {
        /// The name asked for.
        name: String,
        /// The names that exist, sorted.
        existing: Vec<String>,
    },
    /// No pod on this node has this name.
    #[error("no pod on this node is named {name:?}{}", ended.as_ref().map(|pod| format!("; {pod} ran here and has ended: its logs are still in /var/log/pods")).unwrap_or_default())]
    UnknownPod {
        /// The name asked for, with the namespace where one was given.
        name: String,
        /// The names of those that run here, with their namespaces where one was given.
        existing: Vec<String>,
        /// A pod of that name that ran here and left its logs.
        ended: Option<String>,
        /// What the list rests on.
        evidence: String,
        /// Processes whose namespace was not shown for want of a privilege.
        denied: usize,
    },
    /// Several pods fit.
    #[error("{name:?} fits {} pods on this node: {}", matches.len(), joined(matches))]
    AmbiguousPod {
        /// The name asked for.
        name: String,
        /// Options that name one each.
        matches: Vec<String>,
    },
    /// No container has this name or id.
    #[error("no container{} is named {name:?}, nor does an id begin so; {}", pod.as_ref().map(|pod| format!(" of pod {pod}")).unwrap_or_default(), listed(existing, "containers there"))]
    UnknownContainer {
        /// The name or id asked for.
        name: String,
        /// The pod, when one was named too.
        pod: Option<String>,
        /// The names that exist.
        existing: Vec<String>,
    },
    /// Several containers fit.
    #[error("{name:?} fits {} containers on this node: {}", matches.len(), joined(matches))]
    AmbiguousContainer {
        /// The name or id asked for.
        name: String,
        /// Options that name one each.
        matches: Vec<String>,
    },
    /// Nothing holds its network namespace: no process that runs, no file.
    #[error("{what} has no running process and no namespace file on this node")]
    NothingRuns {
        /// The pod or container.
        what: String,
    },
    /// A process changed between being found and being entered.
    #[error(
        "process {pid} is no longer what it was when {what} was found: it has ended and its number is another's, or it has moved to another namespace"
    )]
    Changed {
        /// The process.
        pid: u32,
        /// The pod or container.
        what: String,
    },
    /// The file is no network namespace.
    #[error("{} is not a network namespace but {found}", path.display())]
    NotANetns {
        /// The file asked for.
        path: PathBuf,
        /// What it is instead, with its article.
        found: String,
    },
    /// The namespace has no such interface.
    #[error("no interface is named {name:?}; {}", listed(existing, "interfaces in this network namespace"))]
    UnknownInterface {
        /// The name asked for.
        name: String,
        /// The names that exist, in the kernel's order.
        existing: Vec<String>,
    },
    /// The kernel refused for want of a privilege.
    #[error("not allowed to {operation} {object}{}", needs(missing))]
    Denied {
        /// What was tried, as a verb: `enter`, `capture in`.
        operation: &'static str,
        /// On what.
        object: String,
        /// The capabilities that operation needs and this process lacks; empty when it has them all.
        missing: Vec<Capability>,
        /// What the kernel said.
        source: io::Error,
    },
    /// More ports than one kernel filter holds.
    #[error("a kernel filter holds at most {MAX_PORTS} ports, {given} were given")]
    TooManyPorts {
        /// How many different ones were given.
        given: usize,
    },
    /// Private namespaces cannot be made here.
    #[error("this system does not allow private namespaces{}", setting.as_ref().map(|s| format!(": {s}")).unwrap_or_default())]
    SandboxForbidden {
        /// The setting in force that forbids it, as `name = value`, when one was recognised.
        setting: Option<String>,
        /// What the kernel said.
        source: io::Error,
    },
    /// The container's files were asked for, and the target is a namespace without a process.
    #[error("a network namespace by its name has no file system of its own")]
    NoFileSystem,
    /// The program cannot be run.
    #[error("cannot run {program:?} {place}")]
    NotStarted {
        /// As typed.
        program: String,
        /// Where it was looked for: `on this node`, `in the container`.
        place: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// Anything else the kernel said.
    #[error("cannot {operation} {object}")]
    Io {
        /// What was tried, as a verb: `open`, `read`.
        operation: &'static str,
        /// On what.
        object: String,
        /// What the kernel said.
        source: io::Error,
    },
}

impl Error {
    /// The next step to suggest, or `None` when the message says it all.
    ///
    /// `command_line` is the program's own argument list, for the `sudo` line.
    pub fn hint(&self, command_line: &[String]) -> Option<String> {
        match self {
            Self::Denied { missing, .. } if !missing.is_empty() => {
                Some(format!("run it with privileges: {}", privileges::sudo_line(command_line)))
            }
            Self::Denied { .. } => {
                Some("the capabilities are there; a security module, seccomp or a user namespace stands in the way".into())
            }
            Self::UnknownPod { evidence, denied, .. } => Some(if *denied > 0 && !privileges::missing(privileges::TO_INSPECT).is_empty() {
                format!(
                    "the namespaces of {denied} processes are not shown to this user; as root there may be more: {}",
                    privileges::sudo_line(command_line)
                )
            } else {
                format!("`dnsprobe list` shows every pod of this node; it rests on {evidence}")
            }),
            Self::AmbiguousPod { .. } | Self::AmbiguousContainer { .. } => Some("add one of these to the command".into()),
            Self::Changed { .. } => Some("run the command again".into()),
            Self::NothingRuns { .. } => {
                Some("a container that has crashed is looked at through the other processes of its pod".into())
            }
            Self::NotANetns { .. } => Some("`ip netns list` and `lsns -t net` show those that exist".into()),
            Self::NoFileSystem => Some("name a process or a container, or leave --root away".into()),
            Self::NotStarted { place: IN_CONTAINER, source, .. }
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Some("without --root this node's own programs are run, with the target's network and resolv.conf".into())
            }
            Self::SandboxForbidden { .. } => Some(format!("root may: {}", privileges::sudo_line(command_line))),
            Self::Io { source, .. } if source.raw_os_error() == Some(libc::EMFILE) => {
                Some("each network namespace takes an open file: raise the limit (`ulimit -n`)".into())
            }
            _ => None,
        }
    }

    /// From an operation's result: lack of permission becomes [`Error::Denied`] with what `needed` lacks.
    pub(crate) fn from_io(
        operation: &'static str,
        object: impl Into<String>,
        needed: &[Capability],
        source: io::Error,
    ) -> Self {
        let object = object.into();
        if source.kind() == io::ErrorKind::PermissionDenied {
            Self::Denied { operation, object, missing: privileges::missing(needed), source }
        } else {
            Self::Io { operation, object, source }
        }
    }
}

fn listed(existing: &[String], what: &str) -> String {
    if existing.is_empty() { format!("there are no {what}") } else { format!("{what}: {}", joined(existing)) }
}

fn joined(names: &[String]) -> String {
    let shown = names.iter().take(MAX_LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn needs(missing: &[Capability]) -> String {
    if missing.is_empty() {
        return String::new();
    }
    let names: Vec<String> = missing.iter().map(ToString::to_string).collect();
    format!(" (it needs {})", names.join(" and "))
}
