//! Events of the parser → a tree per document.

use super::comment::CommentPlace;
use super::node::{Raw, Tree};
use super::split::{self, Part};
use super::{Comment, Node, Position, Span, Style, Tag};
use granit_parser::{Event, Parser, ScalarStyle};
use std::borrow::Cow;
use std::collections::HashMap;

/// Nesting beyond this is refused: no manifest needs it, and what walks the tree may recurse.
const MAX_DEPTH: usize = 200;

/// Documents of more nodes are refused. An honest text of the largest size that is read has about so many; one made to
/// fill memory has ten times as many.
const MAX_NODES: usize = 4_000_000;

/// One document that could be read.
pub(crate) struct Document<'t> {
    tree: Tree<'t>,
    pub(crate) comments: Vec<Comment>,
    /// Offset of the document's part in the text, in bytes.
    pub(crate) first_byte: usize,
}

impl<'t> Document<'t> {
    /// The top node; a document with nothing in it has none.
    pub(crate) fn root(&self) -> Option<Node<'_, 't>> {
        self.tree.root()
    }

    /// A mapping or a list used as a key: what an unquoted `{{ template }}` looks like to a parser.
    pub(crate) fn odd_key(&self) -> Option<Span> {
        self.tree.odd_key
    }

    /// True once more nodes were visited through aliases than any honest document needs.
    pub(crate) fn exhausted(&self) -> bool {
        self.tree.exhausted()
    }
}

/// Why a document could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadError {
    pub(crate) message: String,
    pub(crate) span: Span,
    /// The part of the text that is lost by it, in bytes.
    pub(crate) part: std::ops::Range<usize>,
}

/// Every document of a text, read or not, in order. A byte order mark is no part of the first line.
pub(crate) fn documents(text: &str) -> impl Iterator<Item = Result<Document<'_>, ReadError>> {
    let bom = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let with_comments = text.contains("dnsprobe:");
    split::parts(&text[bom..]).into_iter().flat_map(move |part| {
        let part = Part { byte: part.byte + bom, ..part };
        read_part(part, with_comments)
    })
}

fn read_part(part: Part<'_>, with_comments: bool) -> Vec<Result<Document<'_>, ReadError>> {
    let mut options = granit_parser::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
        max_buffered_comment_events: usize::MAX,
    };
    options.set_emit_comments(with_comments);
    let mut parser = Parser::new_from_str_with_options(part.text, options);
    let mut read = Vec::new();
    let mut builder = Builder::new(part);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((Event::DocumentEnd, _)) => {
                let done = std::mem::replace(&mut builder, Builder::new(part));
                read.push(Ok(done.finish()));
            }
            Ok((_, span)) if builder.tree.len() >= MAX_NODES => {
                read.push(Err(refusal(part, &span.start, format!("more than {MAX_NODES} values"))));
                break;
            }
            Ok((event, span)) => builder.event(event, &span),
            Err(error) => {
                read.push(Err(refusal(part, error.marker(), message(&error))));
                break;
            }
        }
    }
    read
}

fn refusal(part: Part<'_>, at: &granit_parser::Marker, message: String) -> ReadError {
    let (position, byte) = place(part, at);
    let span = Span { start: position, end: position, first_byte: byte, last_byte: byte };
    ReadError { message, span, part: part.byte..part.byte + part.text.len() }
}

fn message(error: &granit_parser::ScanError) -> String {
    match error.kind() {
        granit_parser::ErrorKind::RecursionLimitExceeded => format!("nested deeper than {MAX_DEPTH} levels"),
        _ => error.info().clone(),
    }
}

/// A container that is still open.
struct Open {
    node: usize,
    /// Where its children begin in [`Builder::waiting`].
    first_child: usize,
}

struct Builder<'t> {
    part: Part<'t>,
    tree: Tree<'t>,
    comments: Vec<Comment>,
    open: Vec<Open>,
    /// Finished nodes whose container is still open.
    waiting: Vec<u32>,
    anchors: HashMap<usize, u32>,
}

impl<'t> Builder<'t> {
    fn new(part: Part<'t>) -> Self {
        Builder {
            part,
            tree: Tree::default(),
            comments: Vec::new(),
            open: Vec::new(),
            waiting: Vec::new(),
            anchors: HashMap::new(),
        }
    }

    fn event(&mut self, event: Event<'t>, at: &granit_parser::Span) {
        let mut span = span(self.part, at);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag_of(tag.as_deref());
                if style_of(style) == Style::Block {
                    span = self.at_header(span);
                }
                let id = self.push(Raw::Scalar { text, style: style_of(style), tag }, span, anchor);
                self.waiting.push(id);
            }
            Event::Alias(anchor) => {
                let target = self.anchors.get(&anchor).copied();
                let raw = target.map_or_else(null, Raw::Alias);
                let id = self.push(raw, span, 0);
                self.waiting.push(id);
            }
            Event::SequenceStart(_, anchor, _) => self.begin(Raw::Sequence(0..0), span, anchor),
            Event::MappingStart(_, anchor, _) => self.begin(Raw::Mapping(0..0), span, anchor),
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Comment(text, _) => self.comment(text, span),
            _ => {}
        }
    }

    fn push(&mut self, raw: Raw<'t>, span: Span, anchor: usize) -> u32 {
        let id = self.tree.push(raw, span);
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        id
    }

    fn begin(&mut self, raw: Raw<'t>, span: Span, anchor: usize) {
        let id = self.push(raw, span, anchor);
        self.waiting.push(id);
        self.open.push(Open { node: id as usize, first_child: self.waiting.len() });
    }

    fn end(&mut self, end: Span) {
        if let Some(open) = self.open.pop() {
            self.tree.close(open.node, &self.waiting[open.first_child..], end);
            self.waiting.truncate(open.first_child);
        }
    }

    fn comment(&mut self, text: Cow<'t, str>, span: Span) {
        let before = &self.part.text[..(span.first_byte as usize - self.part.byte).min(self.part.text.len())];
        let line = before.rsplit('\n').next().unwrap_or_default();
        let place = if line.trim().is_empty() { CommentPlace::OwnLine } else { CommentPlace::Trailing };
        self.comments.push(Comment { text: text.into_owned(), span, place });
    }

    /// The parser has a block scalar begin at its first content line: moves the start back to its `|` or `>`.
    fn at_header(&self, span: Span) -> Span {
        let before = &self.part.text[..(span.first_byte as usize - self.part.byte).min(self.part.text.len())];
        let mut end = before.len();
        for (rows_up, row) in before.split('\n').rev().take(1000).enumerate() {
            let begin = end - row.len();
            let code = row.find(" #").map_or(row, |comment| &row[..comment]);
            if let Some(at) = code.rfind(['|', '>']) {
                let line = span.start.line.saturating_sub(clamp(rows_up));
                let start = Position { line, column: clamp(row[..at].chars().count() + 1) };
                return Span { start, first_byte: clamp(self.part.byte + begin + at), ..span };
            }
            end = begin.saturating_sub(1);
        }
        span
    }

    fn finish(mut self) -> Document<'t> {
        self.tree.set_root(self.waiting.first().copied());
        Document { tree: self.tree, comments: self.comments, first_byte: self.part.byte }
    }
}

fn null<'t>() -> Raw<'t> {
    Raw::Scalar { text: Cow::Borrowed(""), style: Style::Plain, tag: Tag::None }
}

fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
        ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
    }
}

fn tag_of(tag: Option<&granit_parser::Tag>) -> Tag {
    match tag {
        None => Tag::None,
        Some(tag) if tag.core_suffix() == Some("str") => Tag::Text,
        Some(tag) if tag.core_suffix().is_some() => Tag::Other,
        // `!` alone and local tags leave a scalar text.
        Some(_) => Tag::Text,
    }
}

fn span(part: Part<'_>, at: &granit_parser::Span) -> Span {
    let (start, first_byte) = place(part, &at.start);
    let (end, last_byte) = place(part, &at.end);
    Span { start, end, first_byte, last_byte }
}

fn place(part: Part<'_>, marker: &granit_parser::Marker) -> (Position, u32) {
    let byte = marker.byte_offset().unwrap_or_default() + part.byte;
    let position = Position { line: clamp(marker.line() + part.lines), column: clamp(marker.col() + 1) };
    (position, clamp(byte))
}

/// Texts beyond 4 GiB are refused before they get here.
fn clamp(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
