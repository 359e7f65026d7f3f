//! DP206: Same option twice.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP206",
    name: "option-twice",
    title: "Same option twice",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "Two options of the same name.",
        why: "The kubelet keeps the last one; the others do nothing.",
        example: r#"spec:
  dnsConfig:
    options:
    - {name: ndots, value: "2"}
    - {name: ndots, value: "3"}
"#,
        fix: "Keep one. --fix removes the earlier ones.",
        source: "Kubernetes pkg/kubelet/network/dns/dns.go mergeDNSOptions.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let options = case.pod.dns.options();
    for (index, option) in options.iter().enumerate() {
        let Some((name, place)) = option.name().filter(|name| !name.is_empty()).zip(option.name) else {
            continue;
        };
        let Some(earlier) = options[..index].iter().rev().find(|earlier| earlier.name() == Some(name)) else {
            continue;
        };
        let message = format!("option {name} again: the kubelet keeps only the last one");
        out.add(Warning, &case.pod.object, place.span, message)
            .remove_safely(earlier.item.span, "remove the earlier one");
    }
}
