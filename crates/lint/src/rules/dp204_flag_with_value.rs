//! DP204: Flag option with a value.

use super::is_off;
use crate::known;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP204",
    name: "flag-with-value",
    title: "Flag option with a value",
    severity: "warning, error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "An option that takes no value has one. An error when the value reads as off (false, 0, no, off).",
        why: "glibc matches the beginning of the word: `use-vc:false` switches TCP on. musl ignores it either \
               way.",
        example: r#"spec:
  dnsConfig:
    options:
    - name: use-vc
      value: "false"
"#,
        fix: "Drop the value, or the option when it was meant to be off.",
        source: "glibc resolv/res_init.c res_setoptions; measured with glibc 2.36.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for option in case.pod.dns.options() {
        let (Some(name), Some(value)) = (option.name(), option.value()) else { continue };
        if !known::OPTIONS.contains(&name) || known::NUMERIC_OPTIONS.contains(&name) {
            continue;
        }
        let span = option.place().span;
        if is_off(value) {
            let message = format!("{name} is a flag: {value:?} does not switch it off, glibc switches it on");
            out.add(Error, &case.pod.object, span, message).remove(option.item.span, "remove the option");
        } else {
            let message = format!("{name} is a flag and takes no value; {value:?} is ignored");
            let draft = out.add(Warning, &case.pod.object, span, message);
            if option.item.entries().len() == 2 {
                draft.write_option(option.item.span, name, None);
            } else {
                draft.fix("drop the value");
            }
        }
    }
}
