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
const TEMPLATE_LINES: u32 = 3;

/// Texts longer than this, in bytes, are refused: places are counted in 32 bits.
const MAX_TEXT: usize = 1 << 31;

/// Everything a text says.
pub(crate) fn read(input: Input<'_>) -> Facts {
    let mut facts = Facts { path: Some(Arc::from(input.path)), ..Facts::default() };
    match text_of(input.bytes) {
        Ok(text) => read_text(text, input, &mut facts),
        Err(unreadable) if input.found == Found::Named || looks_like_manifest(input.bytes) => {
            facts.unreadable.push(unreadable);
        }
        Err(_) => {}
    }
    facts
}

fn read_text(text: &str, input: Input<'_>, facts: &mut Facts) {
    let json = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
    let detabbed = (json && documents(text).any(|read| read.is_err())).then(|| json::without_tabs(text));
    let readable =
        detabbed.as_deref().filter(|text| documents(text).all(|read| read.is_ok())).unwrap_or(text);
    let mut reader = Reader { text: readable, path: Arc::from(input.path), facts };
    for document in documents(readable) {
        match document {
            Ok(document) => reader.document(&document, input.found),
            Err(error) => reader.unreadable(error.message, error.span, error.part, input.found),
        }
    }
}

fn text_of(bytes: &[u8]) -> Result<&str, Unreadable> {
    let refuse = |message: String, line: usize| {
        let start = Position { line: u32::try_from(line).unwrap_or(u32::MAX), column: 1 };
        Unreadable { message, span: Span { start, end: start, ..Span::default() }, template: Template::No }
    };
    if bytes.len() > MAX_TEXT {
        return Err(refuse(format!("{} bytes are too many to read", bytes.len()), 1));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].split(|b| *b == b'\n').count();
        refuse(format!("not UTF-8: {error}"), line)
    })
}

fn looks_like_manifest(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(1 << 20)];
    [&b"apiVersion"[..], b"{{"].iter().any(|mark| head.windows(mark.len()).any(|window| window == *mark))
}

struct Reader<'a> {
    text: &'a str,
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

    /// One report for a template, since all its errors have one reason.
    fn unreadable(&mut self, message: String, span: Span, part: std::ops::Range<usize>, found: Found) {
        let part = self.text.get(part).unwrap_or_default();
        let ours = self.text.contains("apiVersion") || self.text.contains("{{");
        if found == Found::InFolder && !ours {
            return;
        }
        let near = lines_near(self.text, span.start.line).any(|line| line.contains("{{"));
        let template = match near || part.contains("{{-") {
            true => Template::Likely,
            false if self.text.contains("{{") => Template::Possible,
            false => Template::No,
        };
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

fn lines_near(text: &str, line: u32) -> impl Iterator<Item = &str> {
    let first = line.saturating_sub(1 + TEMPLATE_LINES) as usize;
    text.lines().skip(first).take(2 * TEMPLATE_LINES as usize + 1)
}
