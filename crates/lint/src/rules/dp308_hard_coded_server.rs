//! DP308: Hard-coded cluster or node-local address.

use super::servers;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP308",
    name: "hard-coded-server",
    title: "Hard-coded cluster or node-local address",
    severity: "info",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "A nameserver that is a well-known cluster DNS address (kubeadm, k3s, EKS, or as configured) or \
               link-local (NodeLocal DNSCache).",
        why: "The manifest works in that cluster only. A node-local address without a second server fails \
               while its pod restarts.",
        example: r"spec:
  dnsPolicy: None
  dnsConfig:
    nameservers: [10.96.0.10]
",
        fix: "Leave the servers to the kubelet.",
        source: "Defaults of kubeadm, k3s and EKS; kubernetes/dns NodeLocal DNSCache.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for (item, address) in case.pod.dns.addresses() {
        if servers::is_cluster(case, address) || crate::known::is_node_local(address) {
            let message =
                format!("{address} is the DNS server of one kind of cluster: the manifest is not portable");
            out.add(Info, &case.pod.object, item.span, message).fix("leave the servers to the kubelet");
        }
    }
}
