//! Running a program inside a target: its network namespace, with its resolver files or its whole file system.
//!
//! A thread enters the namespaces and starts the program there, so nothing has to be restored; it passes signals on and
//! waits for the end.

mod inside;
mod signals;

use std::ffi::OsString;
use std::io;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use nix::sys::signal::{SigSet, kill};
use nix::unistd::Pid;

use crate::error::Error;
use crate::netns;
use crate::privileges::{self, Capability};
use crate::sys::seccomp::{self, BeforeExec};
use crate::trace::{End, HandOver, Sockets, Supervisor};
use crate::wake::Waker;

pub use inside::{Files, Inside};
pub use signals::Signals;

/// The kernel says when the last process with a filter has ended since Linux 5.9; before, whoever serves those that are
/// left would never know.
const LINUX: (u32, u32) = (5, 9);

/// A program that runs.
#[derive(Debug)]
pub struct Running {
    /// Its sockets, or why they cannot be told from those of others.
    pub sockets: Result<Sockets, NotTold>,
    supervisor: Option<Supervisor>,
    has_ended: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<ExitStatus>>,
}

/// Why a program's sockets cannot be told from those of others.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotTold {
    /// The kernel is older than Linux 5.9.
    #[error("this kernel is older than Linux {}.{}", LINUX.0, LINUX.1)]
    KernelTooOld,
    /// The system calls of this processor are not known here.
    #[error("it is not supported on this processor")]
    UnknownProcessor,
    /// There is no filter, or it cannot be listened to.
    #[error("the kernel refused a seccomp listener")]
    Refused(#[source] io::Error),
}

/// A thread that is where the program shall run. What is to see the program from its first moment is opened now.
#[derive(Debug)]
pub struct Prepared {
    go: Sender<()>,
    started: Receiver<Result<Started, Error>>,
    sockets: Sockets,
    has_ended: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<ExitStatus>>,
}

/// Goes where a program shall run. `words` are its name, looked up in `PATH`, and its arguments; it has this process's
/// standard streams, environment and user. `servers` are the ports that DNS is served on. Whatever happens to the
/// program, `ended` is used when it has ended.
///
/// The process must have given up gaining privileges ([`privileges::no_new_privs`]), which a filter asks for.
pub fn prepare(
    words: &[OsString],
    inside: Inside,
    servers: &[u16],
    signals: Signals,
    ended: Waker,
) -> Result<Prepared, Error> {
    let picked = netns::run_in(&inside.net, picked_ports)?;
    let sockets = Sockets::new(picked, servers.to_vec());
    let has_ended = Arc::new(AtomicBool::new(false));
    // Before the namespaces are entered, where this thread would see other process numbers.
    let telling = Telling::begin(&sockets);
    let ((report_entered, entered), (go, wait_for_go)) = (channel(), channel());
    let (report_started, started) = channel();
    let starting = Starting { words: words.to_vec(), inside, mask: signals.before };
    let flag = Arc::clone(&has_ended);
    let work = move || {
        let outcome = starting.inside.enter();
        let has_entered = outcome.is_ok();
        let _ = report_entered.send(outcome);
        if !has_entered || wait_for_go.recv().is_err() {
            return Err(io::Error::other("it was not started"));
        }
        let status = starting.run(telling, &report_started, &signals);
        flag.store(true, Ordering::Release);
        ended.stop();
        status
    };
    let thread = std::thread::Builder::new().name("program".into()).spawn(work);
    let thread =
        thread.map_err(|source| Error::Io { operation: "start", object: "a thread".into(), source })?;
    entered.recv().map_err(|_| gone())??;
    Ok(Prepared { go, started, sockets, has_ended, thread })
}

impl Prepared {
    /// Starts the program.
    ///
    /// # Errors
    /// [`Error::NotStarted`] when the program is not there or cannot be executed.
    pub fn start(self) -> Result<Running, Error> {
        let Self { go, started, sockets, has_ended, thread } = self;
        go.send(()).map_err(|_| gone())?;
        let (told, supervisor) = started.recv().map_err(|_| gone())??;
        Ok(Running { sockets: told.map(|()| sockets), supervisor, has_ended, thread })
    }
}

/// The thread ended without a word.
fn gone() -> Error {
    let source = io::Error::other("its thread ended");
    Error::Io { operation: "start", object: "the program".into(), source }
}

impl Running {
    /// Whether the program has ended.
    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// Waits for the program's end. Processes that it left behind run on, and are served by a process that ends with
    /// the last of them.
    pub fn finish(self) -> io::Result<Ended> {
        let status = self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let left = match self.supervisor.map(Supervisor::stop) {
            Some(End::AllGone) => Left::Nothing,
            Some(End::Stopped) | None => Left::Perhaps,
        };
        Ok(Ended { status: status?, left })
    }
}

/// How a program ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    /// As wait(2) says it.
    pub status: ExitStatus,
    /// Whether it left processes behind.
    pub left: Left,
}

/// Whether a program left processes behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// All that it started have ended.
    Nothing,
    /// Some run on, or it is not known.
    Perhaps,
}

/// How the program started: whether its sockets are told, and by whom.
type Started = (Result<(), NotTold>, Option<Supervisor>);

/// Who is going to be told of the program's sockets.
struct Telling {
    filter: Vec<libc::sock_filter>,
    /// The program's end.
    to: UnixStream,
    supervisor: Supervisor,
}

impl Telling {
    fn begin(sockets: &Sockets) -> Result<Self, NotTold> {
        let filter = filter()?;
        let (to, ours) = UnixStream::pair().map_err(NotTold::Refused)?;
        let supervisor = Supervisor::start(ours, sockets.clone()).map_err(NotTold::Refused)?;
        Ok(Self { filter, to, supervisor })
    }
}

/// The thread that starts the program and waits for it.
struct Starting {
    words: Vec<OsString>,
    inside: Inside,
    mask: SigSet,
}

impl Starting {
    fn run(
        self,
        telling: Result<Telling, NotTold>,
        report: &Sender<Result<Started, Error>>,
        signals: &Signals,
    ) -> io::Result<ExitStatus> {
        // The other end waits for exactly one report.
        let mut child = match self.start(telling) {
            Ok((child, started)) => {
                let _ = report.send(Ok(started));
                child
            }
            Err(error) => {
                let _ = report.send(Err(error));
                return Err(io::Error::other("it was not started"));
            }
        };
        // The program may have become another user.
        let _ = privileges::keep_only(&[Capability::CAP_KILL]);
        wait(&mut child, signals)
    }

    fn start(&self, telling: Result<Telling, NotTold>) -> Result<(Child, Started), Error> {
        let untold = |child, why| Ok((child, (Err(why), None)));
        let Telling { filter, to, supervisor } = match telling {
            Ok(telling) => telling,
            Err(why) => return untold(self.spawn(None)?, why),
        };
        let child = self.spawn(Some((filter, to)));
        match (child, supervisor.outcome.recv().unwrap_or(HandOver::Never)) {
            (Ok(child), HandOver::Done) => Ok((child, (Ok(()), Some(supervisor)))),
            // The new process has ended rather than run with a filter that nobody serves.
            (Err(_), HandOver::Failed(why)) => untold(self.spawn(None)?, NotTold::Refused(why)),
            (Err(error), _) => Err(error),
            (Ok(child), HandOver::Refused(why) | HandOver::Failed(why)) => {
                untold(child, NotTold::Refused(why))
            }
            (Ok(child), HandOver::Never) => {
                untold(child, NotTold::Refused(io::Error::other("the new process did not answer")))
            }
        }
    }

    fn spawn(&self, tell: Option<(Vec<libc::sock_filter>, UnixStream)>) -> Result<Child, Error> {
        let (program, arguments) = self.words.split_first().ok_or_else(|| Error::NotStarted {
            program: String::new(),
            place: self.inside.place(),
            source: io::Error::from_raw_os_error(libc::ENOENT),
        })?;
        let failed = |source: io::Error| {
            let program = program.to_string_lossy().into_owned();
            Error::NotStarted { program, place: self.inside.place(), source }
        };
        let mut command = Command::new(program);
        command.args(arguments);
        let user = self.inside.user().map_err(failed)?;
        BeforeExec { user, mask: self.mask, tell }.add_to(&mut command);
        command.spawn().map_err(failed)
    }
}

fn filter() -> Result<Vec<libc::sock_filter>, NotTold> {
    let release = nix::sys::utsname::uname().map(|it| it.release().to_string_lossy().into_owned());
    // A kernel that does not say its version is asked all the same.
    if version(&release.unwrap_or_default()).is_some_and(|version| version < LINUX) {
        return Err(NotTold::KernelTooOld);
    }
    seccomp::filter().ok_or(NotTold::UnknownProcessor)
}

/// The first two numbers of `6.1.0-18-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The ports that the kernel gives to sockets of the calling thread's namespace.
fn picked_ports() -> std::ops::RangeInclusive<u16> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut bounds = text.split_whitespace().map(str::parse);
    match (bounds.next(), bounds.next()) {
        (Some(Ok(first)), Some(Ok(last))) => first..=last,
        // Linux's own default.
        _ => 32_768..=60_999,
    }
}

/// Waits for the end of the program, and passes on the signals that were sent to this process alone.
fn wait(child: &mut Child, signals: &Signals) -> io::Result<ExitStatus> {
    let pid = Pid::from_raw(child.id().cast_signed());
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        for signal in signals.wait()? {
            // It has not been waited for, so the number is still its own.
            let _ = kill(pid, signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_kernels_call_themselves() {
        assert_eq!(version("6.1.0-18-amd64"), Some((6, 1)));
        assert_eq!(version("5.10.234+"), Some((5, 10)));
        assert_eq!(version("5.4"), Some((5, 4)));
        assert_eq!(version("unknown"), None);
        assert!(version("4.19.0").unwrap() < LINUX && version("5.15.0").unwrap() > LINUX);
    }

    #[test]
    fn the_kernel_picks_ports_from_a_range() {
        let picked = picked_ports();
        assert!(!picked.is_empty() && *picked.start() > 0, "{picked:?}");
    }
}
