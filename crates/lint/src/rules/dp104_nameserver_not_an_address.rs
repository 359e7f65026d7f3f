//! DP104: Nameserver is not an IP address.

use crate::manifest::nameserver_address;
use crate::rule::prelude::*;
use std::net::IpAddr;

pub(super) const RULE: Rule = Rule {
    code: "DP104",
    name: "nameserver-not-an-address",
    title: "Nameserver is not an IP address",
    severity: "error, warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "An entry of dnsConfig.nameservers is not an IPv4 or IPv6 literal: a host name, an address with \
               port, zone or prefix length, or with blanks. Leading zeros are only a warning.",
        why: "The API server refuses the pod. Leading zeros are read as decimal by some API servers, refused \
               by others, and are octal to many other programs.",
        example: r"spec:
  dnsConfig:
    nameservers: [dns.example.com]
",
        fix: "Write the bare address. A port 53 at the end is cut by --fix.",
        source: "Kubernetes pkg/apis/core/validation validatePodDNSConfig; KEP-4858 on leading zeros.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for item in case.pod.dns.nameservers() {
        let text = match &item.data {
            Data::Null => "",
            Data::Text(text) => text,
            _ => continue,
        };
        if text.parse::<IpAddr>().is_ok() {
            continue;
        }
        if nameserver_address(text).is_some() {
            let message = format!(
                "nameserver {text} has leading zeros: decimal to some readers, octal or refused to others"
            );
            out.add(Warning, &case.pod.object, item.span, message)
                .fix("write the octets without leading zeros");
            continue;
        }
        let (what, bare) = describe(text);
        let message =
            format!("nameserver {text:?} is {what}, not an IP address; the API server refuses the pod");
        let draft = out.add(case.refused(), &case.pod.object, item.span, message);
        match bare {
            Some(bare) => draft.replace(item.span, bare, format!("write {bare}")),
            None => draft.fix("write an IPv4 or IPv6 address"),
        }
    }
}

/// What was written instead, and the address in it where cutting is safe.
fn describe(text: &str) -> (&'static str, Option<&str>) {
    let address = |text: &str| text.parse::<IpAddr>().is_ok();
    let inner = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    if let Some((host, port)) = inner.filter(|(host, _)| address(host)) {
        return ("an address in brackets", (port.is_empty() || port == ":53").then_some(host));
    }
    match text {
        _ if text.is_empty() => ("empty", None),
        _ if address(text.trim()) => ("an address with blanks", Some(text.trim())),
        _ if text.split_once('/').is_some_and(|(host, _)| address(host)) => ("a range of addresses", None),
        _ if text.split_once('%').is_some_and(|(host, _)| address(host)) => ("an address with a zone", None),
        _ => match text.rsplit_once(':') {
            Some((host, port)) if address(host) => ("an address with a port", (port == "53").then_some(host)),
            _ if text.contains(|c: char| c.is_ascii_alphabetic()) => ("a host name", None),
            _ => ("something else", None),
        },
    }
}
