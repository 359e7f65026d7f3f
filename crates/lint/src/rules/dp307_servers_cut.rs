//! DP307: Servers cut by the kubelet.

use crate::rule::prelude::*;
use dnsprobe_resolv::pod::Limits;

pub(super) const RULE: Rule = Rule {
    code: "DP307",
    name: "servers-cut",
    title: "Servers cut by the kubelet",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "The cluster's servers and those of dnsConfig are more than 3.",
        why: "The kubelet keeps the first 3 and repeats an event DNSConfigForming at every sync.",
        example: r"spec:
  dnsConfig:
    nameservers: [10.32.0.11, 10.32.0.12, 10.32.0.13]
",
        fix: "Leave room for the cluster's servers.",
        source: "Kubernetes pkg/kubelet/network/dns/dns.go formDNSNameserversFitsLimits.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let own = case.pod.dns.nameservers();
    if case.base != Base::Cluster || own.len() > Limits::EXPANDED.nameservers {
        return;
    }
    let kept = &case.predicted.nameservers;
    let Some(cut) = own.iter().find(|item| item.text().is_some_and(|text| !kept.iter().any(|k| k == text)))
    else {
        return;
    };
    let count = case.config.cluster_servers();
    let message = format!(
        "{count} cluster server{} and {} of dnsConfig are more than 3: the kubelet drops {} and repeats an event",
        if count == 1 { "" } else { "s" },
        own.len(),
        cut.text().unwrap_or_default()
    );
    out.add(Warning, &case.pod.object, cut.span, message).fix("keep at most 3 servers in all");
}
