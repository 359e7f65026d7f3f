//! Services, and the names that other objects hold.

use super::Object;
use crate::yaml::{Node, Value};
use std::sync::Arc;

/// A Service of the core group.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) object: Arc<Object>,
    /// `externalName` of an `ExternalName` Service.
    pub(crate) external_name: Option<Value>,
}

impl Service {
    pub(super) fn of(node: Node<'_, '_>, object: &Arc<Object>) -> Service {
        let external = node.text_at("spec.type") == Some("ExternalName");
        let name = node.path("spec.externalName").filter(|_| external).map(Value::of);
        Service { object: Arc::clone(object), external_name: name.filter(|name| name.text().is_some()) }
    }
}

/// A name ending in a dot in a field where the API server refuses that.
#[derive(Debug)]
pub(crate) struct RefusedDot {
    pub(crate) object: Arc<Object>,
    pub(crate) name: Value,
    pub(crate) field: &'static str,
}

/// Fields that hold host names: kind, list to step through, field in its items (an empty one is the item itself).
const HOST_FIELDS: &[(&str, &str, &str, &str)] = &[
    ("Ingress", "spec.rules", "host", "rules[].host"),
    ("Ingress", "spec.tls", "hosts", "tls[].hosts"),
    ("HTTPRoute", "spec.hostnames", "", "hostnames"),
    ("GRPCRoute", "spec.hostnames", "", "hostnames"),
    ("TLSRoute", "spec.hostnames", "", "hostnames"),
    ("Gateway", "spec.listeners", "hostname", "listeners[].hostname"),
    ("ValidatingWebhookConfiguration", "webhooks", "name", "webhooks[].name"),
    ("MutatingWebhookConfiguration", "webhooks", "name", "webhooks[].name"),
];

/// The names of an object that end in a dot and must not.
pub(super) fn refused_dots(node: Node<'_, '_>, object: &Arc<Object>) -> Vec<RefusedDot> {
    let mut refused = Vec::new();
    let mut check = |name: Node<'_, '_>, field| {
        if name.text().is_some_and(|text| text.ends_with('.')) {
            refused.push(RefusedDot { object: Arc::clone(object), name: Value::of(name), field });
        }
    };
    for (_, list, key, field) in HOST_FIELDS.iter().filter(|(kind, ..)| *kind == object.kind) {
        for item in node.path(list).map(Node::items).into_iter().flatten() {
            let Some(value) = (if key.is_empty() { Some(item) } else { item.get(key) }) else { continue };
            value.items().for_each(|name| check(name, field));
            check(value, field);
        }
    }
    if object.kind == "APIService"
        && let Some(name) = node.path("metadata.name")
    {
        check(name, "metadata.name");
    }
    refused
}
