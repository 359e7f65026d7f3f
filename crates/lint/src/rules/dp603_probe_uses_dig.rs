//! DP603: Probe or init step resolves with nslookup or dig.

use crate::manifest::Role;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP603",
    name: "probe-uses-dig",
    title: "Probe or init step resolves with nslookup or dig",
    severity: "info",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "A probe, hook or init container runs nslookup, dig or host with a short name.",
        why: "They do not follow libc: dig searches only when told to, nslookup and host search by rules of \
               their own. They succeed or fail where the application does not.",
        example: r#"spec:
  initContainers:
  - name: wait
    image: busybox:1.36
    command: [sh, -c, "until nslookup db; do sleep 1; done"]
  containers:
  - name: web
    image: web
"#,
        fix: "Use getent hosts, or write the full name with a dot at its end.",
        source: "BIND bin/dig; kraken-lib issue 107.",
    },
};

const TOOLS: [&str; 3] = ["nslookup", "dig", "host"];

fn check(case: &Case<'_>, out: &mut Findings) {
    for command in case.pod.commands.iter().filter(|command| command.role != Role::Main) {
        let separate: Vec<&str> = command.words.iter().map(|(word, _)| word.as_str()).collect();
        let found = match short_name(case, &separate) {
            Some((tool, at)) => Some((tool, separate[at], command.words[at].1)),
            None => command.words.iter().find_map(|(word, span)| {
                let steps = word.split(['\n', ';', '|', '&', '(', ')', '`']);
                steps.map(|step| step.split_whitespace().collect::<Vec<_>>()).find_map(|words| {
                    let (tool, at) = short_name(case, &words)?;
                    Some((tool, words[at], *span))
                })
            }),
        };
        if let Some((tool, name, span)) = found {
            let message = format!("{tool} {name} does not search as the application's libc does");
            out.add(Info, &case.pod.object, span, message).fix(format!("use getent hosts {name}"));
        }
    }
}

/// The tool and the place of the short name it is asked for.
fn short_name<'w>(case: &Case<'_>, words: &[&'w str]) -> Option<(&'w str, usize)> {
    let base = |word: &'w str| word.rsplit('/').next().unwrap_or(word);
    let skip = ["until", "while", "if", "!", "exec", "timeout", "command", "then", "do"];
    let first = words.iter().position(|word| {
        !skip.contains(word)
            && !word.starts_with('-')
            && !word.bytes().all(|b| b.is_ascii_digit() || b == b's')
    })?;
    let tool = base(words[first]);
    if !TOOLS.contains(&tool) {
        return None;
    }
    let record = ["A", "AAAA", "ANY", "SRV", "TXT", "CNAME", "NS", "MX", "PTR", "SOA", "IN"];
    let is_name = |word: &str| {
        !word.starts_with(['-', '+', '@', '>', '<', '$', '"', '\''])
            && !record.contains(&word.to_ascii_uppercase().as_str())
    };
    let at = words.iter().skip(first + 1).position(|word| is_name(word))? + first + 1;
    is_short(case, words[at]).then_some((tool, at))
}

/// A name that only a search completes: one label, or a Service's name with its namespace.
fn is_short(case: &Case<'_>, name: &str) -> bool {
    let label = |label: &str| {
        label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && label.bytes().any(|b| b.is_ascii_alphabetic())
    };
    let labels: Vec<&str> = name.split('.').collect();
    labels.iter().all(|part| label(part))
        && match labels[..] {
            [_] => true,
            [service, namespace] => {
                case.world.has_service(namespace, service)
                    || (service, namespace) == ("kubernetes", "default")
            }
            _ => labels.last() == Some(&"svc"),
        }
}
