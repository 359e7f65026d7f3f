//! Findings for people: the message, the place in the source with a marker, the fix; a count at the end.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use dnsprobe_lint::{Diagnostic, Severity};

use super::{Linted, object};
use crate::view::rows::filled;
use crate::view::text::{Palette, escape, plural};
use crate::view::{Detail, Paint, Ui};

/// A byte order mark is no part of the line.
const BOM: char = '\u{feff}';

/// So much of a line is shown on each side of where a mark begins, in characters.
const CONTEXT: usize = 160;

/// So many files that look like templates are shown; the others have the same reason and are counted.
const MOST_TEMPLATES: usize = 3;

pub(super) fn write(out: &mut dyn Write, linted: &Linted<'_>, ui: &Ui) -> io::Result<()> {
    let renderer = match ui.out {
        Palette::Colours => Renderer::styled(),
        Palette::Plain => Renderer::plain(),
    };
    let renderer = renderer.term_width(ui.width);
    let mut templates = 0;
    for of_text in linted.diagnostics.chunk_by(|one, next| one.path == next.path) {
        let Some(first) = of_text.first() else { continue };
        if ui.detail == Detail::Less {
            of_text.iter().try_for_each(|diagnostic| writeln!(out, "{}", line(diagnostic)))?;
            continue;
        }
        let text = linted.sources.text(&first.path);
        for diagnostic in of_text {
            templates += usize::from(is_template(diagnostic));
            if is_template(diagnostic) && templates > MOST_TEMPLATES {
                continue;
            }
            let report = renderer.render(&[group(diagnostic, text.as_deref())]);
            writeln!(out, "{report}\n")?;
        }
    }
    if ui.detail == Detail::Less {
        return Ok(());
    }
    if templates > MOST_TEMPLATES {
        let more = plural((templates - MOST_TEMPLATES) as u64, "more file");
        let said = format!("{more} with what looks like a Helm template: -q lists all of them");
        writeln!(out, "{}\n", ui.out.paint(Paint::Warn, &said))?;
    }
    writeln!(out, "{}", closing(linted, ui))
}

/// What cannot be read for sure is an error; what may be a template is a warning.
fn is_template(diagnostic: &Diagnostic) -> bool {
    diagnostic.code == "DP001" && diagnostic.severity == Severity::Warning
}

/// A finding in one line, for `-q`.
fn line(diagnostic: &Diagnostic) -> String {
    let (path, start) = (one_line(&diagnostic.path), diagnostic.span.start);
    let (severity, code) = (diagnostic.severity.as_str(), diagnostic.code);
    format!("{path}:{}:{}: {severity} {code} {}", start.line, start.column, one_line(&diagnostic.message))
}

fn group<'a>(diagnostic: &'a Diagnostic, text: Option<&str>) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let path = one_line(&diagnostic.path);
    let row = diagnostic.span.start.line as usize;
    let column = diagnostic.span.start.column as usize;
    let title = level.primary_title(escape(&diagnostic.message)).id(diagnostic.code);
    let origin = Origin::path(path.clone()).line(row).char_column(column);
    let mut group = match text.and_then(|text| excerpt(text, diagnostic.span.bytes())) {
        None => title.element(origin),
        Some(Excerpt { source, marked, part }) => {
            let snippet = Snippet::source(source).line_start(row);
            let snippet = snippet.annotation(AnnotationKind::Primary.span(marked));
            match part {
                Part::Line => title.element(snippet.path(path)),
                // The snippet would count its columns from where it begins.
                Part::Middle => title.element(origin).element(snippet),
            }
        }
    };
    if let Some(object) = object(diagnostic) {
        let from = diagnostic.origin.as_ref().map_or_else(String::new, |origin| format!(", from {origin}"));
        group = group.element(Level::NOTE.with_name("in").message(escape(&format!("{object}{from}"))));
    }
    if let Some(fix) = &diagnostic.fix {
        group = group.element(Level::HELP.with_name("fix").message(escape(&fix.text)));
    }
    group
}

/// A piece of a line, and the place in it.
struct Excerpt {
    source: String,
    marked: Range<usize>,
    part: Part,
}

/// Which piece of a line.
#[derive(PartialEq, Eq)]
enum Part {
    /// From its beginning.
    Line,
    /// From somewhere in a very long line.
    Middle,
}

/// The line a place begins in, or the part of it around the place. `None` when the text is no longer the one that was
/// linted.
fn excerpt(text: &str, place: Range<usize>) -> Option<Excerpt> {
    text.get(place.clone())?;
    let line = text[..place.start].rfind('\n').map_or(0, |newline| newline + 1);
    let line = if text[line..place.start].starts_with(BOM) { line + BOM.len_utf8() } else { line };
    let before = text[line..place.start].char_indices().rev().nth(CONTEXT - 1);
    let begin = before.map_or(line, |(at, _)| line + at);
    let rest = text[place.start..].find('\n').map_or(text.len(), |newline| place.start + newline);
    let behind = text[place.start..rest].char_indices().nth(CONTEXT);
    let end = behind.map_or(rest, |(at, _)| place.start + at);
    let source = text[begin..end].trim_end_matches('\r').to_owned();
    let marked = place.start - begin..place.end.min(begin + source.len()).max(place.start) - begin;
    let part = if begin == line { Part::Line } else { Part::Middle };
    Some(Excerpt { source, marked, part })
}

fn closing(linted: &Linted<'_>, ui: &Ui) -> String {
    let count = |severity: Severity, noun: &str, paint: Paint| {
        let count = linted.count(severity);
        (count > 0).then(|| ui.out.paint(paint, &plural(count as u64, noun)))
    };
    let found: Vec<String> = [
        count(Severity::Error, "error", Paint::Bad),
        count(Severity::Warning, "warning", Paint::Warn),
        linted_infos(linted),
    ]
    .into_iter()
    .flatten()
    .collect();
    let found = if found.is_empty() { ui.out.paint(Paint::Good, "no findings") } else { found.join(", ") };
    let files = plural(linted.files as u64, "file");
    let mut closing = format!("{found} in {} of {files}", plural(linted.objects as u64, "object"));
    if linted.known > 0 {
        let _ = write!(closing, "; {} known to the baseline", linted.known);
    }
    if linted.diagnostics.is_empty() {
        return closing;
    }
    if !linted.assumptions.is_empty() {
        let assumed = format!("assumed: {}", linted.assumptions.join("; "));
        let lines = filled(&assumed, ui.width).into_iter();
        let dim = |line: String| ui.out.paint(Paint::Dim, &line) + "\n";
        closing = lines.map(dim).collect::<String>() + &closing;
    }
    closing.push_str("; `dnsprobe lint --explain CODE` says why");
    closing
}

fn linted_infos(linted: &Linted<'_>) -> Option<String> {
    match linted.count(Severity::Info) {
        0 => None,
        count => Some(format!("{count} info")),
    }
}

/// A line break in a name must not look like another line of output.
fn one_line(text: &str) -> String {
    escape(text).replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, place: Range<usize>) -> (String, String) {
        let excerpt = excerpt(text, place).expect("the place lies in the text");
        (excerpt.source.clone(), excerpt.source[excerpt.marked].to_owned())
    }

    #[test]
    fn the_line_of_a_place_is_shown_without_what_surrounds_it() {
        let text = "\u{feff}a: ü\r\nb: c\n";
        assert_eq!(shown(text, 6..8), ("a: ü".into(), "ü".into()));
        assert_eq!(shown(text, 13..14), ("b: c".into(), "c".into()));
        assert_eq!(shown(text, 6..14), ("a: ü".into(), "ü".into()), "to the end of its first line");
        assert_eq!(shown(text, text.len()..text.len()), (String::new(), String::new()));
    }

    #[test]
    fn of_a_very_long_line_only_the_surroundings_are_shown() {
        let text = format!("{}x{}", "ü".repeat(100_000), "ü".repeat(100_000));
        let (source, marked) = shown(&text, 200_000..200_001);
        assert_eq!(marked, "x");
        assert!(source.chars().count() <= 2 * CONTEXT, "{}", source.len());
    }

    #[test]
    fn a_place_outside_a_text_that_changed_meanwhile_shows_nothing() {
        assert!(excerpt("short", 10..20).is_none());
        assert!(excerpt("ü", 1..2).is_none(), "inside a character");
    }
}
