//! DP001: Input is not YAML (template?).

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP001",
    name: "unreadable",
    title: "Input is not YAML (template?)",
    severity: "error, warning",
    default: Default::On,
    check: Check::Elsewhere,
    doc: Doc {
        what: "A document cannot be read as YAML or JSON, is not UTF-8, or has a mapping or list as a key. \
               Documents before and after it are still linted.",
        why: "Nothing in it is checked, and the API server would not read it either. Unrendered Helm templates \
               end here: they are not YAML.",
        example: r"apiVersion: v1
kind: Pod
metadata: {name: web
spec: {containers: []}
",
        fix: "Correct the syntax. For a chart, render it first: `helm template . | dnsprobe lint -`. Charts \
               are not rendered here.",
        source: "YAML 1.2.2; sigs.k8s.io/yaml.",
    },
};
