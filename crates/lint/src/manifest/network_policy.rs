//! `NetworkPolicy`: may the pods it selects ask a DNS server?

use super::Object;
use crate::yaml::{Node, Span};
use std::net::IpAddr;
use std::sync::Arc;

/// A policy that limits egress.
#[derive(Debug)]
pub(crate) struct NetworkPolicy {
    pub(crate) object: Arc<Object>,
    pub(crate) span: Span,
    pub(crate) selects: Selector,
    /// Egress rules that cover UDP port 53.
    pub(crate) dns_rules: Vec<Vec<Peer>>,
}

/// Whom an egress rule reaches; a rule without peers reaches everyone.
#[derive(Debug)]
pub(crate) enum Peer {
    /// Pods of the policy's own namespace.
    OwnPods,
    /// Pods of other namespaces; the name where it is asked for.
    Namespaces(Option<String>),
    /// A range of addresses.
    Range(String),
}

/// A label selector.
#[derive(Debug, Default)]
pub(crate) struct Selector {
    labels: Vec<(String, String)>,
    expressions: Vec<(String, String, Vec<String>)>,
}

impl NetworkPolicy {
    pub(super) fn of(node: Node<'_, '_>, object: &Arc<Object>) -> Option<NetworkPolicy> {
        let spec = node.get("spec")?;
        let egress = spec.get("egress");
        let listed =
            spec.get("policyTypes").is_some_and(|types| types.items().any(|t| t.text() == Some("Egress")));
        if !listed && egress.is_none() {
            return None;
        }
        let rules = egress.map(Node::items).into_iter().flatten().filter(|rule| covers_dns(*rule));
        Some(NetworkPolicy {
            object: Arc::clone(object),
            span: spec.entry("egress").map_or(spec.span(), |(key, _)| key.span()),
            selects: spec.get("podSelector").map(Selector::of).unwrap_or_default(),
            dns_rules: rules.map(peers).collect(),
        })
    }
}

fn covers_dns(rule: Node<'_, '_>) -> bool {
    let Some(ports) = rule.get("ports") else { return true };
    let covers = |port: Node<'_, '_>| {
        let udp = port.text_at("protocol") == Some("UDP");
        let number = |key| port.text_at(key).and_then(|text| text.parse::<u32>().ok());
        let named = port.text_at("port").is_some_and(|text| text.contains("dns"));
        let range = match (number("port"), number("endPort")) {
            (Some(first), last) => (first..=last.unwrap_or(first)).contains(&53),
            (None, _) => port.get("port").is_none() || named,
        };
        udp && range
    };
    ports.items().next().is_none() || ports.items().any(covers)
}

fn peers(rule: Node<'_, '_>) -> Vec<Peer> {
    let to = rule.get("to").map(Node::items).into_iter().flatten();
    to.map(|peer| {
        if let Some(range) = peer.text_at("ipBlock.cidr") {
            Peer::Range(range.to_owned())
        } else if let Some(namespaces) = peer.get("namespaceSelector") {
            let name =
                namespaces.get("matchLabels").and_then(|labels| labels.get("kubernetes.io/metadata.name"));
            Peer::Namespaces(name.and_then(Node::text).map(str::to_owned))
        } else {
            Peer::OwnPods
        }
    })
    .collect()
}

impl Peer {
    /// Whether a DNS server may be among them, for a policy of `namespace`.
    pub(crate) fn may_hold_dns(&self, namespace: &str, servers: &[IpAddr]) -> bool {
        match self {
            Peer::OwnPods => namespace == "kube-system",
            Peer::Namespaces(None) => true,
            Peer::Namespaces(Some(name)) => matches!(name.as_str(), "kube-system" | "openshift-dns"),
            Peer::Range(range) => servers.iter().any(|server| contains(range, *server)),
        }
    }
}

fn contains(range: &str, address: IpAddr) -> bool {
    let Some((network, bits)) = range.split_once('/') else { return false };
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32u32.saturating_sub(bits)).unwrap_or(0);
            u32::from(network) & mask == u32::from(address) & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128u32.saturating_sub(bits)).unwrap_or(0);
            u128::from(network) & mask == u128::from(address) & mask
        }
        _ => false,
    }
}

impl Selector {
    fn of(node: Node<'_, '_>) -> Selector {
        let labels = node.get("matchLabels").map(Node::entries).into_iter().flatten();
        let expressions = node.get("matchExpressions").map(Node::items).into_iter().flatten();
        let values = |node: Node<'_, '_>| {
            let values = node.get("values").map(Node::items).into_iter().flatten();
            values.filter_map(Node::text).map(str::to_owned).collect()
        };
        Selector {
            labels: labels.filter_map(|(k, v)| Some((k.text()?.to_owned(), v.text()?.to_owned()))).collect(),
            expressions: expressions
                .filter_map(|e| {
                    Some((e.text_at("key")?.to_owned(), e.text_at("operator")?.to_owned(), values(e)))
                })
                .collect(),
        }
    }

    /// Whether labels fulfil every requirement.
    pub(crate) fn matches(&self, labels: &[(String, String)]) -> bool {
        let value = |key: &str| labels.iter().find(|(known, _)| known == key).map(|(_, value)| value);
        let holds = |(key, operator, values): &(String, String, Vec<String>)| match operator.as_str() {
            "In" => value(key).is_some_and(|value| values.contains(value)),
            "NotIn" => value(key).is_none_or(|value| !values.contains(value)),
            "Exists" => value(key).is_some(),
            "DoesNotExist" => value(key).is_none(),
            _ => false,
        };
        self.labels.iter().all(|(key, wanted)| value(key) == Some(wanted))
            && self.expressions.iter().all(holds)
    }
}
