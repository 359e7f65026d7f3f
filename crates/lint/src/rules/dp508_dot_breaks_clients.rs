//! DP508: Trailing dot where clients break.

use crate::manifest::{Form, Scheme};
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP508",
    name: "dot-breaks-clients",
    title: "Trailing dot where clients break",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "A host with a dot at its end in an http, https, ws, wss or grpcs URL.",
        why: "TLS server names carry no dot (RFC 6066) and HTTP servers match the Host header as sent: Istio, \
               Envoy, Traefik and ingress-nginx answer 404 or with another certificate.",
        example: r#"spec:
  containers:
  - name: web
    image: web
    env:
    - {name: API, value: "https://api.example.com./v1"}
"#,
        fix: "Remove the dot and lower ndots instead.",
        source: "RFC 6066 section 3; ingress-nginx issue 4243, traefik issue 9157, istio issue 18904.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let mut seen = std::collections::HashSet::new();
    for mention in case.mentions.iter().filter(|mention| mention.absolute) {
        if mention.form == Form::Url(Scheme::NamesHost) && seen.insert(&mention.host) {
            let message = format!(
                "{}. keeps its dot in the Host header or server name: proxies and certificates do not match",
                mention.host
            );
            out.at(Warning, &mention.place, message).fix("remove the dot and lower ndots instead");
        }
    }
}
