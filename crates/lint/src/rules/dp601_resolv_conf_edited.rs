//! DP601: resolv.conf edited at run time.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP601",
    name: "resolv-conf-edited",
    title: "resolv.conf edited at run time",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "A command, argument or hook writes to /etc/resolv.conf (redirection, sed -i, tee).",
        why: "The edit is lost at restart, races with start-up and fails where the file is read-only (CRI-O). \
               dnsConfig does the same reliably.",
        example: r#"spec:
  containers:
  - name: web
    image: web
    command: [sh, -c, "echo 'options ndots:1' >> /etc/resolv.conf && exec web"]
"#,
        fix: "Use dnsConfig.",
        source: "Azure/AKS issue 667; CRI-O internal/lib/sandbox/infra.go.",
    },
};

const FILE: &str = "/etc/resolv.conf";

fn check(case: &Case<'_>, out: &mut Findings) {
    for command in &case.pod.commands {
        let script = command.words.iter().find(|(word, _)| word.split(['\n', ';', '|', '&']).any(writes));
        let whole = command.words.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>().join(" ");
        let separate = || command.words.iter().find(|(word, _)| word == FILE).filter(|_| writes(&whole));
        if let Some((_, span)) = script.or_else(separate) {
            let message = "edits /etc/resolv.conf at run time: lost at restart, racing with start-up, read-only on CRI-O";
            out.add(Warning, &case.pod.object, *span, message).fix("use dnsConfig");
        }
    }
}

/// One simple command that writes to the file.
fn writes(step: &str) -> bool {
    let redirected = step.match_indices('>').any(|(at, _)| {
        let target = step[at + 1..].trim_start_matches('>').trim_start().trim_start_matches(['"', '\'']);
        target
            .strip_prefix(FILE)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "._-/".contains(c)))
    });
    let words: Vec<&str> = step.split_whitespace().map(|word| word.trim_matches(['"', '\''])).collect();
    let names_file = words.contains(&FILE);
    let runs = |tool: &str| words.iter().any(|word| word.rsplit('/').next() == Some(tool));
    let in_place = words.iter().any(|word| word.starts_with("-i") || *word == "--in-place");
    let copied = words.last() == Some(&FILE) && ["cp", "mv", "ln", "install"].into_iter().any(runs);
    redirected || copied || (names_file && ((runs("sed") && in_place) || runs("tee")))
}
