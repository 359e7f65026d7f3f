//! DP401: Repeats the cluster's own suffix.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP401",
    name: "own-suffix-repeated",
    title: "Repeats the cluster's own suffix",
    severity: "info",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "With a cluster policy, an entry of searches equals NS.svc.Z, svc.Z or Z (Z is the cluster \
               domain).",
        why: "The kubelet removes the duplicate: the entry does nothing.",
        example: r"spec:
  dnsConfig:
    searches: [svc.cluster.local]
",
        fix: "Remove it.",
        source: "Kubernetes pkg/kubelet/network/dns/dns.go omitDuplicates.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let own = dnsprobe_resolv::pod::cluster_suffixes(case.namespace, case.config.domain());
    if case.base != Base::Cluster {
        return;
    }
    for item in case.pod.dns.searches() {
        if let Some(text) = item.text().filter(|text| own.iter().any(|suffix| suffix == text)) {
            let message = format!("{text} is in the list already: the kubelet removes the duplicate");
            out.add(Info, &case.pod.object, item.span, message).remove_safely(item.span, "remove it");
        }
    }
}
