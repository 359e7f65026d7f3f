//! DP103: More than 3 nameservers.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP103",
    name: "too-many-nameservers",
    title: "More than 3 nameservers",
    severity: "error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "dnsConfig.nameservers has more than 3 entries, duplicates included.",
        why: "The API server refuses the pod; resolvers read only 3.",
        example: r"spec:
  dnsConfig:
    nameservers: [10.32.0.10, 10.32.0.11, 10.32.0.12, 10.32.0.13]
",
        fix: "Keep the three that matter.",
        source: "Kubernetes pkg/apis/core/validation MaxDNSNameservers; resolv.conf(5) MAXNS.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let servers = case.pod.dns.nameservers();
    if let Some(fourth) = servers.get(3) {
        let message = format!("{} nameservers; the API server refuses more than 3", servers.len());
        out.add(case.refused(), &case.pod.object, fourth.span, message).fix("keep at most 3 nameservers");
    }
}
