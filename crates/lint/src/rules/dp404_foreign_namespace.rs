//! DP404: Foreign namespace in searches.

use super::search_entry::{Grammar, grammar};
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP404",
    name: "foreign-namespace",
    title: "Foreign namespace in searches",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "An entry of searches is NS2.svc.Z and the object's metadata.namespace is another.",
        why: "Usually copied: short names then reach the Services of the other namespace.",
        example: r"spec:
  dnsPolicy: None
  dnsConfig:
    nameservers: [10.32.0.10]
    searches: [staging.svc.cluster.local]
",
        fix: "Write the workload's own namespace, or the other Service's namespace into its name.",
        source: "DNS for Services and Pods, Kubernetes documentation.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    // A name that no namespace can have is not what the pod will run in.
    let own = case.pod.object.namespace().filter(|own| grammar(own) == Grammar::Strict);
    let Some(own) = own else { return };
    let tail = format!(".svc.{}", case.config.domain());
    for item in case.pod.dns.searches() {
        let namespace = item.text().and_then(|text| text.trim_end_matches('.').strip_suffix(&tail));
        if let Some(other) = namespace.filter(|other| *other != own && !other.contains('.')) {
            let message = format!("short names search namespace {other}, but the workload is in {own}");
            out.add(Warning, &case.pod.object, item.span, message).suggest(
                item.span,
                format!("{own}{tail}"),
                format!("write {own}{tail}"),
            );
        }
    }
}
