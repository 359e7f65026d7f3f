//! Lookups for people: one row each, its steps below it, drawn as a waterfall.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Width};
use dnsprobe_lookup::{FindingCode, Lookup, Nanos, Step, Timestamp};
use dnsprobe_resolv::Outcome;

use super::bars::waterfall;
use super::text::{Paint, Palette, clock_time, duration, escape, plural};
use super::{Closing, Detail, Output, Reporter, SeenAt, Ui, summary_table, tables};

/// Above this many lookups in one second, equal ones become one row.
const MOST_A_SECOND: usize = 10;
const SECOND: i64 = 1_000_000_000;

/// Prints rows as lookups finish.
pub(crate) struct Rows {
    output: Output,
    ui: Ui,
    merging: Merging,
    /// The second that is being printed, and how many rows it has.
    second: (i64, usize),
    held: BTreeMap<(Option<String>, String, Outcome), Held>,
    printed: bool,
}

/// Whether equal lookups of one second may become one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Merging {
    /// Yes: a person watches.
    Busy,
    /// No: every lookup is printed.
    Never,
    /// Nothing but the summary is printed.
    SummaryOnly,
}

/// Equal lookups of one second.
struct Held {
    example: Lookup,
    seen_at: SeenAt,
    latencies: Vec<Nanos>,
    count: u64,
    questions: u64,
    wasted: u64,
}

impl Rows {
    pub(crate) fn new(output: Output, ui: Ui, merging: Merging) -> Self {
        Self { output, ui, merging, second: (0, 0), held: BTreeMap::new(), printed: false }
    }

    fn hold(&mut self, lookup: &Lookup, seen_at: &SeenAt) {
        let totals = lookup.totals();
        let key = (seen_at.name.clone(), lookup.name.to_string(), lookup.outcome);
        let held = self.held.entry(key).or_insert_with(|| Held {
            example: lookup.clone(),
            seen_at: seen_at.clone(),
            latencies: Vec::new(),
            count: 0,
            questions: 0,
            wasted: 0,
        });
        held.count += 1;
        held.latencies.extend(totals.latency);
        held.questions += totals.questions;
        held.wasted += totals.wasted_questions;
    }

    fn release(&mut self) -> io::Result<()> {
        let palette = self.ui.out;
        for held in std::mem::take(&mut self.held).into_values() {
            let row =
                if held.count == 1 { row(&held.example, &held.seen_at, &self.ui) } else { held.row(palette) };
            writeln!(self.output, "{row}")?;
        }
        self.output.flush()
    }
}

impl Reporter for Rows {
    fn lookup(&mut self, lookup: &Lookup, seen_at: &SeenAt) -> io::Result<()> {
        if self.merging == Merging::SummaryOnly {
            return Ok(());
        }
        let at = lookup.start.unwrap_or_default();
        self.tick(at)?;
        self.second.1 += 1;
        if self.merging == Merging::Busy && self.second.1 > MOST_A_SECOND {
            self.hold(lookup, seen_at);
            return Ok(());
        }
        if self.printed && has_steps(lookup, &self.ui) {
            writeln!(self.output)?;
        }
        self.printed = true;
        writeln!(self.output, "{}", row(lookup, seen_at, &self.ui))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        let second = now.0 / SECOND;
        if second <= self.second.0 {
            return Ok(());
        }
        self.second = (second, 0);
        self.release()
    }

    fn next_tick(&self, _: Timestamp) -> Option<Timestamp> {
        (!self.held.is_empty()).then_some(Timestamp((self.second.0 + 1).saturating_mul(SECOND)))
    }

    fn close(&mut self, closing: &Closing<'_>) -> io::Result<()> {
        self.release()?;
        if self.printed {
            writeln!(self.output)?;
        }
        write!(self.output, "{}", summary_table::closing(closing, &self.ui))?;
        self.output.flush()
    }
}

impl Held {
    fn row(mut self, palette: Palette) -> String {
        self.latencies.sort_unstable();
        let middle = self.latencies.get(self.latencies.len() / 2).copied();
        let times = match (middle, self.latencies.last()) {
            (Some(middle), Some(max)) => format!("p50 {}  max {}", duration(middle), duration(*max)),
            _ => "no answer".to_owned(),
        };
        let waste = waste_words(self.wasted, self.questions);
        let good = self.example.outcome == Outcome::Answer;
        format!(
            "{}  {} {} {}  {times}  {}{}",
            palette.paint(Paint::Dim, &self.example.start.map(clock_time).unwrap_or_default()),
            palette.paint(Paint::Bold, &self.example.name),
            palette.paint(if good { Paint::Good } else { Paint::Bad }, self.example.outcome.as_str()),
            palette.paint(Paint::Warn, &format!("×{}", self.count)),
            palette.paint(if self.wasted > 0 { Paint::Bad } else { Paint::Dim }, &waste),
            self.seen_at.among_others.as_ref().map(|name| format!("  {}", escape(name))).unwrap_or_default(),
        )
    }
}

fn waste_words(wasted: u64, questions: u64) -> String {
    if wasted == 0 { plural(questions, "question") } else { format!("{wasted} of {questions} wasted") }
}

fn has_steps(lookup: &Lookup, ui: &Ui) -> bool {
    ui.detail > Detail::Less && (lookup.steps.len() > 1 || shown_findings(lookup).next().is_some())
}

/// What is worth a line of its own: waste shows in the row itself.
fn shown_findings(lookup: &Lookup) -> impl Iterator<Item = &dnsprobe_lookup::Finding> {
    lookup
        .findings
        .iter()
        .filter(|finding| !matches!(finding.code, FindingCode::SearchWaste | FindingCode::Resent))
}

/// One lookup: a header line, its steps, its findings; no line break at the end.
fn row(lookup: &Lookup, seen_at: &SeenAt, ui: &Ui) -> String {
    let mut text = header(lookup, seen_at, ui);
    if !has_steps(lookup, ui) {
        return text;
    }
    if lookup.steps.len() > 1 || ui.detail == Detail::More {
        text.push('\n');
        text.push_str(&steps_block(&lookup.steps, ui));
    }
    for finding in shown_findings(lookup) {
        text.push('\n');
        let finding = format!("! {}: {}", finding.code.as_str(), finding.message);
        text.push_str(&wrapped(&finding, ui, Paint::Warn));
    }
    text
}

/// Time, name, outcome, total, waste, resolver; in columns, so that one line can be compared with the next. What is
/// uncommon stands on a line of its own where there is no room.
fn header(lookup: &Lookup, seen_at: &SeenAt, ui: &Ui) -> String {
    let palette = ui.out;
    let totals = lookup.totals();
    let good = lookup.outcome == Outcome::Answer && !lookup.is_hijacked();
    let width = ui.width.saturating_sub(BESIDE_NAME).clamp(16, 48);
    let total = totals.latency.map_or_else(|| "no end".to_owned(), duration);
    let waste = waste_words(totals.wasted_questions, totals.questions);
    let mut line = format!(
        "{}  {} {}{total:>9}  {}",
        palette.paint(Paint::Dim, &lookup.start.map(clock_time).unwrap_or_default()),
        palette.paint(Paint::Bold, &format!("{:width$}", lookup.name)),
        palette.paint(if good { Paint::Good } else { Paint::Bad }, &format!("{:9}", lookup.outcome)),
        palette
            .paint(if totals.wasted_questions > 0 { Paint::Bad } else { Paint::Dim }, &format!("{waste:14}")),
    );
    let marks = marks(lookup, seen_at);
    let used = BESIDE_NAME - RESOLVER + width.max(lookup.name.chars().count());
    if used + marks.chars().count() <= ui.width {
        line.push_str(&palette.paint(Paint::Dim, &format!(" {marks}")));
    } else {
        // Writing to a String cannot fail.
        let _ = write!(line, "\n    {}", palette.paint(Paint::Dim, &format!("({marks})")));
    }
    line
}

/// The resolver, what is not sure about the lookup, and where it was seen, among several.
fn marks(lookup: &Lookup, seen_at: &SeenAt) -> String {
    let mut marks = lookup.resolver.known_id().unwrap_or("?").to_owned();
    if lookup.partial {
        marks.push_str(", partly captured");
    }
    if !lookup.certain {
        marks.push_str(", uncertain");
    }
    if let Some(embedded) = lookup.embedded() {
        // Writing to a String cannot fail.
        let _ = write!(marks, ", {} of it in Docker's DNS server", duration(embedded));
    }
    if let Some(name) = &seen_at.among_others {
        marks = format!("{}: {marks}", escape(name));
    }
    marks
}

/// Columns of a header line for the resolver.
const RESOLVER: usize = 6;
/// Columns of a header line that are not the name.
const BESIDE_NAME: usize = 12 + 2 + 1 + 9 + 9 + 2 + 14 + 1 + RESOLVER;

/// Text in lines no wider than the terminal, indented.
pub(crate) fn wrapped(text: &str, ui: &Ui, paint: Paint) -> String {
    let lines = filled(text, ui.width.saturating_sub(6));
    let line = |(index, line): (usize, &String)| {
        format!("{}{}", if index == 0 { "    " } else { "      " }, ui.out.paint(paint, line))
    };
    lines.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

/// Text in lines of at most this many columns, broken between words.
pub(super) fn filled(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The steps of a lookup as a table: suffix, outcome, time added, and where in the lookup it stood.
pub(crate) fn steps_block(steps: &[Step], ui: &Ui) -> String {
    const OUTCOME: usize = 12;
    const TIME: usize = 10;
    let longest = steps.iter().map(|step| suffix_words(step).chars().count()).max().unwrap_or(0) + 1;
    let suffix = longest.clamp(10, ui.width / 2 - 4);
    let bar = (ui.width - 4 - suffix - OUTCOME - TIME - 2).min(48);
    let mut table = tables::bare(ContentArrangement::Disabled, ui);
    let bars = waterfall(steps, bar);
    for (step, bar) in steps.iter().zip(bars) {
        let colour = step_colour(step);
        let cell = |text: String| Cell::new(text).fg(colour);
        table.add_row(vec![
            cell(suffix_words(step)),
            cell(step.outcome.as_str().to_owned()),
            cell(step.added.map_or_else(|| "?".to_owned(), duration)).set_alignment(CellAlignment::Right),
            cell(format!(" {bar}")),
        ]);
    }
    for (index, width) in [suffix, OUTCOME, TIME, bar + 2].into_iter().enumerate() {
        if let Some(column) = table.column_mut(index) {
            column.set_padding((0, 1));
            let width = u16::try_from(width).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
        }
    }
    let text = table.to_string();
    let lines = text.lines().map(|line| format!("    {}", line.trim_end()));
    lines.collect::<Vec<_>>().join("\n")
}

fn suffix_words(step: &Step) -> String {
    step.suffix.as_ref().map_or_else(|| "as-is".to_owned(), |suffix| format!(".{suffix}"))
}

fn step_colour(step: &Step) -> comfy_table::Color {
    match step.outcome {
        Outcome::Answer if !step.wasted => comfy_table::Color::Green,
        _ if step.wasted => comfy_table::Color::Red,
        Outcome::NxDomain | Outcome::NoData => comfy_table::Color::Yellow,
        _ => comfy_table::Color::Red,
    }
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
