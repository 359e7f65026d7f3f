//! DP511: hostAliases shadows a name.

use crate::rule::prelude::*;
use std::collections::HashSet;

pub(super) const RULE: Rule = Rule {
    code: "DP511",
    name: "alias-shadows-name",
    title: "hostAliases shadows a name",
    severity: "info",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "A name in hostAliases is also used in the pod's inputs.",
        why: "It is answered from /etc/hosts: no DNS, and no change when DNS changes. Rules about cost leave \
               it out.",
        example: r#"spec:
  hostAliases:
  - ip: 192.0.2.1
    hostnames: [db.example.com]
  containers:
  - name: web
    image: web
    env:
    - {name: DB, value: "db.example.com:5432"}
"#,
        fix: "Remove the alias if DNS is meant.",
        source: "hosts(5); nsswitch.conf(5).",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let hosts: HashSet<&str> = case.mentions.iter().map(|mention| &*mention.host).collect();
    for alias in &case.pod.aliases {
        let Some(name) = alias.text() else { continue };
        if hosts.contains(name) {
            let message = format!("{name} comes from hostAliases: DNS is not asked for it");
            out.add(Info, &case.pod.object, alias.span, message).fix("remove the alias if DNS is meant");
        }
    }
}
