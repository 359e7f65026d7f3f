//! DP503: Cluster FQDN still searched.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP503",
    name: "full-name-searched",
    title: "Cluster FQDN still searched",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "A name that ends in the cluster domain, without a dot at its end, has fewer dots than ndots.",
        why: "db.orders.svc.cluster.local has 4 dots: with ndots 5 every suffix is tried before it.",
        example: r#"spec:
  containers:
  - name: web
    image: web
    env:
    - {name: DB, value: "db.orders.svc.cluster.local:5432"}
"#,
        fix: "End it in a dot, or write svc.ns, or lower ndots to 4.",
        source: "Measured with glibc 2.36 and musl 1.2.3.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    if case.base == Base::Host {
        return;
    }
    for used in case.names.iter().filter(|used| used.name == Name::Full && case.is_searched(used)) {
        let Some(cost) = case.cost(used) else { continue };
        let message = format!(
            "{} is complete but asks {cost} per lookup: {} dots are fewer than ndots {}",
            used.host(),
            used.dots(),
            case.ndots
        );
        out.at(Warning, &used.mention.place, message).fix("end it in a dot, or use the short form svc.ns");
    }
}
