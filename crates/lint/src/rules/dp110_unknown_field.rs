//! DP110: Unknown or misplaced DNS field.

use crate::manifest::Trust;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP110",
    name: "unknown-field",
    title: "Unknown or misplaced DNS field",
    severity: "error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "A key in dnsConfig other than nameservers, searches and options, in an option other than name \
               and value; dnsConfig or dnsPolicy under a container, under metadata, or under a controller's \
               spec instead of its pod template; or the right key in the wrong case. Built-in kinds and the \
               listed custom resources only.",
        why: "The API server drops it, with a warning at most: the pod runs with other settings than the \
               manifest shows.",
        example: r"spec:
  containers:
  - name: web
    image: web
    dnsPolicy: Default
",
        fix: "Move it to the pod spec, or correct the key.",
        source: "Kubernetes core/v1 PodSpec and PodDNSConfig; field validation of the API server.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    if case.pod.trust == Trust::Embedded {
        return;
    }
    for stray in &case.pod.misplaced {
        let message =
            format!("{} in {} is dropped: it is read only in the pod spec", stray.key, stray.parent);
        let message = match stray.parent {
            "the pod spec" => {
                format!("{} is no field of the pod spec (case matters): it is dropped", stray.key)
            }
            _ => message,
        };
        out.add(Error, &case.pod.object, stray.span, message)
            .fix("move it to the pod spec, spelt as the API has it");
    }
    let Some(config) = case.pod.dns.config() else { return };
    unknown(case, out, config, &["nameservers", "searches", "options"], "dnsConfig");
    for option in case.pod.dns.options() {
        unknown(case, out, option.item, &["name", "value"], "an option");
    }
}

fn unknown(case: &Case<'_>, out: &mut Findings, mapping: &Value, known: &[&str], place: &str) {
    for (key, _) in mapping.entries() {
        let text = key.text().unwrap_or("?");
        if known.contains(&text) {
            continue;
        }
        let message = format!("{place} has no field {text:?}: it is dropped");
        let draft = out.add(Error, &case.pod.object, key.span, message);
        let near = match text {
            "servers" | "nameServers" => Some("nameservers"),
            "domains" | "domain" => Some("searches"),
            _ => known.iter().copied().find(|name| strsim::osa_distance(name, &text.to_lowercase()) <= 2),
        };
        match near {
            Some(name) => draft.suggest(key.span, name, format!("did you mean {name}?")),
            None => draft.fix(format!("it has {}", known.join(", "))),
        }
    }
}
