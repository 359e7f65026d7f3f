//! Stopping a capture that waits for packets.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

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
