//! DP402: Trailing dot defeats deduplication.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP402",
    name: "dotted-duplicate",
    title: "Trailing dot defeats deduplication",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "An entry of searches ends in a dot and equals another entry in force without it.",
        why: "The kubelet compares texts: both stay, and the suffix is asked twice in every search.",
        example: r"spec:
  dnsConfig:
    searches: [svc.cluster.local.]
",
        fix: "Cut the dot, or the entry.",
        source: "Kubernetes pkg/kubelet/network/dns/dns.go omitDuplicates; measured with glibc 2.36.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for item in case.pod.dns.searches() {
        let Some(bare) = item.text().and_then(|text| text.strip_suffix('.')).filter(|bare| !bare.is_empty())
        else {
            continue;
        };
        if case.searches().iter().any(|other| other == bare) {
            let message = format!(
                "{bare} is in the list already; the dot hides that from the kubelet, so it is asked twice"
            );
            out.add(Warning, &case.pod.object, item.span, message).replace(
                item.span,
                bare,
                format!("write {bare}"),
            );
        }
    }
}
