//! DP403: Wrong cluster domain.

use crate::names;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP403",
    name: "wrong-cluster-domain",
    title: "Wrong cluster domain",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "A search entry or a host ends in svc.X where X is not the cluster domain, or a search entry is \
               nearly cluster.local. clusterset.local and the configured other domains are fine.",
        why: "It never resolves.",
        example: r#"spec:
  containers:
  - name: web
    image: web
    env:
    - {name: DB, value: "db.orders.svc.clusterlocal:5432"}
"#,
        fix: "Write the cluster's domain, or tell it with --cluster-domain.",
        source: "DNS for Services and Pods, Kubernetes documentation.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let domain = case.config.domain();
    for item in case.pod.dns.searches() {
        let Some(text) = item.text() else { continue };
        let Some(wrong) = names::wrong_domain(text, 0, case.config).or_else(|| nearly(text, domain)) else {
            continue;
        };
        let message = format!("{wrong} is not the cluster domain {domain}: nothing below it resolves");
        let right = format!("{}{domain}", text.trim_end_matches('.').trim_end_matches(wrong.as_str()));
        out.add(Warning, &case.pod.object, item.span, message).suggest(
            item.span,
            right.clone(),
            format!("write {right}"),
        );
    }
    for used in &case.names {
        if let Name::WrongDomain(wrong) = &used.name {
            let message = format!(
                "{} ends in {wrong}, not in the cluster domain {domain}: it does not resolve",
                used.host()
            );
            out.at(Warning, &used.mention.place, message).fix(format!("end it in svc.{domain}"));
        }
    }
}

/// A whole entry that is almost a cluster domain.
fn nearly(text: &str, domain: &str) -> Option<String> {
    let text = text.trim_end_matches('.');
    let near = |known: &str| text != domain && strsim::osa_distance(text, known) <= 2;
    (near(domain) || (near("cluster.local") && text.contains("cluster"))).then(|| text.to_owned())
}
