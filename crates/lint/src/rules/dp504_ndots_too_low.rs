//! DP504: ndots too low for a name in use.

use super::set_ndots;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP504",
    name: "ndots-too-low",
    title: "ndots too low for a name in use",
    severity: "warning, error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "A relative cluster name (its Service is in the input, or it ends in .svc) has at least ndots \
               dots. An error when the image uses musl.",
        why: "musl then never searches: the name fails. glibc sends it upstream as it is first, which leaks \
               it, costs a name more, and may be answered by a stranger.",
        example: r#"spec:
  dnsConfig:
    options:
    - {name: ndots, value: "2"}
  containers:
  - name: web
    image: web
    env:
    - {name: DB, value: "http://db.billing.svc:8080"}
"#,
        fix: "Raise ndots, or write the full name with a dot at its end.",
        source: "Measured with glibc 2.36 and musl 1.2.3.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let without_ndots = case.base == Base::None && case.pod.dns.option("ndots").is_none();
    // Without servers that know the name, or without a list, other rules say what is wrong.
    if case.base == Base::Host
        || without_ndots
        || case.searches().is_empty()
        || super::servers::all_public(case)
    {
        return;
    }
    for used in
        case.names.iter().filter(|used| used.is_searched_cluster() && used.dots() >= case.ndots.max(1))
    {
        let (severity, effect) = if case.is_musl() {
            (Error, "musl never searches it, so it fails")
        } else {
            (Warning, "glibc sends it upstream as it is first, musl never searches it")
        };
        let message =
            format!("{} has {} dots and ndots is {}: {effect}", used.host(), used.dots(), case.ndots);
        let least = used.dots() + 1;
        let full = used.name.answered_as(used.host(), case.namespace, case.config.domain());
        out.at(severity, &used.mention.place, message).suggest_edit(
            set_ndots(case, &used.mention.place.object, case.safe_ndots().unwrap_or(least)),
            format!("raise ndots to {least}, or write {full}. with a dot at its end"),
        );
    }
}
