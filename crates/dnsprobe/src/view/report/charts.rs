//! What was wasted, by suffix, name and pod; and how latencies spread.

use std::fmt::Write as _;

use dnsprobe_lookup::Nanos;
use dnsprobe_lookup::summary::Entry;

use super::super::text::{duration, plural};
use super::gallery::{DECADES, Gallery, PER_DECADE, Spread, edge};
use super::html::{figure, percent, text, thousands};

/// Rows shown of a list; the others stand in one more.
const MOST_ROWS: usize = 12;

/// A list of costs with a bar each, under its JSON name (`by_suffix` …). `mark` stands before each name.
pub(super) fn costs(title: &str, name: &str, mark: &str, entries: &[Entry]) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let most = entries.iter().map(|entry| entry.cost.questions).max().unwrap_or(1) as f64;
    let mut html = format!("<div class=\"panel\"><h3>{title}</h3>");
    for entry in entries.iter().filter(|entry| entry.key.is_some()).take(MOST_ROWS) {
        let key = entry.key.as_deref().unwrap_or_default();
        html.push_str(&row(name, mark, key, entry, most));
    }
    let rest: Vec<&Entry> = entries.iter().filter(|it| it.key.is_some()).skip(MOST_ROWS).collect();
    let beyond: u64 = entries.iter().filter(|it| it.key.is_none()).map(|it| it.others).sum();
    let others = rest.len() as u64 + beyond;
    if others > 0 {
        let questions: u64 = rest
            .iter()
            .copied()
            .chain(entries.iter().filter(|it| it.key.is_none()))
            .map(|it| it.cost.questions)
            .sum();
        // Writing to a String cannot fail, here and below.
        let _ = write!(
            html,
            "<div class=\"row\"><span class=\"sub\">{} more</span><span class=\"num sub\">{} questions</span></div>",
            thousands(others),
            thousands(questions)
        );
    }
    html.push_str("</div>\n");
    html
}

fn row(list: &str, mark: &str, key: &str, entry: &Entry, most: f64) -> String {
    let cost = &entry.cost;
    let useful = cost.questions.saturating_sub(cost.wasted_questions);
    let figure = |field: &str, value: u64| figure(&format!("{list}/{key}/{field}"), value);
    let time = cost.latency.map_or_else(|| "no end".to_owned(), duration);
    format!(
        "<div class=\"row\"><span class=\"name\">{mark}{}</span><span class=\"num\">{} <small>of {} questions wasted, {}\
         </small></span><span class=\"stack\"><b style=\"width:{}\"></b><i style=\"width:{}\"></i></span></div>",
        text(key),
        figure("wasted_questions", cost.wasted_questions),
        figure("questions", cost.questions),
        text(&time),
        percent(cost.wasted_questions as f64, most),
        percent(useful as f64, most),
    )
}

/// Size of the picture, in its own units; it is drawn as wide as there is room.
const WIDTH: f64 = 1000.0;
const FLOOR: f64 = 200.0;
/// Buckets drawn as one column.
const JOINED: usize = 5;

/// How long lookups took, and how long without the candidates that did not answer.
pub(super) fn latencies(gallery: &Gallery) -> String {
    let (total, useful) = (joined(&gallery.total), joined(&gallery.useful));
    let used = |columns: &[u64]| -> Option<(usize, usize)> {
        let first = columns.iter().position(|count| *count > 0)?;
        Some((first, columns.iter().rposition(|count| *count > 0)?))
    };
    let (Some((one, two)), Some((three, four))) = (used(&total), used(&useful)) else {
        return String::new();
    };
    // To the next round marks, which stand below.
    let marks = marks(one.min(three), two.max(four) + 1);
    let (Some(first), Some(last)) = (marks.first().copied(), marks.last().copied()) else {
        return String::new();
    };
    let length = last - first;
    let highest = total.iter().chain(&useful).copied().max().unwrap_or(1);
    let most = highest as f64;
    let column = WIDTH / length;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {FLOOR}\" role=\"img\" aria-label=\"How latencies spread\" \
         preserveAspectRatio=\"none\">"
    );
    for index in one.min(three)..=two.max(four) {
        let x = (index as f64 - first) * column;
        for (columns, class, inset) in [(&total, "total", 0.08), (&useful, "useful", 0.26)] {
            let count = columns.get(index).copied().unwrap_or(0);
            if count > 0 {
                let height = (count as f64 / most * (FLOOR - 12.0)).max(2.0);
                let _ = write!(
                    svg,
                    "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\" rx=\"2\"/>",
                    x + column * inset,
                    FLOOR - height,
                    column * (1.0 - 2.0 * inset),
                );
            }
        }
    }
    let _ = write!(svg, "<line class=\"grid\" x1=\"0\" x2=\"{WIDTH}\" y1=\"{FLOOR}\" y2=\"{FLOOR}\"/></svg>");
    svg.push_str("<div class=\"marks\">");
    for (index, mark) in marks.iter().enumerate() {
        let left = percent(mark - first, length);
        // Where there are many, a narrow screen shows the tenfold ones.
        let time = at(*mark);
        let minor = marks.len() > 5 && index > 0 && index + 1 < marks.len() && !is_tenfold(time);
        let class = if minor { " class=\"minor\"" } else { "" };
        let _ = write!(svg, "<span{class} style=\"left:{left}\">{}</span>", round_mark(time));
    }
    svg.push_str("</div>");
    format!(
        "<div class=\"panel\"><p class=\"key\"><i></i>without wasted candidates<b></b>as it was<span>the highest column: {}\
         </span></p>{svg}{}</div>\n",
        plural(highest, "lookup"),
        quantiles(gallery)
    )
}

fn joined(spread: &Spread) -> Vec<u64> {
    spread.buckets.chunks(JOINED).map(|chunk| chunk.iter().sum()).collect()
}

/// Where times of 1, 2 and 5 times a power of ten lie, in columns, from the last at or before a column to the first at or
/// after another.
fn marks(from: usize, to: usize) -> Vec<f64> {
    let decade = (PER_DECADE / JOINED) as f64;
    let all = (0..=DECADES).flat_map(|power| [1.0, 2.0, 5.0].map(|digit: f64| power as f64 + digit.log10()));
    let all: Vec<f64> = all.map(|power| power * decade).collect();
    let first = all.iter().rposition(|mark| *mark <= from as f64 + 1e-9).unwrap_or(0);
    let last = all.iter().position(|mark| *mark + 1e-9 >= to as f64).unwrap_or(all.len() - 1);
    all[first..=last.max(first + 1).min(all.len() - 1)].to_vec()
}

/// The time at a place between columns.
fn at(mark: f64) -> Nanos {
    let ns = edge(0).0 as f64 * 10_f64.powf(mark * JOINED as f64 / PER_DECADE as f64);
    #[expect(clippy::cast_possible_truncation, reason = "at most 100 s")]
    Nanos(ns.round() as i64)
}

fn is_tenfold(time: Nanos) -> bool {
    let power = (time.0.max(1) as f64).log10();
    (power - power.round()).abs() < 1e-6
}

fn round_mark(at: Nanos) -> String {
    let us = at.as_micros().round();
    if us >= 1e6 {
        format!("{} s", us / 1e6)
    } else if us >= 1e3 {
        format!("{} ms", us / 1e3)
    } else {
        format!("{us} µs")
    }
}

fn quantiles(gallery: &Gallery) -> String {
    let shares = [("50 %", 0.5), ("90 %", 0.9), ("99 %", 0.99)];
    let cells = |spread: &Spread| {
        let cell = |(_, share): (&str, f64)| {
            let time = spread.quantile(share).map_or_else(|| "-".to_owned(), duration);
            format!("<td>{}</td>", text(&time))
        };
        shares.map(cell).concat()
    };
    let heads = shares.map(|(name, _)| format!("<th>{name}</th>")).concat();
    format!(
        "<table><tr><th>of {}</th>{heads}</tr><tr><td>as it was</td>{}</tr><tr><td>without wasted candidates</td>\
         {}</tr></table>",
        plural(gallery.total.count, "lookup"),
        cells(&gallery.total),
        cells(&gallery.useful),
    )
}
