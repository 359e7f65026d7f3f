//! DP203: Numeric option without a whole number.

use crate::known;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP203",
    name: "number-expected",
    title: "Numeric option without a whole number",
    severity: "error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "ndots, timeout or attempts with a value that is absent, empty or not a whole number.",
        why: "Without a value the option replaces the cluster's `ndots:5` and both libcs then use 1. `-1` is \
               15 for glibc and 1 for musl; `2s` happens to be 2.",
        example: r"spec:
  dnsConfig:
    options:
    - name: ndots
",
        fix: "Give it a whole number in quotes.",
        source: "Kubernetes pkg/kubelet/network/dns/dns.go mergeDNSOptions; measured with glibc 2.36 and musl \
               1.2.3.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for option in case.pod.dns.options() {
        let Some(name) = option.name().filter(|name| known::NUMERIC_OPTIONS.contains(name)) else { continue };
        let text = match option.value.map(|value| &value.data) {
            None | Some(Data::Null) => "",
            Some(Data::Text(text)) => text.as_str(),
            // Of the wrong type: DP108 or DP109.
            Some(_) => continue,
        };
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        let span = option.value.filter(|value| !value.is_null()).map_or(option.item.span, |value| value.span);
        let message = match text {
            "" => format!("{name} without a value: it replaces the default and both libcs ignore it"),
            _ => format!("{name} {text:?} is no whole number: every resolver makes something else of it"),
        };
        out.add(Error, &case.pod.object, span, message).fix(format!("give {name} a whole number in quotes"));
    }
}
