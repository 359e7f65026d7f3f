//! DP313: Bootstrap pod depends on cluster DNS.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP313",
    name: "bootstrap-needs-cluster-dns",
    title: "Bootstrap pod depends on cluster DNS",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "A pod that the cluster's network needs (kube-proxy, control plane, cloud controller manager, \
               node agents of the common network plugins, by exact name or label) with hostNetwork and \
               ClusterFirstWithHostNet. Operators of network plugins are left out.",
        why: "It runs before cluster DNS does, which waits for it: a deadlock at node start.",
        example: r"apiVersion: apps/v1
kind: DaemonSet
metadata: {name: kube-proxy, namespace: kube-system}
spec:
  template:
    spec:
      hostNetwork: true
      dnsPolicy: ClusterFirstWithHostNet
      containers: [{name: kube-proxy, image: kube-proxy}]
",
        fix: "Set dnsPolicy Default.",
        source: "sergelogvinov/proxmox-cloud-controller-manager pull request 300.",
    },
};

/// Exact names.
const BOOTSTRAP: [&str; 25] = [
    "kube-proxy",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "etcd",
    "cloud-controller-manager",
    "calico-node",
    "canal",
    "cilium",
    "cilium-agent",
    "kube-flannel",
    "kube-flannel-ds",
    "flannel",
    "weave-net",
    "antrea-agent",
    "aws-node",
    "kube-router",
    "kube-ovn-cni",
    "ovnkube-node",
    "multus",
    "kube-multus-ds",
    "azure-cni",
    "azure-npm",
    "netd",
    "romana-agent",
];

fn check(case: &Case<'_>, out: &mut Findings) {
    let object = &case.pod.object;
    let known = |name: &str| BOOTSTRAP.contains(&name) || name.ends_with("-cloud-controller-manager");
    let labels = ["k8s-app", "app", "component", "name", "app.kubernetes.io/name"];
    let labelled = case.pod.labels.iter().any(|(key, value)| labels.contains(&key.as_str()) && known(value));
    let with_host_net = case.settings.policy == DnsPolicy::ClusterFirstWithHostNet;
    if !with_host_net
        || case.settings.network != Network::Host
        || !(object.name().is_some_and(known) || labelled)
    {
        return;
    }
    let Some((_, policy)) = &case.pod.dns.policy else { return };
    let message = "cluster DNS needs this pod before it can run, and the pod asks cluster DNS: a deadlock at node start";
    out.add(Warning, object, policy.span, message).suggest(policy.span, "Default", "set dnsPolicy: Default");
}
