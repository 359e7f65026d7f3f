//! Stopping a capture that waits for packets, and calling it away from that for a moment.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use nix::sys::eventfd::{EfdFlags, EventFd};

/// The end that stops; give it to a signal handler or another thread.
#[derive(Debug)]
pub struct Waker {
    stream: UnixStream,
}

/// The end that [`crate::Capture`] waits on beside its sockets. Once stopped it stays stopped.
#[derive(Debug)]
pub struct Wake {
    stream: UnixStream,
}

/// Ends one wait of a [`crate::Capture`] for each time it is rung, for what happens elsewhere.
#[derive(Debug, Clone)]
pub struct Bell(Arc<EventFd>);

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        Ok(Self(Arc::new(EventFd::from_flags(flags)?)))
    }

    /// Ends the wait, or the next one if there is none.
    pub fn ring(&self) {
        // A full counter means that it has been rung already.
        let _ = self.0.write(1);
    }

    /// Takes note of all rings until now.
    pub(crate) fn answer(&self) {
        // What was not rung needs no answer.
        let _ = self.0.read();
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A connected pair.
pub fn pair() -> io::Result<(Waker, Wake)> {
    let (sender, receiver) = UnixStream::pair()?;
    sender.set_nonblocking(true)?;
    Ok((Waker { stream: sender }, Wake { stream: receiver }))
}

impl Waker {
    /// Ends the wait now, and every later one at once.
    pub fn stop(&self) {
        use std::io::Write;
        // A full buffer means that it is stopped already; a closed one, that nobody waits.
        let _ = (&self.stream).write(&[0]);
    }

    /// A second waker for the same capture.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { stream: self.stream.try_clone()? })
    }

    /// The socket itself, for `signal_hook::low_level::pipe::register`: one byte written to it stops.
    pub fn into_stream(self) -> UnixStream {
        self.stream
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    fn stopped(wake: &Wake) -> bool {
        let mut fds = [PollFd::new(wake.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO).unwrap() == 1
    }

    #[test]
    fn a_stop_lasts_and_may_be_repeated_forever() {
        let (waker, wake) = pair().unwrap();
        assert!(!stopped(&wake));
        // More often than the socket has room for.
        for _ in 0..10_000 {
            waker.try_clone().unwrap().stop();
        }
        assert!(stopped(&wake));
        assert!(stopped(&wake));
    }

    #[test]
    fn a_byte_written_by_a_signal_handler_stops() {
        use std::io::Write;
        let (waker, wake) = pair().unwrap();
        waker.into_stream().write_all(b"!").unwrap();
        assert!(stopped(&wake));
    }
}
