//! The node whose processes and files are looked at: this machine, or one whose root is mounted here.

use std::path::{Path, PathBuf};

/// Where a node's file system begins.
///
/// Usually `/`. In a `DaemonSet` that mounts the node at `/host` it is `/host`, with the node's own `/proc` below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    root: PathBuf,
}

impl Default for Host {
    fn default() -> Self {
        Self { root: PathBuf::from("/") }
    }
}

impl Host {
    /// The node whose root directory is `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The node's root directory, as seen from here.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path of the node, as seen from here; a leading `/` is ignored.
    pub fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        let inside = inside.as_ref();
        self.root.join(inside.strip_prefix("/").unwrap_or(inside))
    }

    /// The node's `/proc/PID`.
    pub(crate) fn process(&self, pid: u32) -> PathBuf {
        self.path(format!("proc/{pid}"))
    }
}
