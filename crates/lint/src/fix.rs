//! Makes the edits diagnostics carry. Only the bytes named are touched: comments, order and style stay.

use crate::diagnostic::{Change, Diagnostic, Edit, Safety};
use crate::yaml::MAX_TEXT;
use std::ops::Range;

/// The text with the edits of its diagnostics made: only safe ones, or the suggested ones too. Of edits that overlap the
/// first one in the text is made; the others may come back when the result is linted again.
pub fn apply<'a>(text: &str, diagnostics: impl IntoIterator<Item = &'a Diagnostic>, upto: Safety) -> String {
    let fixes = diagnostics.into_iter().filter_map(|diagnostic| diagnostic.fix.as_ref());
    let wanted = fixes.filter(|fix| fix.safety == Safety::Safe || upto == Safety::Suggested);
    let mut changes: Vec<(Range<usize>, String)> =
        wanted.flat_map(|fix| &fix.edits).filter_map(|edit| change(text, edit)).collect();
    changes.sort_by_key(|(range, _)| (range.start, range.end));
    let mut edited = String::with_capacity(text.len());
    let (mut done, mut inserted) = (0, None);
    for (range, replacement) in changes {
        if range.start < done || (range.is_empty() && inserted == Some(range.start)) {
            continue;
        }
        if range.is_empty() {
            inserted = Some(range.start);
        }
        edited.push_str(&text[done..range.start]);
        edited.push_str(&replacement);
        done = range.end;
    }
    edited + &text[done..]
}

fn change(text: &str, edit: &Edit) -> Option<(Range<usize>, String)> {
    let old = text.get(edit.bytes.clone())?;
    match &edit.change {
        // What an alias elsewhere stands for means more than the rule looked at.
        Change::RemoveItem | Change::Replace(_) | Change::Option { .. }
            if is_marked(text, edit.bytes.start) =>
        {
            None
        }
        Change::RemoveItem | Change::Option { .. } if old.contains('&') => None,
        // A comment inside would be lost.
        Change::Option { .. } if old.contains('#') => None,
        Change::Option { name, value } => Some((edit.bytes.clone(), option(text, name, value.as_deref()))),
        Change::RemoveItem => Some((item(text, edit.bytes.clone())?, String::new())),
        Change::AddEntry(lines) => insertion(text, edit.bytes.start, lines, Behind::Blanks),
        Change::AddItem(lines) => insertion(text, edit.bytes.start, lines, Behind::Dash),
        // The rule saw only the beginning of it.
        Change::Replace(_) if old.len() > MAX_TEXT => None,
        // Block scalars and tags are more than the text that would be replaced.
        Change::Replace(_) if old.starts_with(['|', '>', '!', '&']) => None,
        Change::Replace(new) => Some((edit.bytes.clone(), quoted_like(old, new))),
    }
}

fn option(text: &str, name: &str, value: Option<&str>) -> String {
    let json = text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']);
    match (json, value) {
        (true, Some(value)) => format!("{{\"name\": \"{name}\", \"value\": \"{value}\"}}"),
        (true, None) => format!("{{\"name\": \"{name}\"}}"),
        (false, Some(value)) => format!("{{name: {name}, value: \"{value}\"}}"),
        (false, None) => format!("{{name: {name}}}"),
    }
}

/// True behind an anchor or a tag.
fn is_marked(text: &str, at: usize) -> bool {
    let line = text[..at].rsplit('\n').next().unwrap_or_default();
    let word = line.trim_end().rsplit([' ', '\t', '[', '{', ',']).next().unwrap_or_default();
    word.starts_with(['&', '!'])
}

/// What stands in front of what follows an insertion.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    Blanks,
    Dash,
}

/// Lines put in front of a place in block style, each as deep as the place; `None` in flow style.
fn insertion(text: &str, at: usize, lines: &[String], behind: Behind) -> Option<(Range<usize>, String)> {
    let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let before = &text[line..at];
    let block = before.chars().all(|c| c == ' ' || c == '-') && !text[at..].starts_with(['{', '[']);
    let dash = before.trim_end().ends_with('-');
    if !block || (behind == Behind::Dash && !dash) {
        return None;
    }
    let newline = if text[at..].split_inclusive('\n').next()?.ends_with("\r\n") { "\r\n" } else { "\n" };
    let indent = " ".repeat(before.len());
    let last = match behind {
        Behind::Dash => before.rfind('-').map(|dash| format!("{}{}", " ".repeat(dash), &before[dash..]))?,
        Behind::Blanks => indent.clone(),
    };
    let inserted = lines.join(&format!("{newline}{indent}"));
    Some((at..at, format!("{inserted}{newline}{last}")))
}

/// Keeps the quotes of a quoted scalar.
fn quoted_like(old: &str, new: &str) -> String {
    let quote = old.chars().next().filter(|c| *c == '"' || *c == '\'');
    let plain = !new.starts_with(['"', '\'', '{', '[']);
    match quote {
        Some(quote) if plain => format!("{quote}{new}{quote}"),
        _ => new.to_owned(),
    }
}

/// The item with its dash and lines, or with its comma; `None` where that is not clear-cut.
fn item(text: &str, bytes: Range<usize>) -> Option<Range<usize>> {
    let line = text[..bytes.start].rfind('\n').map_or(0, |at| at + 1);
    let before = &text[line..bytes.start];
    let behind = &text[bytes.end..];
    if before.trim_start().trim_end_matches([' ', '\t']) == "-" {
        let rest = behind.split('\n').next().unwrap_or_default();
        let end = bytes.end + rest.len() + usize::from(behind.len() > rest.len());
        let clear = rest.trim().is_empty() || rest.trim_start().starts_with('#');
        return clear.then_some(line..end);
    }
    flow_item(text, bytes)
}

fn flow_item(text: &str, bytes: Range<usize>) -> Option<Range<usize>> {
    let behind = &text[bytes.end..];
    let gap = behind.len() - behind.trim_start().len();
    if behind[gap..].starts_with(',') {
        let after = &behind[gap + 1..];
        let blank = after.len() - after.trim_start_matches(' ').len();
        return Some(bytes.start..bytes.end + gap + 1 + blank);
    }
    let before = text[..bytes.start].trim_end();
    let closes = behind[gap..].starts_with(']');
    match before.chars().next_back() {
        Some(',') if closes => Some(before.len() - 1..bytes.end),
        Some('[') if closes => Some(bytes),
        _ => None,
    }
}
