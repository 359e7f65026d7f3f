//! DP302: `ClusterFirstWithHostNet` without hostNetwork.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP302",
    name: "with-host-net-alone",
    title: "ClusterFirstWithHostNet without hostNetwork",
    severity: "info",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "dnsPolicy ClusterFirstWithHostNet in a pod with a network of its own.",
        why: "It means the same as ClusterFirst there and makes readers look for a hostNetwork.",
        example: r"spec:
  dnsPolicy: ClusterFirstWithHostNet
",
        fix: "Write ClusterFirst.",
        source: "Kubernetes pkg/kubelet/network/dns/dns.go getPodDNSType.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let Some((_, policy)) = &case.pod.dns.policy else { return };
    if case.settings.policy == DnsPolicy::ClusterFirstWithHostNet && case.settings.network == Network::Pod {
        out.add(
            Info,
            &case.pod.object,
            policy.span,
            "ClusterFirstWithHostNet without hostNetwork is ClusterFirst",
        )
        .replace(policy.span, "ClusterFirst", "write ClusterFirst");
    }
}
