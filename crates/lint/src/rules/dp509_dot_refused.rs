//! DP509: Trailing dot where the API refuses it.

use crate::rule::prelude::*;
use crate::world::World;

pub(super) const RULE: Rule = Rule {
    code: "DP509",
    name: "dot-refused",
    title: "Trailing dot where the API refuses it",
    severity: "error",
    default: Default::On,
    check: Check::World(check),
    doc: Doc {
        what: "A host of an Ingress or a Gateway route, a name in hostAliases, or a webhook or APIService name \
               ends in a dot. externalName may.",
        why: "The API server refuses the object.",
        example: r"apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: orders}
spec:
  rules:
  - host: web.example.com.
",
        fix: "Cut the dot; --fix does it.",
        source: "Kubernetes pkg/apis/networking/validation, pkg/apis/core/validation ValidateHostAliases.",
    },
};

fn check(world: &World<'_>, out: &mut Findings) {
    let refused = world.facts.iter().flat_map(|facts| &facts.refused_dots);
    let aliases = world
        .pods()
        .flat_map(|pod| pod.aliases.iter().map(|alias| (&pod.object, alias, "hostAliases[].hostnames")));
    let named = refused.map(|refused| (&refused.object, &refused.name, refused.field));
    for (object, value, field) in named.chain(aliases) {
        let Some(bare) = value.text().and_then(|text| text.strip_suffix('.')) else { continue };
        let message = format!("{field} {bare}. ends in a dot: the API server refuses it");
        out.add(Error, object, value.span, message).replace(value.span, bare, format!("write {bare}"));
    }
}
