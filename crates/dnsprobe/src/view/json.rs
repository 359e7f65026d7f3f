//! Lookups and sums as JSON, one object a line: schemas `dnsprobe.lookup/1` and `dnsprobe.summary/1`.

use std::io::{self, Write};

use dnsprobe_lookup::datagram::Skipped;
use dnsprobe_lookup::summary::Entry;
use dnsprobe_lookup::{Evidence, Lookup, Nanos, Question, ResolverFrom, ResolverSeen, Step, Timestamp};
use serde_json::{Map, Value, json};

use super::captured::captured_json;
use super::json_line::LineWriter;
use super::{Closing, Output, Reporter, SeenAt, Told};

/// Writes one JSON object a line.
pub(crate) struct JsonLines {
    output: Output,
    shown: Shown,
    writer: LineWriter,
}

/// What is written beside the summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Lookups,
    SummaryOnly,
}

impl JsonLines {
    pub(crate) fn new(output: Output, shown: Shown) -> Self {
        Self { output, shown, writer: LineWriter::default() }
    }

    fn line(&mut self, value: &Value) -> io::Result<()> {
        serde_json::to_writer(&mut self.output, value)?;
        self.output.write_all(b"\n")?;
        self.output.flush()
    }
}

impl Reporter for JsonLines {
    fn lookup(&mut self, lookup: &Lookup, seen_at: &SeenAt) -> io::Result<()> {
        match self.shown {
            Shown::Lookups => self.output.write_all(self.writer.lookup(lookup, seen_at)),
            Shown::SummaryOnly => Ok(()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    fn tick(&mut self, _: Timestamp) -> io::Result<()> {
        Ok(())
    }

    fn close(&mut self, closing: &Closing<'_>) -> io::Result<()> {
        self.line(&summary_json(closing))
    }
}

/// Where a lookup was seen: in the pod, and in which container of it where that was told.
pub(super) fn target(seen_at: &SeenAt) -> Value {
    let mut target = seen_at.target.clone();
    let container = seen_at.asked_by.as_ref().and_then(|by| by.container.as_ref());
    if let (Some(container), true) = (container, target["kind"] == "pod") {
        target["container"] = container.as_str().into();
    }
    target
}

/// Which of those that share the target asked.
pub(super) fn asked_by(seen_at: &SeenAt) -> Option<Value> {
    let by = seen_at.asked_by.as_ref()?;
    Some(json!({"pid": by.pid, "program": by.program, "told_by": by.told_by}))
}

/// What a line says; `LineWriter` writes it by hand.
#[cfg(test)]
pub(super) fn lookup_json(lookup: &Lookup, seen_at: &SeenAt) -> Value {
    json!({
        "type": "lookup",
        "schema": "dnsprobe.lookup/1",
        "start": lookup.start.map(time),
        "client": lookup.client,
        "name": lookup.name,
        "resolver": resolver(&lookup.resolver),
        "certain": lookup.certain,
        "partial": lookup.partial,
        "steps": steps(&lookup.steps),
        "outcome": lookup.outcome.as_str(),
        "addresses": lookup.addresses,
        "totals": totals(lookup),
        "findings": findings(lookup),
        "target": target(seen_at),
        "asked_by": asked_by(seen_at),
    })
}

/// `resolver` of a lookup or an explanation.
pub(super) fn resolver(seen: &ResolverSeen) -> Value {
    let mut fields =
        json!({"id": seen.known_id(), "version": seen.version, "api": seen.api, "from": seen.from.as_str()});
    if seen.from == ResolverFrom::Inferred {
        fields["evidence"] = seen.evidence.into();
    }
    fields
}

/// `steps` of a lookup or an explanation.
pub(super) fn steps(steps: &[Step]) -> Vec<Value> {
    let step = |step: &Step| {
        let mut fields = json!({
            "candidate": step.candidate,
            "suffix": step.suffix,
            "outcome": step.outcome.as_str(),
            "added_us": step.added.map(Nanos::as_micros),
            "wasted": step.wasted,
            "questions": step.questions.iter().map(question).collect::<Vec<_>>(),
        });
        if let Some(why) = &step.why {
            fields["why"] = why.as_str().into();
        }
        fields
    };
    steps.iter().map(step).collect()
}

fn question(question: &Question) -> Value {
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    put("qname", (&*question.qname).into());
    put("qtype", question.qtype.to_string().into());
    put("server", question.server.to_string().into());
    put("transport", question.transport.as_str().into());
    put("round", question.round.into());
    put("outcome", question.outcome.as_str().into());
    if let Some(sent) = question.sent {
        put("sent", time(sent).into());
    }
    put("latency_us", question.latency.map(Nanos::as_micros).into());
    if let Some(alias) = &question.alias {
        put("alias", (&**alias).into());
    }
    if let Some(upstream) = question.upstream {
        put("upstream_us", upstream.as_micros().into());
    }
    Value::Object(fields)
}

/// `totals` of a lookup or an explanation.
pub(super) fn totals(lookup: &Lookup) -> Value {
    let totals = lookup.totals();
    json!({
        "questions": totals.questions,
        "wasted_questions": totals.wasted_questions,
        "latency_us": totals.latency.map(Nanos::as_micros),
        "added_by_search_us": totals.added_by_search.map(Nanos::as_micros),
    })
}

/// `findings` of a lookup or an explanation.
pub(super) fn findings(lookup: &Lookup) -> Vec<Value> {
    let finding = |finding: &dnsprobe_lookup::Finding| {
        json!({
            "code": finding.code.as_str(),
            "message": finding.message,
            "evidence": finding.evidence.iter().map(evidence).collect::<Vec<_>>(),
        })
    };
    lookup.findings.iter().map(finding).collect()
}

fn evidence(evidence: &Evidence) -> Value {
    json!({
        "qname": evidence.qname,
        "qtype": evidence.qtype.to_string(),
        "server": evidence.server,
        "outcome": evidence.outcome.as_str(),
        "sent": evidence.sent.map(time),
        "latency_us": evidence.latency.map(Nanos::as_micros),
    })
}

fn summary_json(closing: &Closing<'_>) -> Value {
    let Closing { summary, counters, .. } = closing;
    let mut sums = json!({
        "type": "summary",
        "schema": "dnsprobe.summary/1",
        "frames": counters.frames,
        "messages": counters.messages,
        "malformed": counters.malformed,
        "skipped": counters.skipped_total(),
        "fragments": counters.skipped.get(&Skipped::Fragment).copied().unwrap_or(0),
        "copies": counters.leftovers.copies,
        "unmatched_answers": counters.leftovers.unmatched_answers,
        "given_up": counters.given_up.lookups + counters.given_up.messages + counters.leftovers.forgotten,
        "dropped_by_kernel": closing.dropped_by_kernel,
        "lookups": summary.lookups,
        "questions": summary.questions,
        "wasted_questions": summary.wasted_questions,
        "unanswered": summary.unanswered,
        "latency_us": summary.latency.as_micros(),
        "lookups_without_latency": summary.endless,
        "added_by_search_us": summary.added_by_search.as_micros(),
        "autopath_lookups": summary.autopath,
        "node_cache_questions": summary.to_node_cache,
        "by_suffix": entries(&summary.by_suffix(), "suffix"),
        "by_name": entries(&summary.by_name(), "name"),
        "by_target": entries(&summary.by_target(), "target"),
        "inferred": inferred(closing),
    });
    if let (false, Some(fields)) = (closing.captured.is_empty(), sums.as_object_mut()) {
        fields.extend(captured_json(closing.captured));
    }
    if let (Some(grown), Some(fields)) = (&closing.conntrack, sums.as_object_mut()) {
        let grown =
            json!({"insert_failed": grown.insert_failed, "drop": grown.drop, "early_drop": grown.early_drop});
        fields.insert("conntrack".to_owned(), grown);
    }
    if let (Some(beside), Some(fields)) = (&closing.beside, sums.as_object_mut()) {
        fields.insert("told_by".to_owned(), (beside.told == Told::BySocket).then_some("socket").into());
        fields.insert("frames_of_others".to_owned(), beside.others.into());
        fields.insert("frames_of_unknown".to_owned(), beside.unknown.into());
    }
    sums
}

fn entries(entries: &[Entry], key: &str) -> Vec<Value> {
    let entry = |entry: &Entry| {
        let mut fields = Map::new();
        fields.insert(key.to_owned(), entry.key.clone().into());
        if entry.key.is_none() {
            fields.insert("others".to_owned(), entry.others.into());
        }
        let cost = entry.cost;
        let added = if key == "suffix" { cost.latency } else { Some(cost.added_by_search) };
        for (name, value) in [
            ("lookups", json!(cost.lookups)),
            ("questions", json!(cost.questions)),
            ("wasted_questions", json!(cost.wasted_questions)),
            ("unanswered", json!(cost.unanswered)),
            ("latency_us", json!(cost.latency.map(Nanos::as_micros))),
            ("added_us", json!(added.map(Nanos::as_micros))),
        ] {
            fields.insert(name.to_owned(), value);
        }
        Value::Object(fields)
    };
    entries.iter().map(entry).collect()
}

fn inferred(closing: &Closing<'_>) -> Vec<Value> {
    let one = |(client, conf): &(std::net::IpAddr, dnsprobe_lookup::InferredConf)| {
        json!({
            "client": client,
            "search": conf.search,
            "ndots": conf.ndots,
            "ndots_certain": conf.ndots_certain,
            "evidence": conf.evidence,
        })
    };
    closing.inferred.iter().map(one).collect()
}

/// RFC 3339 with nanoseconds in UTC.
pub(super) fn time(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_nanosecond(i128::from(at.0)).unwrap_or_default();
    format!("{at:.9}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_nine_digits_in_utc() {
        assert_eq!(time(Timestamp(1_700_000_000_000_000_001)), "2023-11-14T22:13:20.000000001Z");
        assert_eq!(time(Timestamp(0)), "1970-01-01T00:00:00.000000000Z");
    }
}
