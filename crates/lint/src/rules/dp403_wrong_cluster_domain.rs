//! DP403: Wrong cluster domain.

use crate::config::Config;
use crate::manifest::Pod;
use crate::names;
use crate::rule::prelude::*;
use crate::world::World;
use std::collections::HashSet;

pub(super) const RULE: Rule = Rule {
    code: "DP403",
    name: "wrong-cluster-domain",
    title: "Wrong cluster domain",
    severity: "warning",
    default: Default::On,
    check: Check::World(check),
    doc: Doc {
        what: "A search entry, a host or an externalName ends in svc.X where X is not the cluster domain, or a search entry is \
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

fn check(world: &World<'_>, out: &mut Findings) {
    for pod in world.pods() {
        check_searches(pod, world.config, out);
        check_hosts(pod, world, out);
    }
    for service in world.facts.iter().flat_map(|facts| &facts.services) {
        let Some(value) = &service.external_name else { continue };
        let text = value.text().unwrap_or_default();
        if let Some(wrong) = names::wrong_domain(text, 2, world.config) {
            out.add(Warning, &service.object, value.span, not_below(text, &wrong, world.config))
                .fix(format!("end it in svc.{}", world.config.domain()));
        }
    }
}

fn check_searches(pod: &Pod, config: &Config, out: &mut Findings) {
    let domain = config.domain();
    for item in pod.dns.searches() {
        let Some(text) = item.text() else { continue };
        let Some(wrong) = names::wrong_domain(text, 0, config).or_else(|| nearly(text, domain)) else {
            continue;
        };
        let message = format!("{wrong} is not the cluster domain {domain}: nothing below it resolves");
        let right = format!("{}{domain}", text.trim_end_matches('.').trim_end_matches(wrong.as_str()));
        out.add(Warning, &pod.object, item.span, message).suggest(
            item.span,
            right.clone(),
            format!("write {right}"),
        );
    }
}

fn check_hosts(pod: &Pod, world: &World<'_>, out: &mut Findings) {
    // What an alias answers need not resolve.
    let mut seen: HashSet<&str> = pod.aliases.iter().filter_map(Value::text).collect();
    for mention in world.mentions(pod) {
        let Some(wrong) = names::wrong_domain(&mention.host, 2, world.config) else { continue };
        if seen.insert(&mention.host) {
            out.at(Warning, &mention.place, not_below(&mention.host, &wrong, world.config))
                .fix(format!("end it in svc.{}", world.config.domain()));
        }
    }
}

fn not_below(name: &str, wrong: &str, config: &Config) -> String {
    format!("{name} ends in {wrong}, not in the cluster domain {}: it does not resolve", config.domain())
}

/// A whole entry that is almost a cluster domain.
fn nearly(text: &str, domain: &str) -> Option<String> {
    let text = text.trim_end_matches('.');
    let near = |known: &str| text != domain && strsim::osa_distance(text, known) <= 2;
    (near(domain) || (near("cluster.local") && text.contains("cluster"))).then(|| text.to_owned())
}
