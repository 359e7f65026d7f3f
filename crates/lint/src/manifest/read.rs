//! A text → its facts.

use super::object::{self, group};
use super::{
    ConfigMap, Facts, Found, Input, NetworkPolicy, Object, Pod, Service, Template, Unreadable, json, places,
    pod, routes,
};
use crate::yaml::{Document, Node, Position, Span, documents};
use std::sync::Arc;

/// Lists of lists are followed this deep.
const MAX_LISTS: usize = 8;

/// Lines around an error in which `{{` speaks for a template.
const TEMPLATE_LINES: usize = 3;

/// Texts longer than this, in bytes, are refused: places are counted in 32 bits.
const MAX_TEXT: usize = 1 << 31;

/// More objects of one text are not looked at: the facts of all texts are kept until the end.
const MAX_OBJECTS: usize = 100_000;

/// More unreadable documents of one text are not reported one by one.
const MAX_UNREADABLE: usize = 100;

/// Everything a text says.
pub(crate) fn read(input: Input<'_>) -> Facts {
    let mut facts = Facts { path: Some(Arc::from(input.path)), ..Facts::default() };
    match text_of(input.bytes) {
        Ok(text) => read_text(text, input, &mut facts),
        Err(unreadable) if input.found == Found::Named || looks_like_manifest(input.bytes) => {
            read_text(whole_documents(input.bytes), input, &mut facts);
            facts.unreadable.push(unreadable);
        }
        Err(_) => {}
    }
    facts.shrink();
    facts
}

/// The documents before the one in which bytes are no text.
fn whole_documents(bytes: &[u8]) -> &str {
    let text = match std::str::from_utf8(&bytes[..bytes.len().min(MAX_TEXT)]) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    };
    text.rfind("\n---").map_or("", |end| &text[..=end])
}

fn read_text(text: &str, input: Input<'_>, facts: &mut Facts) {
    let json = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
    let detabbed = (json && documents(text).any(|read| read.is_err())).then(|| json::without_tabs(text));
    let readable =
        detabbed.as_deref().filter(|text| documents(text).all(|read| read.is_ok())).unwrap_or(text);
    let path = facts.path.get_or_insert_with(|| Arc::from(input.path)).clone();
    let mut reader = Reader {
        text: readable,
        ours: readable.contains("apiVersion"),
        braces: readable.contains("{{"),
        full: false,
        path,
        facts,
    };
    for document in documents(readable) {
        match document {
            Ok(document) => reader.document(&document, input.found),
            Err(error) => reader.unreadable(error.message, error.span, error.part, input.found),
        }
        if reader.full {
            break;
        }
    }
}

fn text_of(bytes: &[u8]) -> Result<&str, Unreadable> {
    let refuse = |message: String, before: &[u8]| {
        let row = before.split(|b| *b == b'\n').next_back().unwrap_or_default();
        let row = String::from_utf8_lossy(row);
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let start = Position {
            line: count(before.split(|b| *b == b'\n').count()),
            column: count(row.trim_start_matches('\u{feff}').chars().count() + 1),
        };
        Unreadable { message, span: Span { start, end: start, ..Span::default() }, template: Template::No }
    };
    if bytes.len() > MAX_TEXT {
        return Err(refuse(format!("{} bytes are too many to read", bytes.len()), &[]));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let byte = bytes[error.valid_up_to()];
        refuse(format!("not UTF-8: byte {byte:#04x}"), &bytes[..error.valid_up_to()])
    })
}

fn looks_like_manifest(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(1 << 20)];
    [&b"apiVersion"[..], b"{{"].iter().any(|mark| head.windows(mark.len()).any(|window| window == *mark))
}

struct Reader<'a> {
    text: &'a str,
    /// The text speaks of Kubernetes objects.
    ours: bool,
    /// `{{` is somewhere in the text.
    braces: bool,
    /// The rest of the text is not looked at.
    full: bool,
    path: Arc<str>,
    facts: &'a mut Facts,
}

impl Reader<'_> {
    fn document(&mut self, document: &Document<'_>, found: Found) {
        let Some(root) = document.root() else { return };
        let part = document.first_byte..root.span().last_byte as usize;
        if let Some(span) = document.odd_key() {
            let message = "a mapping or list as a key, which no manifest has".to_owned();
            return self.unreadable(message, span, part, found);
        }
        self.objects(
            root,
            None,
            MAX_LISTS,
            source_comment(self.text, root.span().first_byte as usize).as_ref(),
        );
        self.facts.ignores.extend(object::from_comments(document));
        if document.exhausted() {
            let message = "aliases stand for more than can be read".to_owned();
            self.unreadable(message, root.span(), part, Found::Named);
        }
    }

    /// No more of the text is looked at.
    fn give_up(&mut self, span: Span, why: String) {
        if !self.full {
            self.facts.unreadable.push(Unreadable { message: why, span, template: Template::No });
        }
        self.full = true;
    }

    /// One report for a template, since all its errors have one reason.
    fn unreadable(&mut self, message: String, span: Span, part: std::ops::Range<usize>, found: Found) {
        let part = self.text.get(part).unwrap_or_default();
        if found == Found::InFolder && !(self.ours || self.braces) {
            return;
        }
        let likely =
            self.braces && (lines_near(self.text, span.bytes().start).contains("{{") || part.contains("{{-"));
        let template = match likely {
            true => Template::Likely,
            false if self.braces => Template::Possible,
            false => Template::No,
        };
        if self.facts.unreadable.len() >= MAX_UNREADABLE {
            return self
                .give_up(span, "too much of the text is broken: the rest is not looked at".to_owned());
        }
        let known = self.facts.unreadable.iter().any(|known| known.template == Template::Likely);
        if !(template == Template::Likely && known) {
            self.facts.unreadable.push(Unreadable { message, span, template });
        }
    }

    /// The object, or those of a list; `inherited` is `apiVersion` and kind of a typed list's items.
    fn objects(
        &mut self,
        node: Node<'_, '_>,
        inherited: Option<(&str, &str)>,
        lists: usize,
        origin: Option<&String>,
    ) {
        let (api_version, kind) = match (node.text_at("apiVersion"), node.text_at("kind"), inherited) {
            (Some(api_version), Some(kind), _) => (api_version, kind),
            (_, _, Some(inherited)) if node.is_mapping() => inherited,
            _ => return,
        };
        let item_kind =
            kind.strip_suffix("List").filter(|_| node.get("items").is_some_and(Node::is_sequence));
        match item_kind {
            Some(item_kind) if lists > 0 => {
                let inherited = (!item_kind.is_empty()).then_some((api_version, item_kind));
                let items = node.get("items").map(Node::items).into_iter().flatten();
                items.for_each(|item| self.objects(item, inherited, lists - 1, origin));
            }
            _ => self.object(node, api_version, kind, origin),
        }
    }

    fn object(&mut self, node: Node<'_, '_>, api_version: &str, kind: &str, origin: Option<&String>) {
        if self.facts.objects.len() >= MAX_OBJECTS {
            let why =
                format!("more than {MAX_OBJECTS} objects in one text: the rest is not looked at; split it");
            return self.give_up(node.span(), why);
        }
        let object = Arc::new(Object::of(node, &self.path, api_version, kind, origin.cloned()));
        let whole = node.span();
        self.facts.ignores.extend(object::from_annotation(node.get("metadata"), whole));
        match (group(api_version), kind) {
            ("", "Service") => self.facts.services.push(Service::of(node, &object)),
            ("", "ConfigMap") => self.facts.config_maps.push(ConfigMap::of(node, &object)),
            ("networking.k8s.io", "NetworkPolicy") => {
                self.facts.policies.extend(NetworkPolicy::of(node, &object));
            }
            (group, kind) => {
                self.facts.refused_dots.extend(routes::refused_dots(node, &object));
                for found in places::pod_specs(node, group, kind) {
                    if found.holder.start() != node.start() {
                        self.facts.ignores.extend(pod::template_ignore(found));
                    }
                    self.facts.pods.push(Pod::of(found, node, &object));
                }
            }
        }
        self.facts.objects.push(object);
    }
}

/// The template a comment of `helm template` names, in the comment lines right above the document's content.
fn source_comment(text: &str, byte: usize) -> Option<String> {
    let above = text.get(..byte)?.rsplit('\n').skip(1).take(4);
    let comments = above.take_while(|line| line.starts_with('#') || line.trim().is_empty());
    comments.filter_map(|line| line.strip_prefix("# Source: ")).map(|path| path.trim().to_owned()).next()
}

/// The line of a place with the lines around it.
fn lines_near(text: &str, byte: usize) -> &str {
    let mut at = byte.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let (before, behind) = text.split_at(at);
    let begin = before.rmatch_indices('\n').nth(TEMPLATE_LINES).map_or(0, |(at, _)| at);
    let end = behind.match_indices('\n').nth(TEMPLATE_LINES).map_or(text.len(), |(end, _)| at + end);
    &text[begin..end]
}
