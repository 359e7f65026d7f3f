//! DP303: Cluster name without cluster DNS.

use super::servers;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP303",
    name: "cluster-name-without-cluster-dns",
    title: "Cluster name without cluster DNS",
    severity: "error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "The pod uses a name of the cluster while its servers are the node's (Default) or all public \
               (None).",
        why: "Only the cluster's servers know the name: it cannot resolve.",
        example: r"spec:
  dnsPolicy: Default
  containers:
  - name: web
    image: web
    env:
    - {name: DB_HOST, value: db.orders.svc.cluster.local}
",
        fix: "Remove dnsPolicy, or use a name that the servers know.",
        source: "Kubernetes pkg/kubelet/network/dns/dns.go getPodDNSType.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let why = match case.settings.policy {
        DnsPolicy::Default => "dnsPolicy Default uses the node's servers",
        DnsPolicy::None if servers::all_public(case) => "all nameservers are public",
        _ => return,
    };
    for used in case.names.iter().filter(|used| used.name.is_cluster()) {
        // Relative names without any search list are DP304's.
        let no_search = case.base == Base::None && case.searches().is_empty();
        if no_search && used.is_searched_cluster() && used.name != Name::Half {
            continue;
        }
        let message = format!("{why}: the cluster name {} cannot resolve", used.host());
        out.at(Error, &used.mention.place, message)
            .fix("use dnsPolicy ClusterFirst (ClusterFirstWithHostNet on the host's network)");
    }
}
