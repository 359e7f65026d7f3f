//! `dnsprobe watch` and `tcpdump` beside the clients.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::Ran;

/// A program that captures until it is stopped; ended when dropped.
pub(crate) struct Capturing {
    command: Command,
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
}

impl Capturing {
    /// Starts it and waits until a line on its standard error holds `ready`: then its socket is open.
    pub(crate) fn start(mut command: Command, ready: &str) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut output = child.stdout.take().unwrap();
        let stdout = std::thread::spawn(move || rest(&mut output));
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut said = Vec::new();
        loop {
            let before = said.len();
            let read = errors.read_until(b'\n', &mut said).unwrap();
            let line = String::from_utf8_lossy(&said[before..]);
            if line.contains(ready) {
                break;
            }
            assert!(read > 0, "{command:?} ended: {}", String::from_utf8_lossy(&said));
        }
        let stderr = std::thread::spawn(move || {
            said.extend(rest(&mut errors));
            said
        });
        Self { command, child, stdout: Some(stdout), stderr: Some(stderr) }
    }

    /// Ctrl-C, then its end.
    pub(crate) fn stop(self) -> Ran {
        self.end_with(Signal::SIGINT)
    }

    /// A signal, then its end.
    pub(crate) fn end_with(mut self, signal: Signal) -> Ran {
        kill(Pid::from_raw(i32::try_from(self.pid()).unwrap()), signal).unwrap();
        self.finish()
    }

    /// Its number on this machine; `nsenter` or `unshare`, which waits for another that it started, is not what is meant.
    pub(crate) fn pid(&self) -> u32 {
        let own = self.child.id();
        entered(own).unwrap_or(own)
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it ends by itself.
    pub(crate) fn ended(mut self) -> Ran {
        self.finish()
    }

    fn finish(&mut self) -> Ran {
        let status = self.child.wait().unwrap();
        let stdout = self.stdout.take().unwrap().join().unwrap();
        let stderr = self.stderr.take().unwrap().join().unwrap();
        Ran::new(&self.command, &std::process::Output { status, stdout, stderr })
    }
}

/// The program that `nsenter` or `unshare` started, when that is what runs with this number.
fn entered(pid: u32) -> Option<u32> {
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    if matches!(comm.trim(), "nsenter" | "unshare") { children.trim().parse().ok() } else { None }
}

impl Drop for Capturing {
    fn drop(&mut self) {
        if let Some(inner) = entered(self.child.id()) {
            let _ = kill(Pid::from_raw(i32::try_from(inner).unwrap()), Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rest(input: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What was read before an error is what there is.
    let _ = input.read_to_end(&mut bytes);
    bytes
}
