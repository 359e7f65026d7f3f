//! An explanation as JSON: schema `dnsprobe.explain/1`.

use dnsprobe_lookup::Lookup;
use dnsprobe_resolv::advice::Advice;
use dnsprobe_resolv::conf::Note;
use dnsprobe_resolv::{Family, Settings};
use serde_json::{Value, json};

use super::{Departing, Explained, Held, json};

/// One object for one name and resolver.
pub(crate) fn explained_json(explained: &Explained<'_>) -> Value {
    let Lookup { name, resolver, steps, outcome, addresses, .. } = explained.lookup;
    json!({
        "schema": "dnsprobe.explain/1",
        "name": name,
        "family": family(explained.family),
        "target": explained.target,
        "resolver": json::resolver(resolver),
        "resolv_conf": explained.settings.map(resolv_conf),
        "steps": json::steps(steps),
        "outcome": outcome.as_str(),
        "addresses": addresses,
        "error": explained.error,
        "totals": json::totals(explained.lookup),
        "findings": json::findings(explained.lookup),
        "observed": explained.held.map(held),
        "advice": explained.advice.iter().map(advice).collect::<Vec<_>>(),
    })
}

/// What was really asked: how many lookups, and which depart from the plan.
fn held(held: &Held) -> Value {
    let departing = |it: &Departing| json!({"client": it.client, "start": it.start.map(json::time), "message": it.message});
    json!({
        "lookups": held.lookups,
        "as_planned": held.as_planned,
        "departures": held.departing.iter().map(departing).collect::<Vec<_>>(),
    })
}

fn family(family: Family) -> &'static str {
    match family {
        Family::Unspec => "unspec",
        Family::Inet => "inet",
        Family::Inet6 => "inet6",
    }
}

fn resolv_conf(settings: &Settings) -> Value {
    let nameservers: Vec<&str> = settings.nameservers.iter().map(|server| server.text.as_str()).collect();
    let search: Vec<String> = settings.search.iter().map(ToString::to_string).collect();
    let note = |note: &Note| json!({"line": note.line, "column": note.column, "message": note.what});
    json!({
        "nameservers": nameservers,
        "search": search,
        "ndots": settings.ndots,
        "timeout_s": seconds(settings.timeout_ms),
        "attempts": settings.attempts,
        "notes": settings.notes.iter().map(note).collect::<Vec<_>>(),
    })
}

/// Whole seconds as an integer, as every file has them.
fn seconds(ms: u64) -> Value {
    if ms.is_multiple_of(1_000) { json!(ms / 1_000) } else { json!(ms as f64 / 1_000.0) }
}

fn advice(advice: &Advice) -> Value {
    json!({
        "kind": advice.kind.as_str(),
        "saves_questions": advice.saves_questions,
        "saves_us": advice.saves_us,
        "breaks": advice.breaks,
        "patch": advice.patch,
    })
}
