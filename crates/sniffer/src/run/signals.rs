//! Signals that are not for this process but for the program that it runs.

use std::io;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// What is passed on.
const PASSED_ON: [Signal; 6] =
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGUSR2];
/// Who waits for the program looks again after this, in milliseconds, whether or not `SIGCHLD` came: it does not where
/// it is ignored.
const LOOK_MS: u8 = 200;

/// Signals that wait to be passed on.
#[derive(Debug)]
pub struct Signals {
    pending: SignalFd,
    /// What was held back before.
    pub(super) before: SigSet,
}

impl Signals {
    /// Holds them back from the calling thread and all that it starts from now on; call it before there are others. What
    /// the process ignores it goes on to ignore, and so does the program (nohup(1)).
    pub fn hold() -> io::Result<Self> {
        let mut set: SigSet = PASSED_ON.into_iter().collect();
        set.add(Signal::SIGCHLD);
        let before = set.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self { pending: SignalFd::with_flags(&set, flags)?, before })
    }

    /// Waits for a moment, and gives those that came and are to be passed on.
    ///
    /// What a terminal sends (Ctrl-C, its end) it sends to the program as well.
    pub(super) fn wait(&self) -> io::Result<Vec<Signal>> {
        let mut fds = [PollFd::new(self.pending.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, LOOK_MS) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let mut came = Vec::new();
        while let Some(one) = self.pending.read_signal()? {
            let signal = Signal::try_from(one.ssi_signo.cast_signed()).ok();
            // Those of the kernel have a positive code (sigaction(2)).
            came.extend(signal.filter(|signal| one.ssi_code <= 0 && PASSED_ON.contains(signal)));
        }
        Ok(came)
    }
}
