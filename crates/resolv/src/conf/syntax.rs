//! The bytes of a `resolv.conf` as lines and words: no meaning yet, nothing lost.

/// The lines of a file. Joining [`Line::bytes`] of all gives the file back.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let lines = bytes.split_inclusive(|&byte| byte == b'\n').enumerate();
    lines.map(|(index, bytes)| Line { number: index + 1, bytes })
}

/// One line with its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its number, from 1.
    pub number: usize,
    /// Everything, the newline included if there is one.
    pub bytes: &'a [u8],
}

impl<'a> Line<'a> {
    /// The line without its newline. A carriage return stays: some resolvers take it for a part of the last word.
    pub fn content(&self) -> &'a [u8] {
        self.bytes.strip_suffix(b"\n").unwrap_or(self.bytes)
    }

    /// The words between runs of any of `blanks`.
    pub fn words(&self, blanks: &'static [u8]) -> impl Iterator<Item = Word<'a>> + use<'a> {
        words_from(self.content(), 0, blanks)
    }
}

/// One word of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<'a> {
    /// Where it begins in the line, in bytes from 1.
    pub column: usize,
    /// The word.
    pub bytes: &'a [u8],
}

/// The words of `content` from offset `start` on, between runs of any of `blanks`.
pub fn words_from<'a>(
    content: &'a [u8],
    start: usize,
    blanks: &'static [u8],
) -> impl Iterator<Item = Word<'a>> + use<'a> {
    let mut at = start.min(content.len());
    std::iter::from_fn(move || {
        at += content[at..].iter().take_while(|byte| blanks.contains(byte)).count();
        let length = content[at..].iter().take_while(|byte| !blanks.contains(byte)).count();
        let word = Word { column: at + 1, bytes: &content[at..at + length] };
        at += length;
        (length > 0).then_some(word)
    })
}
