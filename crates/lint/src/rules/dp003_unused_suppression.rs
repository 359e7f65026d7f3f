//! DP003: Suppression without effect.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP003",
    name: "unused-suppression",
    title: "Suppression without effect",
    severity: "info",
    default: Default::On,
    check: Check::Elsewhere,
    doc: Doc {
        what: "A comment, an annotation or the configuration file asks to ignore a rule that reports nothing there, or a \
               comment or annotation asks it for a code that does not exist.",
        why: "It hides the next real finding, or was mistyped and hides nothing.",
        example: r"spec:
  # dnsprobe: ignore DP101
  dnsPolicy: Default
",
        fix: "Remove it, or correct the code.",
        source: "This tool.",
    },
};
