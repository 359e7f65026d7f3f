//! The report: one HTML file that needs nothing else, no network and no script.

mod advice;
mod charts;
mod gallery;
mod html;
mod waterfall;

use std::fmt::Write as _;

use dnsprobe_lookup::{Counters, FindingCode, Nanos, Summary};

use gallery::Example;
pub(crate) use gallery::Gallery;

use super::advise_json::Advised;
use super::summary_table::verdict;
use super::text::{duration, plural};
use html::{figure, figure_as, text, thousands};

const STYLE: &str = include_str!("style.css");

/// Everything that goes into a report.
pub(crate) struct Reported<'a> {
    /// What was looked at, in a word.
    pub(crate) what: &'a str,
    pub(crate) summary: &'a Summary,
    pub(crate) counters: &'a Counters,
    /// Frames that the kernel had no room for; `None` for files.
    pub(crate) dropped_by_kernel: Option<u64>,
    pub(crate) gallery: &'a Gallery,
    pub(crate) advised: &'a [Advised],
}

/// The page.
pub(crate) fn page(it: &Reported<'_>) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n<link rel=\"icon\" \
         href=\"data:,\">\n<title>DNS of {what}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
        what = text(it.what),
    );
    page.push_str(&head(it));
    if it.summary.lookups > 0 {
        page.push_str(&body(it));
    }
    page.push_str(&foot(it));
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn head(it: &Reported<'_>) -> String {
    let summary = it.summary;
    let when = match (it.gallery.first, it.gallery.last) {
        (Some(first), Some(last)) => {
            let time = super::json::time(first);
            let time = time.split('.').next().unwrap_or_default().replace('T', " ");
            format!(", from {time} UTC, {}", duration(last - first))
        }
        _ => String::new(),
    };
    let card = |class: &str, value: String, label: &str| {
        format!("<div class=\"card {class}\"><b>{value}</b><span>{label}</span></div>")
    };
    let share = summary.wasted_questions * 100 / summary.questions.max(1);
    let (latency, added) = (summary.latency, summary.added_by_search);
    let time = |name: &str, time: Nanos| figure_as(name, time.as_micros(), &duration(time));
    let tone = |bad: bool| if bad { "bad" } else { "fine" };
    let cards = [
        card("", figure("lookups", summary.lookups), "lookups"),
        card("", figure("questions", summary.questions), "questions"),
        card(
            tone(summary.wasted_questions > 0),
            figure("wasted_questions", summary.wasted_questions),
            &format!("wasted, {share} %"),
        ),
        card("", time("latency_us", latency), "waited for answers"),
        card(tone(added.0 > 0), time("added_by_search_us", added), "spent on the search list"),
        card(tone(summary.unanswered > 0), figure("unanswered", summary.unanswered), "never answered"),
    ]
    .concat();
    format!(
        "<header>\n<p class=\"what\">DNS of {}{}</p>\n<h1>{}</h1>\n{}</header>\n<section class=\"cards\">{cards}</section>\n",
        text(it.what),
        text(&when),
        text(&headline(summary)),
        remedy(it.advised),
    )
}

/// The verdict in a sentence: what cost applications most.
fn headline(summary: &Summary) -> String {
    let found = |code: FindingCode| summary.by_finding().get(&code).map_or(0, |tally| tally.lookups);
    let (stalled, all) = (found(FindingCode::Stall), summary.latency);
    // What the search list took is little beside what was waited for an answer that never came.
    if stalled > 0 && summary.added_by_search.0.saturating_mul(2) < all.0 {
        return format!(
            "{stalled} of {} waited for an answer that never came: applications lost most of {} to that, and {} to the \
             search list.",
            plural(summary.lookups, "lookup"),
            duration(all),
            duration(summary.added_by_search),
        );
    }
    let elsewhere = found(FindingCode::SuffixAnswered);
    if elsewhere > 0 {
        return format!(
            "{elsewhere} of {} got the address of a name that only the search list made up: the wrong host may have been \
             reached.",
            plural(summary.lookups, "lookup"),
        );
    }
    verdict(summary)
}

/// What all advice together comes to, in a sentence; empty where there is none.
fn remedy(advised: &[Advised]) -> String {
    let best: Vec<_> = advised.iter().filter_map(Advised::recommended).collect();
    let questions: u64 = advised.iter().map(|it| it.weighed.questions).sum();
    let saved: i64 = best.iter().map(|it| it.saved_questions).sum();
    let ns: i64 = best.iter().map(|it| it.saved_ns).sum();
    let Some(first) = best.first() else { return String::new() };
    let setting = if best.iter().all(|it| it.ndots == first.ndots) {
        format!("<b>ndots:{}</b>", first.ndots)
    } else {
        "<b>Another ndots</b>".to_owned()
    };
    let whom = match advised.len() {
        1 => String::new(),
        all => format!(" for {} of {all} clients", best.len()),
    };
    format!(
        "<p class=\"lead\">{setting}{whom} would save {} questions ({} %) and {}, and change no result.</p>\n",
        thousands(saved.unsigned_abs()),
        saved * 100 / i64::try_from(questions.max(1)).unwrap_or(i64::MAX),
        text(&duration(Nanos(ns))),
    )
}

fn body(it: &Reported<'_>) -> String {
    let summary = it.summary;
    let mut html = String::new();
    let mut section = |title: &str, note: &str, content: String| {
        if !content.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(
                html,
                "<section>\n<h2>{title}</h2>\n<p class=\"note\">{note}</p>\n{content}</section>\n"
            );
        }
    };
    section(
        "What to do",
        "Every ndots, walked again with the answers that were seen. What nobody answered is never assumed.",
        advice::section(it.advised),
    );
    section("What was found", "Each with the first example and the packets it rests on.", findings(it));
    let waste = [
        charts::costs("By search suffix", "by_suffix", ".", &summary.by_suffix()),
        charts::costs("By pod or client", "by_target", "", &summary.by_target()),
        charts::costs("By name", "by_name", "", &summary.by_name()),
    ]
    .concat();
    section(
        "Where questions went",
        "Red: for candidates that the search list made up and that did not answer.",
        format!("<div class=\"two\">{waste}</div>\n"),
    );
    section(
        "How long lookups took",
        "Each column is a range of latencies; its height, how many lookups fell into it.",
        charts::latencies(it.gallery),
    );
    let falls = |kept: &[gallery::Kept]| kept.iter().map(waterfall::waterfall).collect::<String>();
    section(
        "The slowest lookups",
        "A row for each candidate, a bar for each question; the slowest of each name.",
        falls(&it.gallery.slowest),
    );
    let shown = |name: &str| it.gallery.slowest.iter().any(|slow| *slow.lookup.name == *name);
    let wasteful: Vec<gallery::Kept> =
        it.gallery.wasteful.iter().filter(|kept| !shown(&kept.lookup.name)).cloned().collect();
    section("The most wasteful of the others", "By questions asked in vain.", falls(&wasteful));
    html
}

fn findings(it: &Reported<'_>) -> String {
    let summary = it.summary;
    let mut html = String::new();
    for (code, tally) in summary.by_finding() {
        let bad = matches!(
            code,
            FindingCode::SuffixAnswered
                | FindingCode::Unanswered
                | FindingCode::Stall
                | FindingCode::NodataStopsMusl
        );
        let class = if bad { " bad" } else { "" };
        let badge = if bad { "bad" } else { "warn" };
        let _ = writeln!(
            html,
            "<div class=\"finding{class}\"><span class=\"badge {badge}\">{}</span> in {} of {}<p>{}</p>{}</div>",
            code.as_str(),
            figure(&format!("findings/{}", code.as_str()), tally.lookups),
            plural(summary.lookups, "lookup"),
            text(&tally.example),
            it.gallery.examples.get(code).map(evidence).unwrap_or_default(),
        );
    }
    html
}

/// The packets that a finding rests on.
fn evidence(example: &Example) -> String {
    let packets = &example.finding.evidence;
    if packets.is_empty() {
        return String::new();
    }
    let start = packets.iter().filter_map(|it| it.sent).min();
    let mut rows = String::new();
    for it in packets {
        let after = it.sent.zip(start).map(|(sent, start)| format!("+{}", duration(sent - start)));
        let latency = it.latency.map_or_else(|| "no answer".to_owned(), duration);
        let _ = write!(
            rows,
            "<tr><td>{}</td><td>{}</td><td class=\"name\">{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            text(&after.unwrap_or_default()),
            it.qtype,
            text(&it.qname),
            it.server,
            it.outcome,
            text(&latency),
        );
    }
    let place = example.place.as_ref().map(|place| format!(" in {place}")).unwrap_or_default();
    format!(
        "<details><summary>{} of {}{}</summary><div class=\"wide\"><table class=\"evidence\">{rows}</table></div></details>",
        plural(packets.len() as u64, "packet"),
        text(&example.name),
        text(&place),
    )
}

fn foot(it: &Reported<'_>) -> String {
    let counters = it.counters;
    let dropped = it
        .dropped_by_kernel
        .map(|dropped| format!(", {} dropped by the kernel", figure("dropped_by_kernel", dropped)))
        .unwrap_or_default();
    format!(
        "<footer>{} frames, {} DNS messages, {} malformed{dropped}. Made by dnsprobe {}; this file needs no network.</footer>\n",
        figure("frames", counters.frames),
        figure("messages", counters.messages),
        figure("malformed", counters.malformed),
        env!("CARGO_PKG_VERSION"),
    )
}
