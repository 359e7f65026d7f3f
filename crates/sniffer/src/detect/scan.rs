//! Looking through a large file with little memory.

use std::io::{self, Read};

/// How much is read of one file, in bytes.
const MAX_FILE: u64 = 64 << 20;
/// How much is looked at together.
const WINDOW: usize = 1 << 20;
/// How much of the previous window is looked at again, so that nothing shorter is missed on the border.
const OVERLAP: usize = 512;

/// The first thing that `look` finds in a window of the file.
pub(super) fn first<T>(file: impl Read, look: impl Fn(&[u8]) -> Option<T>) -> io::Result<Option<T>> {
    let mut file = file.take(MAX_FILE);
    let mut window = Vec::with_capacity(WINDOW);
    loop {
        let kept = window.len();
        (&mut file).take((WINDOW - kept) as u64).read_to_end(&mut window)?;
        if let Some(found) = look(&window) {
            return Ok(Some(found));
        }
        if window.len() == kept {
            return Ok(None);
        }
        window.drain(..window.len().saturating_sub(OVERLAP));
    }
}
