//! `ConfigMap`s: only the names their values hold.

use super::hosts::{MAX_NAMES, Mention, hosts_of};
use super::{Object, Place};
use crate::yaml::Node;
use std::sync::Arc;

/// A `ConfigMap`.
#[derive(Debug)]
pub(crate) struct ConfigMap {
    pub(crate) object: Arc<Object>,
    /// Per key: the names in its value. Keys without names are left out.
    pub(crate) mentions: Vec<(String, Vec<Mention>)>,
}

/// Files of these kinds hold links for people, not names to look up.
const READ_BY_PEOPLE: [&str; 12] =
    [".html", ".md", ".css", ".js", ".svg", ".pem", ".crt", ".sql", ".txt", ".xml", ".tmpl", ".tpl"];

impl ConfigMap {
    pub(super) fn of(node: Node<'_, '_>, object: &Arc<Object>) -> ConfigMap {
        let (mut mentions, mut names) = (Vec::new(), 0);
        let entries = node.get("data").map(Node::own_entries).into_iter().flatten();
        for (key, value) in entries {
            let (Some(key), Some(text)) = (key.text(), value.text()) else { continue };
            if READ_BY_PEOPLE.iter().any(|ending| key.ends_with(ending)) || is_dashboard(key, text) {
                continue;
            }
            let place = Place { object: Arc::clone(object), span: value.span() };
            let found = mentions_of(text, Some(key), &place);
            names += found.len();
            if names > MAX_NAMES {
                break;
            }
            if !found.is_empty() {
                mentions.push((key.to_owned(), found));
            }
        }
        ConfigMap { object: Arc::clone(object), mentions }
    }
}

/// The names in a text, all at one place.
pub(super) fn mentions_of(text: &str, key: Option<&str>, place: &Place) -> Vec<Mention> {
    let mention = |found: super::hosts::Found| Mention {
        host: found.host.into_boxed_str(),
        absolute: found.absolute,
        form: found.form,
        place: place.clone(),
    };
    hosts_of(text, key).into_iter().map(mention).collect()
}

/// A Grafana dashboard, which is full of links.
fn is_dashboard(key: &str, text: &str) -> bool {
    std::path::Path::new(key).extension().is_some_and(|end| end == "json") && text.contains("\"panels\"")
}
