//! DP602: `NetworkPolicy` forgets DNS.

use crate::rule::prelude::*;
use std::net::IpAddr;

pub(super) const RULE: Rule = Rule {
    code: "DP602",
    name: "policy-forgets-dns",
    title: "NetworkPolicy forgets DNS",
    severity: "warning",
    default: Default::OptIn,
    check: Check::Pod(check),
    doc: Doc {
        what: "Network policies of the input limit the pod's egress and none of them allows UDP 53 to where a \
               DNS server can be.",
        why: "Every lookup times out.",
        example: r"apiVersion: v1
kind: Pod
metadata: {name: web, namespace: orders, labels: {app: web}}
spec: {containers: [{name: web, image: web}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: orders}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - ports: [{port: 443, protocol: TCP}]
",
        fix: "Allow UDP and TCP 53 to the cluster's DNS, and to 169.254.20.10 with NodeLocal DNSCache.",
        source: "Kubernetes documentation, Network Policies; kubernetes pull request 70555.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    if case.settings.network == Network::Host {
        return;
    }
    let policies = case.world.facts.iter().flat_map(|facts| &facts.policies);
    let mine = policies.filter(|policy| {
        case.world.namespace_of(&policy.object) == case.namespace && policy.selects.matches(&case.pod.labels)
    });
    let mine: Vec<_> = mine.collect();
    let servers = servers(case);
    let allowed = mine.iter().flat_map(|policy| &policy.dns_rules).any(|peers| {
        peers.is_empty() || peers.iter().any(|peer| peer.may_hold_dns(case.namespace, &servers))
    });
    if let Some(policy) = mine.first().filter(|_| !allowed) {
        let message = format!(
            "egress of {} {} is limited and allows no UDP 53: every lookup times out",
            case.pod.object.kind,
            case.pod.object.name().unwrap_or_default()
        );
        out.add(Warning, &policy.object, policy.span, message)
            .fix("allow UDP and TCP 53 to the cluster's DNS");
    }
}

/// Where a DNS server may be: as configured and as written, and where `NodeLocal` `DNSCache` listens.
fn servers(case: &Case<'_>) -> Vec<IpAddr> {
    let known = ["169.254.20.10", "10.96.0.10", "10.43.0.10", "172.20.0.10", "10.100.0.10"];
    let told = case.config.cluster_dns.iter().flatten().map(String::as_str);
    let own = case.pod.dns.addresses().into_iter().map(|(_, address)| address);
    told.chain(known).filter_map(|text| text.parse().ok()).chain(own).collect()
}
