//! DP409: Too many suffixes.

use super::search_entry::{Grammar, grammar};
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP409",
    name: "too-many-suffixes",
    title: "Too many suffixes",
    severity: "warning, info",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "More than 6 suffixes in force; 6 are only info.",
        why: "Every external name with too few dots is asked under each of them. glibc before 2.26 and \
               kubelets before 1.26 stop at 6.",
        example: r"spec:
  dnsConfig:
    searches: [a.test, b.test, c.test, d.test]
",
        fix: "Remove what is not needed, and lower ndots.",
        source: "resolv.conf(5); Kubernetes feature gate ExpandedDNSConfig.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let count = case.searches().len();
    let refused = |item: &Value| item.text().is_none_or(|text| grammar(text) == Grammar::Invalid);
    // A list that the API server refuses never comes into force.
    if count < 6 || !case.searches_known() || case.pod.dns.searches().iter().any(refused) {
        return;
    }
    let severity = if count > 6 { Warning } else { Info };
    let span = case.pod.dns.searches().first().map_or(case.pod.span, |item| item.span);
    let message = format!(
        "{count} suffixes: an external name with fewer than {} dots asks {} names ({} packets with A and AAAA)",
        case.ndots,
        count + 1,
        2 * (count + 1)
    );
    out.add(severity, &case.pod.object, span, message)
        .fix("remove suffixes that are not needed, or lower ndots");
}
