//! DP407: Suffix that answers everything.

use crate::known;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP407",
    name: "suffix-answers-everything",
    title: "Suffix that answers everything",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "An entry of searches is a public suffix (com, co.uk ...) or lies in a zone with a wildcard \
               record (nip.io, sslip.io ...).",
        why: "Every external name is answered under such a suffix, by a stranger: the search stops at the \
               wrong host.",
        example: r"spec:
  dnsConfig:
    searches: [10.0.0.1.nip.io]
",
        fix: "Remove it.",
        source: "Public suffix list (psl 2.1.247); k3s issue 2801, kubernetes issue 49113.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for item in case.pod.dns.searches() {
        let Some(text) = item.text().map(|text| text.trim_end_matches('.').to_ascii_lowercase()) else {
            continue;
        };
        let why = match text.as_str() {
            name if known::is_wildcard_zone(name) => "answers every name below it",
            name if known::is_public_suffix(name) => "is a public suffix: anyone may own the names below it",
            _ => continue,
        };
        let message = format!("the suffix {text} {why}; external names end at the wrong host");
        out.add(Warning, &case.pod.object, item.span, message).fix("remove it");
    }
}
