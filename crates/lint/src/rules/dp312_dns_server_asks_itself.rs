//! DP312: DNS server pod that uses itself.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP312",
    name: "dns-server-asks-itself",
    title: "DNS server pod that uses itself",
    severity: "error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "A workload named coredns, kube-dns or node-local-dns, or with such a k8s-app label, under a \
               cluster policy.",
        why: "It sends its own look-ups and forwards to itself: a loop at start. The upstream manifests use \
               Default.",
        example: r"apiVersion: apps/v1
kind: Deployment
metadata: {name: coredns, namespace: kube-system}
spec:
  template:
    spec:
      dnsPolicy: ClusterFirst
      containers: [{name: coredns, image: coredns}]
",
        fix: "Set dnsPolicy Default.",
        source: "kubernetes cluster/addons/dns manifests; CoreDNS plugin loop.",
    },
};

const SERVERS: [&str; 4] = ["kube-dns", "coredns", "node-local-dns", "nodelocaldns"];

fn check(case: &Case<'_>, out: &mut Findings) {
    let object = &case.pod.object;
    let named = object.name().is_some_and(|name| SERVERS.contains(&name));
    let labelled =
        case.pod.labels.iter().any(|(key, value)| key == "k8s-app" && SERVERS.contains(&value.as_str()));
    if case.base != Base::Cluster || !(named || labelled) {
        return;
    }
    let message = "a DNS server of the cluster that asks the cluster's DNS: a loop at start";
    match &case.pod.dns.policy {
        Some((_, policy)) if !policy.is_null() => {
            out.add(Error, object, policy.span, message).suggest(
                policy.span,
                "Default",
                "set dnsPolicy: Default",
            );
        }
        _ => {
            let span = object.name.as_ref().map_or(case.pod.span, |name| name.span);
            out.add(Error, object, span, message).fix("set dnsPolicy: Default");
        }
    }
}
