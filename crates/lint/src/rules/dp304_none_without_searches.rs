//! DP304: None without searches while short names are used.

use super::servers;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP304",
    name: "none-without-searches",
    title: "None without searches while short names are used",
    severity: "error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "dnsPolicy None without searches, and the pod uses single-label names or svc.ns names of Services in the input.",
        why: "Nothing is appended: these names are asked as they are and do not exist.",
        example: r"apiVersion: v1
kind: Pod
metadata: {name: web, namespace: orders}
spec:
  dnsPolicy: None
  dnsConfig: {nameservers: [10.32.0.10]}
  containers:
  - name: web
    image: web
    env:
    - {name: DB_HOST, value: db}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: orders}
",
        fix: "Add NS.svc.Z, svc.Z and Z to dnsConfig.searches, or use full names with a dot at their end.",
        source: "Kubernetes pkg/kubelet/network/dns/dns.go GetPodDNS.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    if case.base != Base::None || !case.searches().is_empty() {
        return;
    }
    let suffixes = dnsprobe_resolv::pod::cluster_suffixes(case.namespace, case.config.domain()).join(", ");
    let short = |used: &&Used<'_>| used.is_searched_cluster() || used.name == Name::UnknownShort;
    for used in case.names.iter().filter(|used| short(used) && !used.mention.absolute) {
        if used.name == Name::Half && servers::all_public(case) {
            continue;
        }
        let message =
            format!("dnsPolicy None without searches: {} is asked as it is and does not exist", used.host());
        out.at(Error, &used.mention.place, message).fix(format!("add to dnsConfig.searches: {suffixes}"));
    }
}
