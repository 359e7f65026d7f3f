//! The tree: nodes side by side in one list, aliases followed on the way, visits counted.

use super::scalar::{self, Plain};
use super::{Position, Span, Style, Tag};
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;

/// How deep merge keys and aliases of aliases are followed.
const MAX_HOPS: usize = 16;

/// How often each node may be visited, on average: far more often than by any reader of an honest document, whose
/// aliases stand for a few nodes.
const MOST_VISITS: usize = 256;

/// A node as it stands in the text.
#[derive(Debug)]
pub(super) enum Raw<'t> {
    Scalar {
        text: Cow<'t, str>,
        style: Style,
        tag: Tag,
    },
    /// Children in [`Tree::children`].
    Sequence(Range<u32>),
    /// Keys and values by turns in [`Tree::children`].
    Mapping(Range<u32>),
    /// The same with a `<<` among the keys.
    Merging(Range<u32>),
    Alias(u32),
}

/// All nodes of a document.
#[derive(Debug, Default)]
pub(super) struct Tree<'t> {
    nodes: Vec<(Raw<'t>, Span)>,
    children: Vec<u32>,
    root: Option<u32>,
    pub(super) odd_key: Option<Span>,
    visits: Cell<usize>,
}

impl<'t> Tree<'t> {
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn push(&mut self, raw: Raw<'t>, span: Span) -> u32 {
        self.nodes.push((raw, span));
        u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX)
    }

    /// Ends a container: its children are known, and so is where it ends.
    pub(super) fn close(&mut self, node: usize, children: &[u32], end: Span) {
        let mut merges = false;
        let first = u32::try_from(self.children.len()).unwrap_or(u32::MAX);
        self.children.extend_from_slice(children);
        let range = first..u32::try_from(self.children.len()).unwrap_or(u32::MAX);
        if matches!(self.nodes[node].0, Raw::Mapping(_)) {
            merges = children.iter().step_by(2).any(|id| self.node(*id).is_merge());
            let odd = children.iter().step_by(2).find(|id| self.is_container(**id));
            self.odd_key = self.odd_key.or(odd.map(|id| self.nodes[*id as usize].1));
        }
        // The parser ends a block collection where the next token begins; its content ends with its last child.
        let last = children.last().map(|id| self.nodes[*id as usize].1);
        let (raw, span) = &mut self.nodes[node];
        match last {
            Some(last) if end.first_byte == end.last_byte => {
                (span.end, span.last_byte) = (last.end, last.last_byte);
            }
            _ => (span.end, span.last_byte) = (end.end, end.last_byte),
        }
        match raw {
            Raw::Mapping(_) if merges => *raw = Raw::Merging(range),
            Raw::Mapping(own) | Raw::Sequence(own) => *own = range,
            _ => {}
        }
    }

    pub(super) fn set_root(&mut self, root: Option<u32>) {
        self.root = root;
    }

    pub(super) fn root(&self) -> Option<Node<'_, 't>> {
        self.root.map(|id| self.node(id))
    }

    pub(super) fn exhausted(&self) -> bool {
        self.visits.get() > self.nodes.len() * MOST_VISITS + 10_000
    }

    fn is_container(&self, id: u32) -> bool {
        !matches!(self.nodes[id as usize].0, Raw::Scalar { .. } | Raw::Alias(_))
    }

    /// The node, or what its alias stands for.
    fn node(&self, mut id: u32) -> Node<'_, 't> {
        for _ in 0..MAX_HOPS {
            match &self.nodes[id as usize].0 {
                Raw::Alias(target) => id = *target,
                _ => break,
            }
        }
        Node { tree: self, id }
    }

    fn children(&self, range: &Range<u32>) -> &[u32] {
        self.visits.set(self.visits.get() + range.len());
        if self.exhausted() { &[] } else { &self.children[range.start as usize..range.end as usize] }
    }
}

/// A node of a document; aliases are already followed.
#[derive(Clone, Copy)]
pub(crate) struct Node<'a, 't> {
    tree: &'a Tree<'t>,
    id: u32,
}

/// Entries of a mapping being collected, and where each key stands among them.
#[derive(Default)]
struct Entries<'a, 't> {
    list: Vec<(Node<'a, 't>, Node<'a, 't>)>,
    places: HashMap<Option<&'a str>, usize>,
}

impl<'a, 't> Entries<'a, 't> {
    fn push(&mut self, key: Node<'a, 't>, value: Node<'a, 't>) {
        self.places.insert(key.text(), self.list.len());
        self.list.push((key, value));
    }
}

impl<'a, 't> Node<'a, 't> {
    fn raw(self) -> &'a Raw<'t> {
        &self.tree.nodes[self.id as usize].0
    }

    pub(crate) fn span(self) -> Span {
        self.tree.nodes[self.id as usize].1
    }

    pub(crate) fn start(self) -> Position {
        self.span().start
    }

    pub(crate) fn is_mapping(self) -> bool {
        matches!(self.raw(), Raw::Mapping(_) | Raw::Merging(_))
    }

    pub(crate) fn is_sequence(self) -> bool {
        matches!(self.raw(), Raw::Sequence(_))
    }

    pub(crate) fn is_scalar(self) -> bool {
        matches!(self.raw(), Raw::Scalar { .. })
    }

    /// The text of a scalar, whatever its type.
    pub(crate) fn text(self) -> Option<&'a str> {
        match self.raw() {
            Raw::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    pub(crate) fn style(self) -> Style {
        match self.raw() {
            Raw::Scalar { style, .. } => *style,
            _ => Style::Plain,
        }
    }

    /// What a scalar is to Kubernetes; containers have no such type.
    pub(crate) fn plain(self) -> Option<Plain> {
        match self.raw() {
            Raw::Scalar { tag: Tag::Text, .. } => Some(Plain::Text),
            Raw::Scalar { text, style: Style::Plain, .. } | Raw::Scalar { text, tag: Tag::Other, .. } => {
                Some(scalar::resolve(text))
            }
            Raw::Scalar { .. } => Some(Plain::Text),
            _ => None,
        }
    }

    pub(crate) fn is_null(self) -> bool {
        self.plain() == Some(Plain::Null)
    }

    /// Items of a sequence; none for anything else.
    pub(crate) fn items(self) -> impl Iterator<Item = Node<'a, 't>> {
        let children = match self.raw() {
            Raw::Sequence(range) => self.tree.children(range),
            _ => &[],
        };
        children.iter().map(move |id| self.tree.node(*id))
    }

    /// Keys and values of a mapping as written, duplicates and merge keys included.
    pub(crate) fn own_entries(self) -> impl Iterator<Item = (Node<'a, 't>, Node<'a, 't>)> {
        let children = match self.raw() {
            Raw::Mapping(range) | Raw::Merging(range) => self.tree.children(range),
            _ => &[],
        };
        children.chunks_exact(2).map(move |pair| (self.tree.node(pair[0]), self.tree.node(pair[1])))
    }

    /// Keys and values of a mapping with what `<<` brings behind its own, each key once, the last of equal keys.
    pub(crate) fn entries(self) -> Vec<(Node<'a, 't>, Node<'a, 't>)> {
        let mut entries = Entries::default();
        self.collect(&mut entries, MAX_HOPS);
        entries.list
    }

    fn collect(self, entries: &mut Entries<'a, 't>, hops: usize) {
        let inherited = entries.list.len();
        let mut merges = Vec::new();
        for (key, value) in self.own_entries() {
            if key.is_merge() {
                merges.push(value);
                continue;
            }
            match entries.places.get(&key.text()) {
                Some(&at) if at >= inherited => entries.list[at] = (key, value),
                Some(_) => {}
                None => entries.push(key, value),
            }
        }
        if hops == 0 {
            return;
        }
        for merge in merges {
            merge.collect(entries, hops - 1);
            merge.items().for_each(|item| item.collect(entries, hops - 1));
        }
    }

    pub(crate) fn is_merge(self) -> bool {
        self.text() == Some("<<") && self.style() == Style::Plain
    }

    /// Key and value of an entry by its name.
    pub(crate) fn entry(self, name: &str) -> Option<(Node<'a, 't>, Node<'a, 't>)> {
        let own = self.own_entries().filter(|(key, _)| key.text() == Some(name)).last();
        if own.is_some() || !matches!(self.raw(), Raw::Merging(_)) {
            return own;
        }
        self.entries().into_iter().find(|(key, _)| key.text() == Some(name))
    }

    /// The value of an entry by its name; null counts as absent.
    pub(crate) fn get(self, name: &str) -> Option<Node<'a, 't>> {
        self.entry(name).map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// [`Node::get`] along names joined by dots.
    pub(crate) fn path(self, path: &str) -> Option<Node<'a, 't>> {
        path.split('.').try_fold(self, Node::get)
    }

    /// The text of a string entry.
    pub(crate) fn text_at(self, path: &str) -> Option<&'a str> {
        self.path(path).and_then(Node::text)
    }
}
