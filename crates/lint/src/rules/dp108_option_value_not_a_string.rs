//! DP108: Option value is not a string.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP108",
    name: "option-value-not-a-string",
    title: "Option value is not a string",
    severity: "error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "The value of an option is a YAML number or bool, for instance `value: 2`. Kubernetes reads YAML \
               1.1: `on`, `0755`, `1_000` and `0x1f` are no strings either.",
        why: "The field is a string: the manifest does not decode.",
        example: r"spec:
  dnsConfig:
    options:
    - name: ndots
      value: 2
",
        fix: "Put the value in quotes; --fix does it.",
        source: "Kubernetes core/v1 PodDNSConfigOption; measured with sigs.k8s.io/yaml.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for option in case.pod.dns.options() {
        for (field, value) in [("value", option.value), ("name", option.name)] {
            let Some(value) = value else { continue };
            let (kind, text) = match &value.data {
                Data::Number(text) => ("a number", text),
                Data::Bool(_, text) => ("a bool", text),
                _ => continue,
            };
            let message = format!(
                "option {field} {text} is {kind} to Kubernetes, not a string: the manifest does not decode"
            );
            let draft = out.add(case.refused(), &case.pod.object, value.span, message);
            if value.style == Style::Plain {
                draft.replace(value.span, format!("\"{text}\""), format!("write \"{text}\""));
            }
        }
    }
}
