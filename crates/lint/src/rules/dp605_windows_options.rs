//! DP605: Windows pod with resolver options.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP605",
    name: "windows-options",
    title: "Windows pod with resolver options",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "A pod for Windows nodes (spec.os.name or the nodeSelector kubernetes.io/os) with \
               dnsConfig.options, or with dotted relative cluster names.",
        why: "Windows has no resolv.conf: options are ignored, and names with a dot are not searched as on \
               Linux.",
        example: r#"spec:
  nodeSelector: {kubernetes.io/os: windows}
  dnsConfig:
    options:
    - {name: ndots, value: "2"}
"#,
        fix: "Remove the options and write full names.",
        source: "Kubernetes pkg/kubelet/network/dns/dns_windows.go; Kubernetes documentation, DNS for Services \
               and Pods.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    if case.pod.windows.is_none() {
        return;
    }
    if let Some(option) = case.pod.dns.options().first() {
        let message = "Windows pods ignore resolver options";
        out.add(Warning, &case.pod.object, option.item.span, message).fix("remove the options");
    }
    for used in case.names.iter().filter(|used| used.is_searched_cluster() && used.dots() >= 1) {
        let message = format!(
            "{} relies on the search of a dotted name, which Windows pods do not do as Linux does",
            used.host()
        );
        out.at(Warning, &used.mention.place, message).fix("write the full name");
    }
}
