//! DP202: Value smuggled into the name.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP202",
    name: "value-in-the-name",
    title: "Value smuggled into the name",
    severity: "error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "An option name with a colon or blank in it, or an option value with a colon or blank.",
        why: "The kubelet keeps options by name and writes them in random order. `ndots:2` as a name stands \
               beside the cluster's `ndots:5`; glibc takes the last, musl the first, so pods of one Deployment \
               differ. `ndots 2` is ignored.",
        example: r"spec:
  dnsConfig:
    options:
    - name: ndots:2
",
        fix: "Write name and value apart; --fix does it.",
        source: "Kubernetes pkg/kubelet/network/dns/dns.go mergeDNSOptions; measured with glibc 2.36 and musl \
               1.2.3.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let bad = |text: &str| text.contains(|c: char| c == ':' || c.is_whitespace());
    for option in case.pod.dns.options() {
        if let (Some(value), Some(name)) = (option.name, option.name().filter(|name| bad(name))) {
            let message = format!(
                "option name {name:?} holds more than a name: it is written beside the option it was meant to replace, in \
                 random order"
            );
            let draft = out.add(Error, &case.pod.object, value.span, message);
            match split(name).filter(|_| option.value.is_none()) {
                Some((name, value)) => draft.write_option(option.item.span, name, Some(value)),
                None => draft.fix("write name and value apart, one option an entry"),
            }
        } else if let (Some(value), Some(text)) = (option.value, option.value().filter(|text| bad(text))) {
            let message = format!("option value {text:?} holds a colon or blank: it breaks the options line");
            out.add(Error, &case.pod.object, value.span, message).fix("write the value alone");
        }
    }
}

/// Name and value where the text is exactly these two.
fn split(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.trim().split_once([':', ' '])?;
    let clean = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (clean(name) && clean(value)).then_some((name, value))
}
