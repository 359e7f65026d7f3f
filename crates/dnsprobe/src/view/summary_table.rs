//! The end of a run for people: what each suffix and each name cost, then the verdict in a sentence.

use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, ContentArrangement};
use dnsprobe_lookup::summary::Entry;
use dnsprobe_lookup::{FindingCode, Nanos, Summary};

use super::rows::{filled, wrapped};
use super::text::{Paint, duration, plural};
use super::{Beside, Closing, Told, Ui, tables};

/// Names shown; the rest is counted in one row.
const MOST_NAMES: usize = 10;
/// Fixes shown.
const MOST_FIXES: usize = 5;

/// Everything there is to say at the end.
pub(crate) fn closing(closing: &Closing<'_>, ui: &Ui) -> String {
    let summary = closing.summary;
    let mut text = String::new();
    // Writing to a String cannot fail.
    let suffixes = summary.by_suffix();
    if !suffixes.is_empty() {
        let _ = writeln!(text, "{}\n", table("SEARCH SUFFIX", &suffixes, Time::Added, ui));
    }
    let names = summary.by_name();
    if !names.is_empty() {
        let _ = writeln!(text, "{}\n", table("NAME", &shortened(&names), Time::Latency, ui));
    }
    for (client, conf) in closing.inferred.iter().take(MOST_NAMES) {
        let search = if conf.search.is_empty() { "none seen".to_owned() } else { conf.search.join(" ") };
        let _ =
            writeln!(text, "search list of {client}, read from its traffic: {search}; ndots {}", conf.ndots);
    }
    text.push_str(&findings(summary, ui));
    for line in around(closing) {
        let _ = writeln!(text, "{}", wrapped(&line, ui, Paint::Dim));
    }
    text.push_str(&fixes(summary, ui));
    for line in filled(&verdict(summary), ui.width) {
        let fine = summary.wasted_questions == 0 && summary.endless == 0;
        let paint = if fine { Paint::Good } else { Paint::Bad };
        let _ = writeln!(text, "{}", ui.out.paint(paint, &line));
    }
    let beside = closing.beside.as_ref().map(beside_words).filter(|words| !words.is_empty());
    for line in beside.iter().flat_map(|words| filled(words, ui.width)) {
        let _ = writeln!(text, "{}", ui.out.paint(Paint::Dim, &line));
    }
    text
}

/// What else passed; nothing when nothing did.
fn beside_words(beside: &Beside) -> String {
    let mut parts = Vec::new();
    if beside.told == Told::Not {
        parts.push("Lookups of other programs in this network namespace are among these.".to_owned());
    }
    if beside.others > 0 {
        parts.push(format!(
            "Beside these, {} of other programs in this network namespace.",
            plural(beside.others, "DNS packet")
        ));
    }
    if beside.unknown > 0 {
        parts.push(format!("{} could not be told apart.", plural(beside.unknown, "packet")));
    }
    parts.join(" ")
}

/// What stands between the clients and their servers, where it shows.
fn around(closing: &Closing<'_>) -> Vec<String> {
    let summary = closing.summary;
    let mut lines = Vec::new();
    if summary.autopath > 0 {
        let count = plural(summary.autopath, "lookup");
        lines.push(format!(
            "CoreDNS autopath walked the search list for {count}: they cost one candidate each."
        ));
    }
    if summary.to_node_cache > 0 {
        let count = plural(summary.to_node_cache, "question");
        lines.push(format!("{count} went to a DNS cache on the node (a link-local address)."));
    }
    let stalled = summary.by_finding().contains_key(&FindingCode::Stall);
    if let Some(grown) = closing.conntrack.filter(|grown| stalled || grown.insert_failed > 0) {
        lines.push(format!(
            "conntrack on this node meanwhile: insert_failed +{}, drop +{}, early_drop +{}.",
            grown.insert_failed, grown.drop, grown.early_drop
        ));
    }
    lines
}

/// What was found beside waste, each kind with its first example.
fn findings(summary: &Summary, ui: &Ui) -> String {
    let mut text = String::new();
    for (code, tally) in summary.by_finding() {
        if matches!(code, FindingCode::SearchWaste | FindingCode::Resent) {
            continue;
        }
        let count = plural(tally.lookups, "lookup");
        let _ = writeln!(
            text,
            "{}",
            wrapped(&format!("! {} in {count}: {}", code.as_str(), tally.example), ui, Paint::Warn)
        );
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// The names to write with a trailing dot, those first that pay most.
fn fixes(summary: &Summary, ui: &Ui) -> String {
    let names = summary.by_remedy();
    let mut text = String::new();
    for entry in names.iter().take(MOST_FIXES) {
        let Some(name) = &entry.key else { continue };
        let cost = &entry.cost;
        let time = if cost.added_by_search > Nanos(0) {
            format!(" and {}", duration(cost.added_by_search))
        } else {
            String::new()
        };
        let saves = format!("saves {}{time}", plural(cost.wasted_questions, "question"));
        let _ = writeln!(
            text,
            "{} write `{name}` with its trailing dot: {saves}",
            ui.out.paint(Paint::Good, "fix:")
        );
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn shortened(names: &[Entry]) -> Vec<Entry> {
    let mut shown: Vec<Entry> = names.iter().take(MOST_NAMES).cloned().collect();
    let rest = names.get(MOST_NAMES..).unwrap_or_default();
    if let Some((first, more)) = rest.split_first() {
        let mut others = first.clone();
        others.others = rest.iter().map(|entry| entry.others.max(1)).sum();
        others.key = None;
        for entry in more {
            others.cost.add(&entry.cost);
        }
        shown.push(others);
    }
    shown
}

/// Which of the times is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    Added,
    Latency,
}

fn table(title: &str, entries: &[Entry], time: Time, ui: &Ui) -> String {
    let mut table = tables::bare(ContentArrangement::Dynamic, ui);
    let last = if time == Time::Added { "ADDED" } else { "WAITED" };
    table.set_header(vec![title, "LOOKUPS", "QUESTIONS", "WASTED", last]);
    for entry in entries {
        let cost = &entry.cost;
        let name = entry.key.clone().unwrap_or_else(|| format!("{} more", entry.others));
        let shown = if time == Time::Added { format!(".{name}") } else { name };
        let wasted = Cell::new(cost.wasted_questions);
        let wasted = if cost.wasted_questions > 0 { wasted.fg(comfy_table::Color::Red) } else { wasted };
        table.add_row(vec![
            Cell::new(shown),
            Cell::new(cost.lookups),
            Cell::new(cost.questions),
            wasted,
            Cell::new(cost.latency.map_or_else(|| "no end".to_owned(), duration)),
        ]);
    }
    for index in 1..5 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// The verdict in a sentence with numbers.
pub(super) fn verdict(summary: &Summary) -> String {
    if summary.lookups == 0 {
        return "No DNS lookups were seen.".to_owned();
    }
    let seen = format!("{}, {}", plural(summary.lookups, "lookup"), plural(summary.questions, "question"));
    let mut parts: Vec<String> = Vec::new();
    if summary.endless > 0 {
        parts.push(format!("{} ended without all answers", plural(summary.endless, "lookup")));
    }
    if summary.wasted_questions > 0 {
        let share = summary.wasted_questions * 100 / summary.questions.max(1);
        let wasted = summary.wasted_questions;
        parts.push(format!("{wasted} ({share} %) asked for names that only the search list made up"));
    } else {
        parts.push("none was wasted on the search list".to_owned());
    }
    if summary.added_by_search > Nanos(0) {
        let (wasted, all) = (duration(summary.added_by_search), duration(summary.latency));
        parts.push(format!("applications waited {wasted} of {all} for that"));
    }
    format!("{seen}: {}.", parts.join("; "))
}
