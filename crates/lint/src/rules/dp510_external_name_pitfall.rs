//! DP510: `ExternalName` pitfalls.

use crate::rule::prelude::*;
use crate::world::World;
use std::net::IpAddr;

pub(super) const RULE: Rule = Rule {
    code: "DP510",
    name: "external-name-pitfall",
    title: "ExternalName pitfalls",
    severity: "warning",
    default: Default::On,
    check: Check::World(check),
    doc: Doc {
        what: "externalName is an IP address, a single label, a relative name (svc.ns), a wildcard or the Service's own name.",
        why: "It becomes a CNAME, which is absolute: no search list applies, addresses are read as names, a \
               wildcard names nothing, and its own name is a loop.",
        example: r"apiVersion: v1
kind: Service
metadata: {name: db, namespace: orders}
spec: {type: ExternalName, externalName: 192.0.2.10}
",
        fix: "Write the full external name; for addresses use a Service without selector and an EndpointSlice.",
        source: "Kubernetes documentation, Service type ExternalName; CoreDNS plugin kubernetes.",
    },
};

fn check(world: &World<'_>, out: &mut Findings) {
    for service in world.facts.iter().flat_map(|facts| &facts.services) {
        let Some((value, text)) =
            service.external_name.as_ref().and_then(|value| Some((value, value.text()?)))
        else {
            continue;
        };
        let target = text.trim_end_matches('.');
        let name = service.object.name().unwrap_or_default();
        let own = format!("{name}.{}.svc.{}", world.namespace_of(&service.object), world.config.domain());
        let message = match target {
            _ if target.parse::<IpAddr>().is_ok() => {
                format!("externalName {text} is read as a name, not as an address")
            }
            _ if target.contains('*') => format!("externalName {text} is a wildcard: it names nothing"),
            _ if target == own => format!("externalName {text} is this Service itself: a loop"),
            _ if !target.contains('.') => {
                format!("externalName {text} is absolute: no search list completes it")
            }
            _ if is_relative(target, world) => {
                format!("externalName {text} is absolute: no search list completes it to the Service's name")
            }
            _ => continue,
        };
        out.add(Warning, &service.object, value.span, message).fix("write a full name that resolves outside");
    }
}

/// `svc.ns` of a Service in the input, or `svc.ns.svc`.
fn is_relative(target: &str, world: &World<'_>) -> bool {
    let service = target.split_once('.').is_some_and(|(name, namespace)| world.has_service(namespace, name));
    service || target.rsplit('.').next() == Some("svc")
}
