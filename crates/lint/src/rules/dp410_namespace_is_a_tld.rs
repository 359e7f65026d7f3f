//! DP410: Namespace named as a top-level domain.

use super::captured;
use crate::known;
use crate::rule::prelude::*;
use crate::world::World;
use std::collections::BTreeMap;

pub(super) const RULE: Rule = Rule {
    code: "DP410",
    name: "namespace-is-a-tld",
    title: "Namespace named as a top-level domain",
    severity: "warning, info, error",
    default: Default::On,
    check: Check::World(check),
    doc: Doc {
        what: "A namespace has the name of a public top-level domain. Info for everyday words (dev, app, prod \
               ...), an error when a Service in it captures an external name of the input (DP411). Once per \
               namespace.",
        why: "A Service `example` in a namespace `com` answers for example.com in every pod with ndots over 1.",
        example: r"apiVersion: v1
kind: Namespace
metadata: {name: com}
",
        fix: "Choose another name, or write external names with a dot at their end.",
        source: "Kubernetes documentation, Namespaces; the public suffix list (psl 2.1.247).",
    },
};

fn check(world: &World<'_>, out: &mut Findings) {
    let mut places = BTreeMap::new();
    for object in world.objects() {
        let is_namespace = object.kind == "Namespace" && object.group().is_empty();
        let value = if is_namespace { &object.name } else { &object.namespace };
        let Some((value, name)) = value.as_ref().and_then(|value| Some((value, value.text()?))) else {
            continue;
        };
        if known::is_top_level(name) {
            // The namespace itself is the best place to say it.
            let place = places.entry(name).or_insert((object, value.span));
            if is_namespace {
                *place = (object, value.span);
            }
        }
    }
    let captured: Vec<&str> = captured::names(world).iter().map(|captured| captured.namespace).collect();
    for (name, (object, span)) in places {
        let severity = match name {
            _ if captured.contains(&name) => Error,
            _ if known::is_usual_namespace(name) => Info,
            _ => Warning,
        };
        let message = format!(
            "namespace {name} is also a top-level domain: its Services answer for external names x.{name}"
        );
        out.add(severity, object, span, message).fix("choose another name, or end external names in a dot");
    }
}
