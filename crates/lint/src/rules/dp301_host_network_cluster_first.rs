//! DP301: hostNetwork with `ClusterFirst`.

use crate::diagnostic::Change;
use crate::rule::edit;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP301",
    name: "host-network-cluster-first",
    title: "hostNetwork with ClusterFirst",
    severity: "warning, error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "hostNetwork with dnsPolicy ClusterFirst or none. An error when the pod uses a name of the \
               cluster.",
        why: "It acts as Default: the node's resolv.conf, without cluster servers and suffixes. Service names \
               do not resolve.",
        example: r"spec:
  hostNetwork: true
",
        fix: "ClusterFirstWithHostNet for cluster names, Default to say that the node's DNS is meant.",
        source: "Kubernetes pkg/kubelet/network/dns/dns.go getPodDNSType.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let Some((_, host_network)) = &case.pod.dns.host_network else { return };
    if case.settings.network != Network::Host || case.settings.policy != DnsPolicy::ClusterFirst {
        return;
    }
    let object = &case.pod.object;
    let cluster_name = case.names.iter().find(|used| used.name.is_cluster());
    let (severity, message) = match cluster_name {
        Some(used) => (
            Error,
            format!("hostNetwork with ClusterFirst uses the node's DNS: {} cannot resolve", used.host()),
        ),
        None => (
            Warning,
            "hostNetwork with ClusterFirst acts as dnsPolicy Default: the node's DNS, no cluster names"
                .into(),
        ),
    };
    let text = "set dnsPolicy: ClusterFirstWithHostNet, or Default if the node's DNS is meant";
    let draft = out.add(severity, object, host_network.span, message);
    match &case.pod.dns.policy {
        Some((_, policy)) if policy.text() == Some("ClusterFirst") => {
            draft.suggest(policy.span, "ClusterFirstWithHostNet", text);
        }
        None => {
            let entry = vec!["dnsPolicy: ClusterFirstWithHostNet".to_owned()];
            draft.suggest_edit(Some(edit(case.pod.span, Change::AddEntry(entry))), text);
        }
        _ => draft.fix(text),
    }
}
