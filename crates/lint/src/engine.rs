//! Runs the rules over the facts of an input.

use crate::case::Case;
use crate::config::{Config, Suppressions};
use crate::diagnostic::{Diagnostic, Fix, Safety, Severity};
use crate::manifest::{self, Facts, Input, Template, Trust, Unreadable};
use crate::rule::{Check, Default, Findings, Rule};
use crate::rules::{self, RULES};
use crate::suppress;
use crate::world::World;
use std::collections::{HashMap, HashSet};

/// Pods that read the same `ConfigMap` find the same in it: repetitions go as soon as there are so many findings more.
const MOST_REPEATED: usize = 100_000;

/// What was found in an input.
#[derive(Debug)]
pub struct Report {
    /// Findings in the order of the texts, then of their places, each once.
    pub diagnostics: Vec<Diagnostic>,
    /// Kubernetes objects in the input.
    pub objects: usize,
    /// What was assumed, for printing once, since every figure rests on it.
    pub assumptions: Vec<String>,
}

/// Reads one text. Needs no other text: may run in parallel.
pub fn scan(input: Input<'_>) -> Facts {
    manifest::read(input)
}

/// Judges all texts together.
pub fn judge(facts: &[Facts], config: &Config) -> Report {
    let world = World::of(facts, config);
    let rules = Rules::of(config);
    let mut found: Vec<Diagnostic> = facts.iter().flat_map(unreadable).collect();
    let mut room = MOST_REPEATED;
    for pod in world.pods() {
        rules.judge(&Case::of(pod, &world), &mut found);
        if found.len() > room {
            found = ordered(facts, found);
            room = 2 * found.len() + MOST_REPEATED;
        }
    }
    for rule in RULES {
        if let Check::World(check) = rule.check {
            let mut findings = Findings::new(rule.code);
            check(&world, &mut findings);
            found.append(&mut findings.list);
        }
    }
    if config.suppressions == Suppressions::Honoured {
        suppress::apply(facts, config, &mut found);
    }
    found.retain(|diagnostic| rules.enabled.contains(diagnostic.code));
    Report {
        diagnostics: ordered(facts, found),
        objects: facts.iter().map(Facts::objects).sum(),
        assumptions: config.assumptions(),
    }
}

/// Whether a rule takes part, by its code.
pub fn is_enabled(code: &str, config: &Config) -> bool {
    let listed = |codes: &[String]| codes.iter().any(|known| known == code);
    let wanted = match config.select[..] {
        [] => rules::find(code).is_some_and(|rule| rule.default == Default::On),
        _ => listed(&config.select),
    };
    wanted && !listed(&config.ignore)
}

/// The rules about pods in the order they run, and the codes of all that take part.
struct Rules {
    shape: Vec<&'static Rule>,
    rest: Vec<&'static Rule>,
    enabled: HashSet<&'static str>,
}

impl Rules {
    fn of(config: &Config) -> Rules {
        let (shape, rest): (Vec<&Rule>, Vec<&Rule>) = RULES.iter().partition(|rule| is_shape(rule.code));
        let enabled: HashSet<&str> =
            RULES.iter().map(|rule| rule.code).filter(|code| is_enabled(code, config)).collect();
        Rules { shape, rest: rest.into_iter().filter(|rule| enabled.contains(rule.code)).collect(), enabled }
    }

    /// Shape rules always run, since a broken shape keeps the cost rules out; the others when they take part.
    fn judge(&self, case: &Case<'_>, found: &mut Vec<Diagnostic>) {
        // With settings that are filled in later, only what stands around them can be judged.
        let templated = case.pod.dns.is_templated();
        let applies = |rule: &&&Rule| !templated || rule.code.starts_with("DP6");
        let before = found.len();
        for rule in self.shape.iter().filter(applies) {
            run(rule, case, found);
        }
        let refused = |diagnostic: &Diagnostic| {
            diagnostic.severity == Severity::Error || case.pod.trust == Trust::Embedded
        };
        let broken = found[before..].iter().any(refused);
        for rule in self.rest.iter().filter(applies) {
            if !(broken && rule.code.starts_with("DP5")) {
                run(rule, case, found);
            }
        }
    }
}

fn is_shape(code: &str) -> bool {
    code.starts_with("DP0") || code.starts_with("DP1")
}

fn run(rule: &Rule, case: &Case<'_>, found: &mut Vec<Diagnostic>) {
    if let Check::Pod(check) = rule.check {
        let mut findings = Findings::new(rule.code);
        check(case, &mut findings);
        found.append(&mut findings.list);
    }
}

fn unreadable(facts: &Facts) -> Vec<Diagnostic> {
    let Some(path) = &facts.path else { return Vec::new() };
    let diagnostic = |unreadable: &Unreadable| {
        let severity = if unreadable.template == Template::No { Severity::Error } else { Severity::Warning };
        let (message, fix) = match unreadable.template {
            Template::Likely => (
                format!("looks like a Helm template, not YAML ({})", unreadable.message),
                "render it first: helm template . | dnsprobe lint -",
            ),
            _ => (format!("cannot be read: {}", unreadable.message), "correct the syntax"),
        };
        let fix = Some(Fix { text: fix.to_owned(), safety: Safety::Suggested, edits: Vec::new() });
        Diagnostic { severity, fix, ..manifest::bare(path, unreadable.span, "DP001", message) }
    };
    facts.unreadable.iter().map(diagnostic).collect()
}

/// By text, place, code and message, each finding once. Keys hold no copies: there may be very many findings.
fn ordered(facts: &[Facts], mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let paths = facts.iter().enumerate().filter_map(|(order, facts)| Some((facts.path.as_deref()?, order)));
    let order: HashMap<&str, usize> = paths.collect();
    found.sort_by_cached_key(|diagnostic| {
        let (start, end) = (diagnostic.span.start, diagnostic.span.end);
        (order.get(&*diagnostic.path).copied(), start, diagnostic.code, end)
    });
    let place = |diagnostic: &Diagnostic| (diagnostic.span, diagnostic.code);
    let beside = |one: &Diagnostic, next: &Diagnostic| place(one) == place(next) && one.path == next.path;
    for same in found.chunk_by_mut(beside) {
        same.sort_by(|one, next| one.message.cmp(&next.message));
    }
    found.dedup_by(|next, one| beside(one, next) && one.message == next.message);
    found
}
