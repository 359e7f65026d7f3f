//! One name, every resolver: which names each asks, how many questions, what it gets, who breaks.

use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, Color, ContentArrangement};
use dnsprobe_lookup::{Lookup, Nanos};
use dnsprobe_resolv::Outcome;

use super::rows::{filled, wrapped};
use super::text::{Paint, duration};
use super::{Ui, tables};

/// What one resolver makes of the name.
pub(crate) struct Side {
    pub(crate) lookup: Lookup,
    /// What the application gets instead of an address.
    pub(crate) error: Option<String>,
}

/// The verdict, the legend of the suffixes, and a row for each resolver.
pub(crate) fn side_by_side(name: &str, sides: &[Side], ui: &Ui) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    for line in filled(&verdict(name, sides), ui.width) {
        let _ = writeln!(text, "{}", ui.out.paint(Paint::Bold, &line));
    }
    let suffixes = suffixes(sides);
    let legend: Vec<String> =
        suffixes.iter().enumerate().map(|(index, suffix)| format!("S{}=.{suffix}", index + 1)).collect();
    if !legend.is_empty() {
        let _ = writeln!(text, "{}", wrapped(&format!("{} !=as-is", legend.join(" ")), ui, Paint::Dim));
    }
    let mut table = tables::bare(ContentArrangement::Dynamic, ui);
    table.set_header(vec!["RESOLVER", "ASKS", "QUESTIONS", "TIME", "RESULT"]);
    for side in sides {
        let lookup = &side.lookup;
        let found = lookup.outcome == Outcome::Answer;
        let version = lookup.resolver.version.as_deref().unwrap_or("");
        table.add_row(vec![
            Cell::new(format!("{} {version}", lookup.resolver.id)),
            Cell::new(asks(lookup, &suffixes)),
            Cell::new(lookup.totals().questions).set_alignment(CellAlignment::Right),
            Cell::new(time(lookup.latency)).set_alignment(CellAlignment::Right),
            Cell::new(result(side)).fg(if found { Color::Green } else { Color::Red }),
        ]);
    }
    let _ = writeln!(text, "{}", table.trim_fmt());
    text
}

fn verdict(name: &str, sides: &[Side]) -> String {
    let broken: Vec<&str> = sides
        .iter()
        .filter(|side| side.lookup.outcome != Outcome::Answer)
        .map(|side| side.lookup.resolver.id)
        .collect();
    let found = sides.len() - broken.len();
    let fewest = sides.iter().map(|side| side.lookup.totals().questions).min().unwrap_or(0);
    let most = sides.iter().map(|side| side.lookup.totals().questions).max().unwrap_or(0);
    let who = match (found, broken.len()) {
        (_, 0) => "every resolver finds it".to_owned(),
        (0, _) => "no resolver finds it".to_owned(),
        _ => format!("{found} of {} resolvers find it, {} do not", sides.len(), broken.join(", ")),
    };
    format!("{}: {who}; between {fewest} and {most} questions.", super::escape(name))
}

/// Every suffix that somebody appends, in the order it is met.
fn suffixes(sides: &[Side]) -> Vec<&str> {
    let mut suffixes: Vec<&str> = Vec::new();
    for suffix in sides.iter().flat_map(|side| &side.lookup.steps).filter_map(|step| step.suffix.as_deref()) {
        if !suffixes.contains(&suffix) {
            suffixes.push(suffix);
        }
    }
    suffixes
}

/// The candidates in the order asked: `S1 S2 !`, with `×2` where one was sent again.
fn asks(lookup: &Lookup, suffixes: &[&str]) -> String {
    let word = |step: &dnsprobe_lookup::Step| {
        let place =
            step.suffix.as_deref().and_then(|suffix| suffixes.iter().position(|known| *known == suffix));
        place.map_or_else(|| "!".to_owned(), |place| format!("S{}", place + 1))
    };
    let words: Vec<String> = lookup.steps.iter().map(word).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(" ") }
}

fn time(latency: Option<Nanos>) -> String {
    latency.map_or_else(|| "-".to_owned(), duration)
}

fn result(side: &Side) -> String {
    if side.lookup.outcome == Outcome::Answer {
        let addresses: Vec<String> = side.lookup.addresses.iter().map(ToString::to_string).collect();
        return addresses.join(" ");
    }
    side.error.as_deref().map_or_else(|| side.lookup.outcome.to_string(), super::escape)
}
