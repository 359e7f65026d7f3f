//! Who a finding is about.

use crate::yaml::{Comment, CommentPlace, Document, Node, Position, Span, Value};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A Kubernetes object.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) path: Arc<str>,
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) name: Option<Value>,
    pub(crate) namespace: Option<Value>,
    /// From a `# Source:` comment of `helm template`.
    pub(crate) origin: Option<String>,
}

impl Object {
    /// An object from its mapping; `kind` where a list carries it instead.
    pub(crate) fn of(
        node: Node<'_, '_>,
        path: &Arc<str>,
        api_version: &str,
        kind: &str,
        origin: Option<String>,
    ) -> Object {
        let value = |path: &str| node.path(path).map(Value::of).filter(|value| value.text().is_some());
        Object {
            path: Arc::clone(path),
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            name: value("metadata.name"),
            namespace: value("metadata.namespace"),
            origin,
        }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_ref().and_then(Value::text)
    }

    pub(crate) fn namespace(&self) -> Option<&str> {
        self.namespace.as_ref().and_then(Value::text)
    }

    /// The part of `apiVersion` before the slash; empty for the core group.
    pub(crate) fn group(&self) -> &str {
        group(&self.api_version)
    }
}

/// The part of an `apiVersion` before the slash; empty for the core group.
pub(crate) fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// A place in the input: the object says which text.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) object: Arc<Object>,
    pub(crate) span: Span,
}

/// Someone asked for silence.
#[derive(Clone, Debug)]
pub(crate) struct Ignore {
    pub(crate) codes: Vec<String>,
    /// Where the request stands.
    pub(crate) span: Span,
    /// What it covers: findings that begin in there.
    pub(crate) covers: RangeInclusive<Position>,
}

/// Requests in comments: `# dnsprobe: ignore DP501,DP502 reason`, for the line they end, or alone on their line for
/// the next entry with everything below it.
pub(crate) fn from_comments(document: &Document<'_>) -> Vec<Ignore> {
    let requests = document.comments.iter().filter_map(|comment| Some((comment, requested(comment)?)));
    let mut blocks: Option<Vec<(u32, u32)>> = None;
    let request = |(comment, codes): (&Comment, Vec<String>)| {
        let line = comment.span.start.line;
        let (first, last) = match comment.place {
            CommentPlace::Trailing => (line, line),
            CommentPlace::OwnLine => {
                let blocks = blocks.get_or_insert_with(|| blocks_of(document));
                let next = blocks.partition_point(|(first, _)| *first <= line);
                blocks.get(next).copied().unwrap_or((line, line))
            }
        };
        let (start, end) = (Position { line: first, column: 0 }, Position { line: last, column: u32::MAX });
        Ignore { codes, span: comment.span, covers: start..=end }
    };
    requests.map(request).collect()
}

/// Requests in the annotation `dnsprobe/ignore`, for all of the object; `metadata` is the object's or its pod
/// template's.
pub(crate) fn from_annotation(metadata: Option<Node<'_, '_>>, whole: Span) -> Option<Ignore> {
    let annotation = metadata?.get("annotations")?.get("dnsprobe/ignore")?;
    let codes = codes(annotation.text()?);
    Some(Ignore { codes, span: annotation.span(), covers: whole.start..=whole.end })
}

fn requested(comment: &Comment) -> Option<Vec<String>> {
    let rest = comment.text.trim_start_matches('#').trim().strip_prefix("dnsprobe:")?.trim_start();
    let rest = rest.strip_prefix("ignore")?;
    rest.starts_with([' ', '\t', ':']).then(|| codes(rest.trim_start_matches(':')))
}

/// The codes a request begins with; what follows is the reason. Something that should be a code but is none is kept,
/// so that it can be reported.
fn codes(text: &str) -> Vec<String> {
    let mut codes = Vec::new();
    let mut more = true;
    for word in text.split_whitespace() {
        if !more && !word.starts_with(',') && !looks_like_code(word.trim_end_matches([',', ':'])) {
            break;
        }
        codes.extend(
            word.split(',').filter(|code| !code.is_empty()).map(|code| code.trim_end_matches(':').to_owned()),
        );
        more = word.ends_with(',');
    }
    codes
}

fn looks_like_code(word: &str) -> bool {
    word.strip_prefix("DP")
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// First and last line of every entry and item, in the order of the text.
fn blocks_of(document: &Document<'_>) -> Vec<(u32, u32)> {
    let mut blocks = Vec::new();
    if let Some(root) = document.root() {
        blocks_below(root, 0, &mut blocks);
    }
    blocks
}

fn blocks_below(node: Node<'_, '_>, depth: usize, blocks: &mut Vec<(u32, u32)>) {
    // The tree is at most this deep where it holds no alias to itself.
    if depth > 256 {
        return;
    }
    let entries = node.own_entries().map(|(key, value)| (key.start(), value));
    for (start, value) in entries.chain(node.items().map(|item| (item.start(), item))) {
        // An alias stands for something further up, which is there already.
        if value.start() < start {
            blocks.push((start.line, start.line));
        } else {
            blocks.push((start.line, value.span().end.line.max(start.line)));
            blocks_below(value, depth + 1, blocks);
        }
    }
}
