//! DP216: Redundant ndots:5.

use super::number;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP216",
    name: "redundant-ndots",
    title: "Redundant ndots:5",
    severity: "info",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "ndots 5 with a policy that uses the cluster's settings.",
        why: "The kubelet writes it anyway.",
        example: r#"spec:
  dnsConfig:
    options:
    - name: ndots
      value: "5"
"#,
        fix: "Remove it.",
        source: "Kubernetes pkg/kubelet/network/dns/dns.go defaultDNSOptions.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let option = case.pod.dns.option("ndots").filter(|option| number(option) == Some(5));
    if let Some(option) = option.filter(|_| case.base == Base::Cluster) {
        out.add(Info, &case.pod.object, option.place().span, "ndots 5 is what the kubelet writes anyway")
            .remove_safely(option.item.span, "remove it");
    }
}
