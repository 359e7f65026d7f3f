//! DP106: Invalid search entry.

use super::search_entry::{Grammar, grammar};
use crate::config::KubeVersion;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP106",
    name: "invalid-search-entry",
    title: "Invalid search entry",
    severity: "error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "An entry of dnsConfig.searches is not a lower-case RFC 1123 subdomain after one trailing dot is \
               cut: upper case, a wildcard, a URL, an empty label, empty. Underscores and a lone dot need \
               Kubernetes 1.33.",
        why: "The API server refuses the pod.",
        example: r"spec:
  dnsConfig:
    searches: [Corp.Test]
",
        fix: "Write the plain suffix in lower case.",
        source: "Kubernetes pkg/apis/core/validation ValidateDNS1123SubdomainWithUnderScore, feature gate \
               RelaxedDNSSearchValidation.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for item in case.pod.dns.searches() {
        let text = match &item.data {
            Data::Null => "",
            Data::Text(text) => text,
            _ => continue,
        };
        let why = match grammar(text) {
            Grammar::Strict => continue,
            Grammar::Relaxed if case.config.version() >= KubeVersion::RELAXED_SEARCHES => continue,
            Grammar::Relaxed => "needs Kubernetes 1.33",
            Grammar::Invalid => "is no lower-case DNS name",
        };
        let message = format!("search entry {text:?} {why}; the API server refuses the pod");
        let draft = out.add(case.refused(), &case.pod.object, item.span, message);
        let lower = text.to_ascii_lowercase();
        let bare = lower.split_once("://").map_or(lower.as_str(), |(_, rest)| rest);
        let bare =
            bare.trim_start_matches("*.").trim_start_matches('.').split('/').next().unwrap_or_default();
        if grammar(&lower) == Grammar::Strict {
            draft.replace(item.span, lower.clone(), format!("write {lower}"));
        } else if grammar(bare) == Grammar::Strict {
            draft.suggest(item.span, bare, format!("write {bare}"));
        } else {
            draft.fix("write a DNS name");
        }
    }
}
