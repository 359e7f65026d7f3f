//! A container as a runtime would make it: a process in the pod's network with mounts, processes and a root of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use tempfile::TempDir;

use super::Pod;
use super::clients::Client;
use crate::common::words;

/// The container's own program, which looks names up; with nothing to look up it waits.
pub(crate) const PROGRAM: &str = "/bin/client";

/// A container with one program and what is in `etc`; gone when dropped.
pub(crate) struct Container {
    /// Of `unshare`, which waits for the container's first process.
    parent: Child,
    pid: u32,
    root: TempDir,
}

impl Container {
    /// With these words of unshare(1) beside a mount and a process namespace, and an empty `/etc`.
    pub(crate) fn start(pod: &Pod, more: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for directory in ["bin", "etc", "proc"] {
            fs::create_dir(root.path().join(directory)).unwrap();
        }
        fs::copy(Client::Musl.path(), root.path().join(PROGRAM.trim_start_matches('/'))).unwrap();
        let unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
        let line = [&unshare[..], more, &["--root", words(&root), PROGRAM]].concat();
        let mut command = pod.program(&line);
        let mut parent = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let mut output = std::io::BufReader::new(parent.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut output, &mut said).unwrap();
        assert_eq!(said, "ready\n", "{command:?}");
        let [pid] = children(parent.id())[..] else { panic!("{:?}", children(parent.id())) };
        Self { parent, pid, root }
    }

    /// The first process, as the node sees it.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// A place below its root, as the node sees it.
    pub(crate) fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        self.root.path().join(inside)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.parent.kill();
        let _ = self.parent.wait();
    }
}

/// The processes that a process has started and not waited for.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(|it| it.parse().unwrap()).collect::<Vec<_>>()).collect()
}
