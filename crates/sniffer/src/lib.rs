//! Which pod is that, and what passes through its network namespace?
//!
//! [`target`] finds what the user named and hands back a [`Located`]: a network namespace and the root its files are
//! read from. [`netns::run_in`] does something inside that namespace, [`capture`] delivers the frames that pass
//! through it, [`pod_files`] reads its resolver configuration and [`detect`] says which resolver reads it.
//! [`run`] runs a program inside, and [`trace`] tells its packets from those of others.
//! [`sandbox`] builds the private namespaces of `dnsprobe demo`; [`privileges`] says what is missing and gives up what
//! is no longer needed.
//!
//! Not here: grouping frames into lookups, judging or printing them. All `unsafe` is in the private module `sys`.

pub mod capture;
pub mod clients;
pub mod detect;
pub mod embedded;
pub mod error;
mod etc;
pub mod filter;
pub mod host;
mod link;
pub mod netns;
pub mod node;
pub mod owners;
mod packet_socket;
mod passing;
pub mod pod_files;
pub mod privileges;
pub mod process;
pub mod roster;
pub mod run;
pub mod sandbox;
mod sys;
pub mod target;
pub mod trace;
pub mod wake;

pub use capture::{
    Batch, Capture, CaptureOptions, Captured, End, FrameSource, Interface, Queue, SourceId, Statistics, Tap,
};
pub use detect::{Detected, Detection, OfProcess, Other};
pub use error::Error;
pub use host::Host;
pub use netns::Netns;
pub use node::{ContainerQuery, Entry, Kind, Node, PodQuery};
pub use pod_files::{Content, FileRead, Root, Unreadable};
pub use process::{Hostname, Process};
pub use roster::{Change, Follow, Joined, MemberId, Roster};
pub use sandbox::{Entered, Sandbox};
pub use target::{Located, Target};
pub use wake::{Bell, Wake, Waker};
