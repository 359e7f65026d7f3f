//! A lookup as browsers draw requests: a row for each candidate, a bar for each question.

use std::fmt::Write as _;

use dnsprobe_lookup::{Lookup, Nanos, Question, Step};
use dnsprobe_resolv::Outcome;

use super::super::text::{duration, plural};
use super::gallery::Kept;
use super::html::{percent, text};

/// Candidates drawn of one lookup, and questions of one candidate.
const MOST_STEPS: usize = 24;
const MOST_QUESTIONS: usize = 8;

/// One lookup.
pub(super) fn waterfall(kept: &Kept) -> String {
    let lookup = &kept.lookup;
    let totals = lookup.totals();
    let place = kept.place.as_ref().map(|place| format!(" in {}", text(place))).unwrap_or_default();
    let took = lookup.latency.map_or_else(|| "no answer ever came".to_owned(), duration);
    let mut html = format!(
        "<div class=\"panel\"><h3>{} {}</h3><p class=\"meta\">{}, {}, {} wasted; {}{place}</p><div class=\"fall\">",
        text(&lookup.name),
        badge(lookup.outcome),
        text(&took),
        plural(totals.questions, "question"),
        totals.wasted_questions,
        text(lookup.resolver.id),
    );
    let scale = Scale::of(lookup);
    html.push_str(&axis(lookup, &scale));
    for step in lookup.steps.iter().take(MOST_STEPS) {
        html.push_str(&row(step, &scale));
    }
    if lookup.steps.len() > MOST_STEPS {
        // Writing to a String cannot fail.
        let _ = write!(html, "<p class=\"meta\">{} more candidates</p>", lookup.steps.len() - MOST_STEPS);
    }
    html.push_str("</div></div>\n");
    html
}

/// From when to when a lookup is drawn.
struct Scale {
    start: i64,
    length: f64,
}

impl Scale {
    fn of(lookup: &Lookup) -> Self {
        let start = lookup.start.unwrap_or_default().0;
        let questions = || lookup.steps.iter().flat_map(|step| &step.questions);
        let end = questions().map(|it| end(it).unwrap_or(sent(it))).max().unwrap_or(start);
        let length = (end - start).max(lookup.latency.unwrap_or_default().0).max(1) as f64;
        // What never ended runs on to the right edge.
        Self { start, length: if lookup.latency.is_none() { length * 1.15 } else { length } }
    }
}

fn sent(question: &Question) -> i64 {
    question.sent.unwrap_or_default().0
}

fn end(question: &Question) -> Option<i64> {
    Some(sent(question) + question.latency?.0)
}

/// When the resolver stopped waiting for a question that was never answered: it asked again, or the candidate ended.
fn given_up(step: &Step, index: usize, scale: &Scale) -> f64 {
    let question = &step.questions[index];
    let later = step.questions[index + 1..].iter();
    let again = later.filter(|it| it.qname == question.qname && it.qtype == question.qtype).map(sent).next();
    let begun = step.questions.first().map_or(0, sent);
    let at = again.or(step.added.map(|added| begun + added.0));
    at.map_or(scale.length, |at| (at - scale.start) as f64)
}

/// The times at the left edge, in the middle and at the right edge.
fn axis(lookup: &Lookup, scale: &Scale) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "nanoseconds of one lookup")]
    let time = |share: f64| duration(Nanos((scale.length * share) as i64));
    let end = if lookup.latency.is_some() { time(1.0) } else { "…".to_owned() };
    format!(
        "<div class=\"step axis\"><span></span><span></span><span class=\"ticks\"><span>0</span><span>{}</span><span>{}\
         </span></span><span></span></div>",
        text(&time(0.5)),
        text(&end),
    )
}

fn row(step: &Step, scale: &Scale) -> String {
    let name = step.suffix.as_ref().map_or_else(|| "as-is".to_owned(), |suffix| format!(".{suffix}"));
    let mut bars = String::new();
    for (index, question) in step.questions.iter().enumerate().take(MOST_QUESTIONS) {
        let from = (sent(question) - scale.start) as f64;
        let (length, kind) = match (end(question), step.wasted, question.outcome) {
            (None, ..) => (given_up(step, index, scale) - from, " lost"),
            (Some(_), true, _) => (question.latency.unwrap_or_default().0 as f64, " waste"),
            (Some(_), false, Outcome::Answer | Outcome::NoData | Outcome::Cname) => {
                (question.latency.unwrap_or_default().0 as f64, "")
            }
            (Some(_), false, _) => (question.latency.unwrap_or_default().0 as f64, " fail"),
        };
        let _ = write!(
            bars,
            "<span class=\"bar{kind}\" style=\"margin-left:{};width:{}\" title=\"{} {} {} {}\"></span>",
            percent(from.min(scale.length * 0.995), scale.length),
            percent(length.min(scale.length - from), scale.length),
            question.qtype,
            text(&question.qname),
            question.outcome,
            text(&question.latency.map_or_else(|| "never answered".to_owned(), duration)),
        );
    }
    format!(
        "<div class=\"step\"><span class=\"name\">{}</span>{}<span class=\"track\">{bars}</span><span class=\"time\">{}\
         </span></div>",
        text(&name),
        badge(step.outcome),
        text(&step.added.map_or_else(|| "no end".to_owned(), |added: Nanos| duration(added))),
    )
}

/// An outcome in its colour.
fn badge(outcome: Outcome) -> String {
    let kind = match outcome {
        Outcome::Answer => "good",
        Outcome::NoData | Outcome::Cname => "",
        Outcome::NxDomain => "bad",
        _ => "warn",
    };
    format!("<span><span class=\"badge {kind}\">{outcome}</span></span>")
}
