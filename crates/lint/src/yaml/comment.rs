//! Comments, as far as someone may be addressed by them.

/// A comment and what stands beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Comment {
    /// The text after `#`.
    pub(crate) text: String,
    pub(crate) span: super::Span,
    pub(crate) place: CommentPlace,
}

/// Where a comment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommentPlace {
    /// Behind something on its line.
    Trailing,
    /// Alone on its line.
    OwnLine,
}
