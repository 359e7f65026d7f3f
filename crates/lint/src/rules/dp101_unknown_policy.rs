//! DP101: Unknown dnsPolicy.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP101",
    name: "unknown-policy",
    title: "Unknown dnsPolicy",
    severity: "error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "dnsPolicy is none of ClusterFirst, ClusterFirstWithHostNet, Default and None. Case matters. \
               Absent, null and the empty string are the default and fine.",
        why: "The API server refuses the pod.",
        example: r"spec:
  dnsPolicy: clusterfirst
",
        fix: "Write one of the four names. The difference in case alone is corrected by --fix.",
        source: "Kubernetes pkg/apis/core/validation validateDNSPolicy.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let Some((_, value)) = &case.pod.dns.policy else { return };
    let text = match &value.data {
        Data::Null => return,
        Data::Text(text) if DnsPolicy::parse(text).is_some() => return,
        Data::Text(text) | Data::Number(text) | Data::Bool(_, text) => text.as_str(),
        Data::Sequence(_) | Data::Mapping(_) => "a list or mapping",
    };
    let message = format!("dnsPolicy {text:?} does not exist; the API server refuses the pod");
    let draft = out.add(case.refused(), &case.pod.object, value.span, message);
    let names = DnsPolicy::ALL.iter().map(|(name, _)| *name);
    match names.clone().find(|name| name.eq_ignore_ascii_case(text)) {
        Some(name) => draft.replace(value.span, name, format!("write {name}")),
        None => match names.min_by_key(|name| strsim::osa_distance(name, text)) {
            Some(name) if strsim::osa_distance(name, text) <= 4 => {
                draft.suggest(value.span, name, format!("did you mean {name}?"));
            }
            _ => draft.fix("write ClusterFirst, ClusterFirstWithHostNet, Default or None"),
        },
    }
}
