//! The thread that looks at the program's sockets while the kernel holds its calls.
//!
//! It must not stop while a process with the filter lives: without it their calls fail (`ENOSYS`), and a call that was
//! received and not let go hangs. What outlives the program is handed to a process of its own, see [`keep`].

use std::fs::File;
use std::io::{self, IoSliceMut, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll, ppoll};
use nix::sys::signal::SigSet;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, UnixCredentials, recvmsg, setsockopt, sockopt};

use super::sockets::{Destination, Keeping, Sockets};
use crate::privileges;
use crate::sys::seccomp::{self, Told};

/// How often kept sockets are looked at.
const LOOK: Duration = Duration::from_millis(5);
/// How soon, when one of them is about to get its port: a copy of a TCP socket should not be open when its owner closes it.
const LOOK_SOON: Duration = Duration::from_micros(200);
/// How long the end waits for the thread, which is at work on one call at most.
const AT_MOST: Duration = Duration::from_secs(1);

/// What became of the filter.
#[derive(Debug)]
pub(crate) enum HandOver {
    /// It tells.
    Done,
    /// There is none: the kernel refused it, and the program runs without.
    Refused(io::Error),
    /// It could not be taken over, and the program must not run with it.
    Failed(io::Error),
    /// The program did not get that far.
    Never,
}

/// A running supervisor.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(crate) outcome: Receiver<HandOver>,
    stop: UnixStream,
    stopped: Receiver<End>,
}

impl Supervisor {
    /// Waits for the program to say what it installed on the other end of `program`, then looks at its sockets. Keeps no
    /// privilege but to look at any process; without that one, those that its program has, too, or it may not look at it.
    pub(crate) fn start(program: UnixStream, sockets: Sockets) -> io::Result<Self> {
        // With it, what is written comes with the number of the process that wrote it, as it is known here.
        setsockopt(&program, sockopt::PassCred, &true)?;
        let (stop, stopping) = UnixStream::pair()?;
        let ((report, outcome), (ended, stopped)) = (channel(), channel());
        let work = move || {
            if privileges::missing(privileges::TO_INSPECT).is_empty() {
                // What could not be given up is not used either.
                let _ = privileges::keep_only(privileges::TO_INSPECT);
            }
            let end = run(program, &sockets, &report, &stopping);
            let _ = ended.send(end);
        };
        std::thread::Builder::new().name("sockets".into()).spawn(work)?;
        Ok(Self { outcome, stop, stopped })
    }

    /// Has the thread end, when it has let go of the call it is at; says whether processes with the filter are left.
    pub(crate) fn stop(self) -> End {
        drop(self.stop);
        self.stopped.recv_timeout(AT_MOST).unwrap_or(End::Stopped)
    }
}

fn run(mut program: UnixStream, sockets: &Sockets, report: &Sender<HandOver>, stopping: &UnixStream) -> End {
    let (outcome, listener) = match take_listener(&mut program) {
        Ok(listener) => (HandOver::Done, Some(listener)),
        Err(outcome) => (outcome, None),
    };
    drop(program);
    let _ = report.send(outcome);
    let Some(listener) = listener else { return End::AllGone };
    let end = supervise(listener.as_fd(), sockets, stopping);
    if end == End::Stopped {
        // Without the other process those that are left could not open a connection.
        let _ = leave(listener);
    }
    end
}

/// Takes the listener out of the new process, which waits meanwhile.
fn take_listener(program: &mut UnixStream) -> Result<OwnedFd, HandOver> {
    let (pid, said) = listen(program).map_err(HandOver::Failed)?.ok_or(HandOver::Never)?;
    if said < 0 {
        return Err(HandOver::Refused(io::Error::from_raw_os_error(-said)));
    }
    let listener = seccomp::process(pid).and_then(|process| seccomp::copy(process.as_fd(), said));
    let listener = listener.map_err(HandOver::Failed)?;
    program.write_all(&[1]).map_err(HandOver::Failed)?;
    Ok(listener)
}

/// The number that was written, and who wrote it; `None` when nobody will.
fn listen(program: &UnixStream) -> io::Result<Option<(libc::pid_t, i32)>> {
    let mut number = [0; 4];
    let mut control = cmsg_space!(UnixCredentials);
    let mut parts = [IoSliceMut::new(&mut number)];
    let received = loop {
        match recvmsg::<()>(program.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty()) {
            Err(Errno::EINTR) => {}
            other => break other?,
        }
    };
    let length = received.bytes;
    let writer = received.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::ScmCredentials(credentials) => Some(credentials.pid()),
        _ => None,
    });
    match (length, writer) {
        (0, _) => Ok(None),
        (4, Some(pid)) => Ok(Some((pid, i32::from_ne_bytes(number)))),
        _ => Err(io::Error::other("the new process was not understood")),
    }
}

/// Why the supervisor ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// No process has the filter any more.
    AllGone,
    /// It was told to, and some have.
    Stopped,
}

fn supervise(listener: BorrowedFd<'_>, sockets: &Sockets, stopping: &UnixStream) -> End {
    loop {
        let timeout = match sockets.let_go() {
            Keeping::Nothing => None,
            Keeping::WithPort => Some(LOOK.into()),
            Keeping::WithoutPort => Some(LOOK_SOON.into()),
        };
        let mut fds =
            [PollFd::new(listener, PollFlags::POLLIN), PollFd::new(stopping.as_fd(), PollFlags::POLLIN)];
        // When interrupted nothing is ready.
        let _ = ppoll(&mut fds, timeout, None);
        let [calls, stop] = fds.map(|fd| fd.revents().unwrap_or(PollFlags::empty()));
        if calls.contains(PollFlags::POLLIN) {
            // EINTR, or ENOENT when the caller has been killed.
            let Ok(call) = seccomp::next_call(listener) else { continue };
            look(listener, call, sockets);
            let _ = seccomp::let_go(listener, call);
        } else if calls.intersects(PollFlags::POLLHUP | PollFlags::POLLERR) {
            return End::AllGone;
        } else if !stop.is_empty() {
            return End::Stopped;
        }
    }
}

/// Notes the socket that a call is about.
fn look(listener: BorrowedFd<'_>, call: Told, sockets: &Sockets) {
    let to = destination(call);
    if sockets.passes_over(to) {
        return;
    }
    let copied = process_of(call.thread).and_then(|process| seccomp::copy(process.as_fd(), call.descriptor));
    if !seccomp::still_waits(listener, call) {
        return;
    }
    match copied {
        Ok(socket) => sockets.note(socket, call.call, to),
        // The program's own mistake, which the kernel is about to tell it.
        Err(error) if error.raw_os_error() == Some(libc::EBADF) => {}
        Err(error) => sockets.overlook(&error),
    }
}

/// What the call says about where it connects or sends to. The caller could still change it, which would only leave its
/// own lookups out.
fn destination(call: Told) -> Destination {
    let (start, length) = call.address;
    // As much as a sockaddr_in6 has in front of its address.
    let mut bytes = [0; 4];
    if start == 0 || length < bytes.len() as u64 {
        return Destination::Unknown;
    }
    let memory = File::open(format!("/proc/{}/mem", call.thread));
    match memory.and_then(|memory| memory.read_exact_at(&mut bytes, start)) {
        Ok(()) => Destination::read(bytes),
        Err(_) => Destination::Unknown,
    }
}

/// The process that a thread belongs to.
fn process_of(thread: libc::pid_t) -> io::Result<OwnedFd> {
    // Most programs look names up in their first thread, whose number is the process's.
    match seccomp::process(thread) {
        // ENOENT since Linux 6.13, EINVAL before.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOENT)) => {
            let status = std::fs::read_to_string(format!("/proc/{thread}/status"))?;
            let leader = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
            let leader = leader.and_then(|it| it.trim().parse().ok()).ok_or(error)?;
            seccomp::process(leader)
        }
        other => other,
    }
}

/// First argument of the process that serves what outlives the program.
pub(crate) const KEEP: &str = "exec-keep";

/// Hands the listener to a process of its own, which ends with the last process that has the filter.
fn leave(listener: OwnedFd) -> io::Result<()> {
    privileges::drop_all()?;
    let mut keeper = Command::new("/proc/self/exe");
    // In a process group of its own, for what ends this program's may spare those that are left.
    keeper.arg(KEEP).current_dir("/").env_clear().process_group(0);
    keeper.stdin(Stdio::from(listener)).stdout(Stdio::null()).stderr(Stdio::null());
    keeper.spawn().map(drop)
}

/// Lets every call go that the listener on standard input tells of, until no process is left to make one. For a process
/// started with this first argument, which [`keep`] recognises: `None` for any other.
pub fn keep(first_argument: &std::ffi::OsStr) -> Option<()> {
    if first_argument != KEEP {
        return None;
    }
    // This process is not the one that passes signals on.
    let _ = SigSet::empty().thread_set_mask();
    let stdin = io::stdin();
    let listener = stdin.as_fd();
    loop {
        let mut fds = [PollFd::new(listener, PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(_) => return Some(()),
        }
        let ready = fds[0].revents().unwrap_or(PollFlags::empty());
        if !ready.contains(PollFlags::POLLIN) {
            return Some(());
        }
        match seccomp::next_call(listener) {
            Ok(call) => {
                let _ = seccomp::let_go(listener, call);
            }
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => {}
            // No listener: somebody else has typed this word.
            Err(_) => return Some(()),
        }
    }
}
