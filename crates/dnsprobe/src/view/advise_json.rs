//! Advice as JSON: schema `dnsprobe.advise/1`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use dnsprobe_lookup::ResolverFrom;
use dnsprobe_lookup::findings::doubtful_suffix;
use dnsprobe_resolv::Resolver;
use dnsprobe_resolv::whatif::{Conf, Dot, Origin, Risk, Setting, Unknown, Weighed};
use serde_json::{Value, json};

use super::patch::{self, Workload};

/// Where a name with a trailing dot does harm.
pub(crate) const DOT_UNSAFE: &str = "the name is part of an https, http or other TLS address: the name sent to the server \
                                     for its certificate must not end in a dot (RFC 6066 section 3), and a virtual \
                                     host may not match a Host header that does; anything else is fine";

/// What other settings would come to for one client.
pub(crate) struct Advised {
    pub(crate) target: Value,
    /// The target in a word.
    pub(crate) title: Option<String>,
    pub(crate) client: Option<IpAddr>,
    pub(crate) weighed: Weighed,
    pub(crate) conf: Conf,
    /// The resolver that the user named.
    pub(crate) given: Option<Resolver>,
    /// Those that were found in the target, of which the version is known.
    pub(crate) present: Vec<Resolver>,
    pub(crate) workload: Option<Workload>,
}

impl Advised {
    /// How a resolver came to be known.
    fn from(&self, resolver: Resolver) -> ResolverFrom {
        let found = |it: &Resolver| (it.id, it.version) == (resolver.id, resolver.version);
        match self.given {
            Some(_) => ResolverFrom::Given,
            None if self.present.iter().any(found) => ResolverFrom::Detected,
            None => ResolverFrom::Inferred,
        }
    }

    /// The setting that is recommended.
    pub(crate) fn recommended(&self) -> Option<&Setting> {
        let outlook = &self.weighed.outlook;
        outlook.settings.iter().find(|setting| Some(setting.ndots) == outlook.recommended)
    }
}

/// What is best for a workload: the setting that is safe for every pod of it and asks least in sum, and the questions it
/// saves.
pub(crate) fn best_for_workload(pods: &[&Advised]) -> Option<(u32, i64)> {
    let now = pods.iter().map(|it| it.weighed.ndots).max()?;
    let sums = (1..=5_u32).filter_map(|ndots| {
        let settings = pods.iter().flat_map(|it| &it.weighed.outlook.settings);
        let settings: Vec<&Setting> = settings.filter(|it| it.ndots == ndots).collect();
        let safe = settings.len() == pods.len() && settings.iter().all(|it| it.is_safe());
        let saved: i64 = settings.iter().map(|it| it.saved_questions).sum();
        (safe && saved > 0).then_some((saved, std::cmp::Reverse(now.abs_diff(ndots)), ndots))
    });
    sums.max().map(|(saved, _, ndots)| (ndots, saved))
}

/// The pods of each workload of which there are any.
pub(crate) fn by_workload(advised: &[Advised]) -> BTreeMap<&Workload, Vec<&Advised>> {
    let mut workloads: BTreeMap<&Workload, Vec<&Advised>> = BTreeMap::new();
    for it in advised {
        if let Some(workload) = &it.workload {
            workloads.entry(workload).or_default().push(it);
        }
    }
    workloads
}

/// One object per target and client.
pub(crate) fn advised_json(advised: &[Advised]) -> Vec<Value> {
    let workloads = by_workload(advised);
    advised
        .iter()
        .map(|it| {
            let mut line = one(it);
            if let Some(workload) = &it.workload {
                let best = best_for_workload(&workloads[workload]);
                line["workload"] = json!({
                    "namespace": workload.namespace,
                    "kind": workload.kind,
                    "name": workload.name,
                    "pods": workloads[workload].len(),
                    "recommended": best.map(|(ndots, _)| recommended(ndots, it)),
                });
            }
            line
        })
        .collect()
}

fn one(it: &Advised) -> Value {
    let weighed = &it.weighed;
    let outlook = &weighed.outlook;
    let first = weighed.resolvers.first().map(|(resolver, _)| resolver_json(*resolver, it.from(*resolver)));
    let resolvers: Vec<Value> = weighed
        .resolvers
        .iter()
        .map(|(resolver, lookups)| {
            let mut fields = resolver_json(*resolver, it.from(*resolver));
            fields["lookups"] = (*lookups).into();
            fields
        })
        .collect();
    json!({
        "schema": "dnsprobe.advise/1",
        "target": it.target,
        "client": it.client,
        "resolver": first,
        "resolvers": resolvers,
        "ndots": weighed.ndots,
        "search": weighed.search,
        "resolv_conf_from": if it.conf.origin == Origin::File { "file" } else { "traffic" },
        "lookups": weighed.lookups,
        "questions": weighed.questions,
        "whole_lookups": weighed.whole,
        "self_check": weighed.self_check(),
        "unexplained": weighed.unexplained.iter().map(|(name, lookups)| json!({"name": name, "lookups": lookups})).collect::<Vec<_>>(),
        "settings": outlook.settings.iter().map(setting).collect::<Vec<_>>(),
        "without_suffix": outlook.without_suffix.iter().map(setting).collect::<Vec<_>>(),
        "dots": outlook.dots.iter().map(|dot| self::dot(dot, &weighed.search)).collect::<Vec<_>>(),
        "risks": outlook.risks.iter().map(risk).collect::<Vec<_>>(),
        "recommended": outlook.recommended.map(|ndots| recommended(ndots, it)),
    })
}

/// The version is only known where it was given or found; what stands for an unknown one is none.
fn resolver_json(resolver: Resolver, from: ResolverFrom) -> Value {
    let known = matches!(from, ResolverFrom::Given | ResolverFrom::Detected);
    let version = known.then(|| resolver.version.to_string());
    json!({"id": resolver.id.as_str(), "version": version, "api": resolver.api, "from": from.as_str()})
}

/// Nanoseconds as microseconds.
pub(super) fn us(ns: i64) -> f64 {
    ns as f64 / 1_000.0
}

fn setting(setting: &Setting) -> Value {
    let changes: Vec<Value> = setting
        .changes
        .iter()
        .map(|it| {
            json!({
                "name": it.name,
                "lookups": it.lookups,
                "from": it.from.as_str(),
                "to": it.to.as_str(),
                "why": it.why,
            })
        })
        .collect();
    json!({
        "ndots": setting.ndots,
        "search": setting.search,
        "dropped": setting.dropped,
        "questions": setting.questions,
        "saved_questions": setting.saved_questions,
        "saved_us": us(setting.saved_ns),
        "saved_p50_us": us(setting.saved_p50_ns),
        "saved_p99_us": us(setting.saved_p99_ns),
        "changes": changes,
        "unknown": setting.unknown.iter().map(unknown).collect::<Vec<_>>(),
        "safe": setting.is_safe(),
    })
}

fn unknown(it: &Unknown) -> Value {
    json!({
        "name": it.name,
        "lookups": it.lookups,
        "asks": it.asks,
        "if_nxdomain": it.if_nxdomain.map(dnsprobe_resolv::Outcome::as_str),
    })
}

/// Where a name must not be written so: for all names, and for this one.
pub(crate) fn dot_unsafe(dot: &Dot, search: &[String]) -> String {
    match doubtful_suffix(&dot.name, &dot.write, search) {
        Some(suffix) => {
            format!("another host is meant than the one that {suffix} answered for; {DOT_UNSAFE}")
        }
        None => DOT_UNSAFE.to_owned(),
    }
}

fn dot(dot: &Dot, search: &[String]) -> Value {
    json!({
        "name": dot.name,
        "write": dot.write,
        "lookups": dot.lookups,
        "saves_questions": dot.saves_questions,
        "saves_us": us(dot.saves_ns),
        "unsafe_when": dot_unsafe(dot, search),
    })
}

fn risk(risk: &Risk) -> Value {
    json!({"resolver": risk.resolver.as_str(), "ndots": risk.ndots, "breaks": risk.breaks})
}

fn recommended(ndots: u32, it: &Advised) -> Value {
    let text = patch::patch(ndots, &it.conf, it.workload.as_ref());
    json!({
        "ndots": ndots,
        "kubectl": patch::kubectl(it.workload.as_ref()),
        "kustomize": patch::kustomize(&text, it.workload.as_ref()),
        "patch": text,
    })
}

#[cfg(test)]
mod tests {
    use dnsprobe_resolv::whatif::{Outlook, Stands};

    use super::*;

    /// Of a pod: what each `ndots` from 1 on saves of 100 questions; `None` where it is not safe.
    fn pod(name: &str, now: u32, saves: [Option<i64>; 5]) -> Advised {
        let setting = |(ndots, saved): (u32, Option<i64>)| Setting {
            ndots,
            search: Vec::new(),
            dropped: None,
            stands: if ndots == now { Stands::InForce } else { Stands::Tried },
            questions: 100 - saved.unwrap_or(0).unsigned_abs(),
            saved_questions: saved.unwrap_or(0),
            saved_ns: 0,
            saved_p50_ns: 0,
            saved_p99_ns: 0,
            changes: Vec::new(),
            unknown: match saved {
                Some(_) => Vec::new(),
                None => vec![Unknown { name: None, lookups: 1, asks: Vec::new(), if_nxdomain: None }],
            },
        };
        let settings = (1..).zip(saves).map(setting).collect();
        let target = json!({"namespace": "sre", "pod": name});
        Advised {
            title: Some(format!("sre/{name}")),
            client: None,
            weighed: Weighed {
                lookups: 10,
                questions: 100,
                whole: 10,
                explained: 10,
                unexplained: BTreeMap::new(),
                resolvers: Vec::new(),
                ndots: now,
                search: Vec::new(),
                outlook: Outlook { settings, ..Outlook::default() },
            },
            conf: Conf::default(),
            given: None,
            present: Vec::new(),
            workload: Workload::of(&target),
            target,
        }
    }

    #[test]
    fn a_workload_gets_what_is_safe_for_all_its_pods_and_saves_most_in_sum() {
        let pods = [
            pod("web-7d4b9c-x2x1z", 5, [Some(60), Some(50), Some(20), Some(20), Some(0)]),
            // What the first one may have, this one may not.
            pod("web-7d4b9c-abcde", 5, [None, Some(40), Some(20), Some(20), Some(0)]),
            pod("api-6c8d5f-hjk2l", 5, [Some(70), Some(70), Some(0), Some(0), Some(0)]),
        ];
        let workloads = by_workload(&pods);
        let sums: Vec<_> =
            workloads.iter().map(|(it, pods)| (it.title(), pods.len(), best_for_workload(pods))).collect();
        // On a tie the one nearest to today's.
        let api = ("sre/api Deployment".to_owned(), 1, Some((2, 70)));
        assert_eq!(sums, [api, ("sre/web Deployment".to_owned(), 2, Some((2, 90)))]);
        let lines = advised_json(&pods);
        for line in &lines[..2] {
            let workload = &line["workload"];
            assert_eq!((&workload["name"], &workload["pods"]), (&json!("web"), &json!(2)), "{line}");
            assert_eq!(workload["recommended"]["ndots"], 2, "{line}");
        }
    }

    #[test]
    fn a_workload_whose_pods_agree_on_nothing_gets_no_advice() {
        let pods = [
            pod("web-7d4b9c-x2x1z", 5, [Some(60), None, None, None, Some(0)]),
            pod("web-7d4b9c-abcde", 5, [None, Some(40), Some(0), Some(0), Some(0)]),
        ];
        let workloads = by_workload(&pods);
        assert!(workloads.values().all(|pods| best_for_workload(pods).is_none()));
        assert_eq!(advised_json(&pods)[0]["workload"]["recommended"], Value::Null);
    }
}
