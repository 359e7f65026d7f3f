//! Places in a text.

/// A place in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in Unicode code points, from 1.
    pub column: u32,
}

/// A stretch of a text: from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First place.
    pub start: Position,
    /// Place after the last character.
    pub end: Position,
    /// The same start as an offset in bytes of the whole text, byte order mark included.
    pub first_byte: u32,
    /// The same end as an offset in bytes.
    pub last_byte: u32,
}

impl Span {
    /// The byte range, for slicing and editing the text.
    pub fn bytes(&self) -> std::ops::Range<usize> {
        self.first_byte as usize..self.last_byte as usize
    }
}
