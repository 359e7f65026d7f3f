//! A small piece of a document on its own, for what outlives the text.

use super::scalar::Plain;
use super::{Node, Span, Style};

/// Deeper parts of a piece are cut off.
const MAX_DEPTH: usize = 6;

/// Longer lists and mappings are cut off: hundreds of times what the API server takes anywhere, and rules compare items.
const MAX_ITEMS: usize = 10_000;

/// Longer texts are cut off, in bytes: no name, address or number is so long, and messages repeat them.
pub(crate) const MAX_TEXT: usize = 4096;

/// A node with everything below it, aliases and merge keys resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) span: Span,
    pub(crate) style: Style,
    pub(crate) data: Data,
}

/// What a [`Value`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    Null,
    /// With the text it was written as.
    Bool(bool, String),
    /// As written.
    Number(String),
    Text(String),
    Sequence(Vec<Value>),
    /// Keys and values, duplicates gone.
    Mapping(Vec<(Value, Value)>),
}

impl Value {
    pub(crate) fn of(node: Node<'_, '_>) -> Value {
        Value::to_depth(node, MAX_DEPTH)
    }

    fn to_depth(node: Node<'_, '_>, depth: usize) -> Value {
        let data = match node.plain() {
            Some(Plain::Null) => Data::Null,
            Some(Plain::Bool(value)) => Data::Bool(value, text(node)),
            Some(Plain::Number) => Data::Number(text(node)),
            Some(Plain::Text) => Data::Text(text(node)),
            None if depth == 0 => Data::Null,
            None if node.is_sequence() => Data::Sequence(
                node.items().take(MAX_ITEMS).map(|item| Value::to_depth(item, depth - 1)).collect(),
            ),
            None => {
                let pair =
                    |(key, value)| (Value::to_depth(key, depth - 1), Value::to_depth(value, depth - 1));
                Data::Mapping(node.entries().into_iter().take(MAX_ITEMS).map(pair).collect())
            }
        };
        Value { span: node.span(), style: node.style(), data }
    }

    /// The text, when it is a string.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.data == Data::Null
    }

    pub(crate) fn items(&self) -> &[Value] {
        match &self.data {
            Data::Sequence(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn entries(&self) -> &[(Value, Value)] {
        match &self.data {
            Data::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// Key and value by name, null values included.
    pub(crate) fn entry(&self, name: &str) -> Option<&(Value, Value)> {
        self.entries().iter().find(|(key, _)| key.text() == Some(name))
    }

    /// Value by name; null counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.entry(name).map(|(_, value)| value).filter(|value| !value.is_null())
    }
}

fn text(node: Node<'_, '_>) -> String {
    beginning(node.text().unwrap_or_default(), MAX_TEXT).to_owned()
}

/// As much of a text as fits into so many bytes.
pub(crate) fn beginning(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
