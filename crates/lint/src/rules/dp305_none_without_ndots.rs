//! DP305: None without ndots while dotted relative names are used.

use super::{servers, set_ndots};
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP305",
    name: "none-without-ndots",
    title: "None without ndots while dotted relative names are used",
    severity: "warning, error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "dnsPolicy None with searches but without ndots, and the pod uses names like svc.ns. An error for \
               musl.",
        why: "ndots is then 1: a name with a dot is sent upstream as it is first (glibc), or is never searched \
               at all (musl).",
        example: r"spec:
  dnsPolicy: None
  dnsConfig:
    nameservers: [10.32.0.10]
    searches: [orders.svc.cluster.local, svc.cluster.local, cluster.local]
  containers:
  - name: web
    image: web
    env:
    - {name: DB_HOST, value: db.billing.svc}
",
        fix: "Add the option ndots, with 1 more than the dots of the longest such name.",
        source: "Measured with glibc 2.36 and musl 1.2.3.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let applies =
        case.base == Base::None && !case.searches().is_empty() && case.pod.dns.option("ndots").is_none();
    let Some(least) = case.safe_ndots().filter(|_| applies && !servers::all_public(case)) else { return };
    for used in case.names.iter().filter(|used| used.is_searched_cluster() && used.dots() >= 1) {
        let (severity, effect) = if case.is_musl() {
            (Error, "musl never searches it")
        } else {
            (Warning, "glibc sends it upstream as it is first, musl never searches it")
        };
        let message = format!(
            "dnsPolicy None without ndots means ndots 1: {} has {} dots, {effect}",
            used.host(),
            used.dots()
        );
        out.at(severity, &used.mention.place, message).suggest_edit(
            set_ndots(case, &used.mention.place.object, least),
            format!("add the option ndots:{least}"),
        );
    }
}
