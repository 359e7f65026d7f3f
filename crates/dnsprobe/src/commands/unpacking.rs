//! Unpacking a compressed capture beside whoever reads it: with a second processor both take the time of the longer.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};

/// So much is handed over at once, in bytes.
const PIECE: usize = 256 << 10;
/// Pieces that are ready before they are wanted.
const AHEAD: usize = 3;

/// What is unpacked, in order.
pub(super) struct Unpacked {
    pieces: Receiver<Piece>,
    /// Takes pieces back that were read, to be filled again.
    spent: Sender<Vec<u8>>,
    piece: Vec<u8>,
    /// What of `piece` is still to be read.
    left: Range<usize>,
    ended: bool,
}

enum Piece {
    /// So many bytes at the beginning.
    Bytes(Vec<u8>, usize),
    /// It cannot be unpacked any further.
    Failed(io::Error),
    End,
}

/// Begins to unpack in a thread of its own.
///
/// # Errors
/// When there can be no thread.
pub(super) fn start(decoder: impl Read + Send + 'static) -> io::Result<Unpacked> {
    let (sender, pieces) = mpsc::sync_channel(AHEAD);
    let (spent, empty) = mpsc::channel();
    let thread = std::thread::Builder::new().name("unpacking".to_owned());
    thread.spawn(move || unpack(decoder, &sender, &empty))?;
    Ok(Unpacked { pieces, spent, piece: Vec::new(), left: 0..0, ended: false })
}

/// Unpacks until the end, an error, or until nobody wants more. Each piece is handed over as it comes: it may be long until
/// the next one.
fn unpack(mut decoder: impl Read, pieces: &SyncSender<Piece>, empty: &Receiver<Vec<u8>>) {
    loop {
        let mut piece = empty.try_recv().unwrap_or_default();
        // Those that come back have their length.
        piece.resize(PIECE, 0);
        let next = match decoder.read(&mut piece) {
            Ok(0) => Piece::End,
            Ok(length) => Piece::Bytes(piece, length),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Piece::Failed(error),
        };
        let is_last = !matches!(next, Piece::Bytes(..));
        if pieces.send(next).is_err() || is_last {
            return;
        }
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left.is_empty() && !self.ended {
            match self.pieces.recv() {
                Ok(Piece::Bytes(piece, length)) => {
                    // The thread may have ended.
                    let _ = self.spent.send(std::mem::replace(&mut self.piece, piece));
                    self.left = 0..length;
                }
                Ok(Piece::Failed(error)) => {
                    self.ended = true;
                    return Err(error);
                }
                Ok(Piece::End) => self.ended = true,
                Err(_) => {
                    self.ended = true;
                    return Err(io::Error::other("the thread that unpacks it has ended"));
                }
            }
        }
        let count = (&self.piece[self.left.clone()]).read(buffer)?;
        self.left.start += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives bytes in pieces of one size, then an error or the end.
    struct Pieces {
        left: usize,
        size: usize,
        end: Option<io::ErrorKind>,
    }

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.size.min(self.left).min(buffer.len());
            for (index, byte) in buffer[..count].iter_mut().enumerate() {
                *byte = u8::try_from((self.left - index) % 251).unwrap();
            }
            self.left -= count;
            match self.end {
                Some(kind) if count == 0 => Err(kind.into()),
                _ => Ok(count),
            }
        }
    }

    #[test]
    fn it_reads_as_if_there_were_no_thread() {
        for left in [0, 1, PIECE - 1, PIECE, PIECE + 1, 7 * PIECE + 1_000] {
            for size in [999, 4 * PIECE] {
                let (mut wanted, mut read) = (Vec::new(), Vec::new());
                Pieces { left, size, end: None }.read_to_end(&mut wanted).unwrap();
                let mut unpacked = start(Pieces { left, size, end: None }).unwrap();
                unpacked.read_to_end(&mut read).unwrap();
                assert!(read == wanted, "{left} in pieces of {size}");
                assert_eq!(unpacked.read(&mut [0; 8]).unwrap(), 0, "it stays at its end");
            }
        }
    }

    #[test]
    fn what_came_before_an_error_is_read_before_it() {
        let end = Some(io::ErrorKind::InvalidData);
        for left in [0, 10, 2 * PIECE, 2 * PIECE + 10] {
            let mut read = Vec::new();
            let mut unpacked = start(Pieces { left, size: 1_000, end }).unwrap();
            let error = unpacked.read_to_end(&mut read).unwrap_err();
            assert_eq!((read.len(), error.kind()), (left, io::ErrorKind::InvalidData));
        }
    }

    #[test]
    fn a_thread_that_dies_is_no_end_of_the_file() {
        struct Dies;
        impl Read for Dies {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                std::panic::resume_unwind(Box::new("it dies"));
            }
        }
        assert!(start(Dies).unwrap().read(&mut [0; 8]).is_err());
    }

    #[test]
    fn who_wants_no_more_is_not_waited_for() {
        let mut unpacked = start(Pieces { left: usize::MAX, size: PIECE, end: None }).unwrap();
        assert_eq!(unpacked.read(&mut [0; 8]).unwrap(), 8);
    }
}
