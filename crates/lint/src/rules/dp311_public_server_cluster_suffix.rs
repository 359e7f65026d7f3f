//! DP311: Public resolver with cluster suffixes.

use super::servers;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP311",
    name: "public-server-cluster-suffix",
    title: "Public resolver with cluster suffixes",
    severity: "error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "dnsPolicy None with only public nameservers, and a cluster suffix in searches.",
        why: "Every probe with such a suffix fails and tells the world which Services there are.",
        example: r"spec:
  dnsPolicy: None
  dnsConfig:
    nameservers: [8.8.8.8]
    searches: [orders.svc.cluster.local]
",
        fix: "Use the cluster's servers, or drop the cluster suffixes.",
        source: "kubernetes/dns issue 341.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    if case.base != Base::None || !servers::all_public(case) {
        return;
    }
    let is_cluster = |text: &str| text.starts_with("svc.") || text.contains(".svc.");
    let Some(entry) = case.pod.dns.searches().iter().find(|item| item.text().is_some_and(is_cluster)) else {
        return;
    };
    let message = format!(
        "all nameservers are public, and {} is a suffix only the cluster knows: every probe with it fails and leaks",
        entry.text().unwrap_or_default()
    );
    out.add(Error, &case.pod.object, entry.span, message)
        .fix("use the cluster's servers or drop its suffixes");
}
