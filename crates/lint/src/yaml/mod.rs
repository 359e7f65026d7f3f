//! YAML with exact places: text → documents → a tree of nodes that knows where each of them stands.
//!
//! The only module that sees the YAML parser. It keeps what the rules need and other readers drop (style, comments,
//! duplicate keys, byte ranges) and types plain scalars as Kubernetes does. It knows nothing of Kubernetes objects.

mod comment;
mod load;
mod node;
pub(crate) mod scalar;
mod span;
mod split;
mod value;

pub(crate) use comment::{Comment, CommentPlace};
pub(crate) use load::{Document, documents};
pub(crate) use node::Node;
pub use span::{Position, Span};
pub(crate) use value::{Data, MAX_TEXT, Value, beginning};

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Quoted,
    Block,
}

/// What an explicit tag says of a scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    None,
    Text,
    Other,
}

#[cfg(test)]
mod tests;
