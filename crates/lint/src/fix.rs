//! Makes the edits diagnostics carry. Only the bytes named are touched: comments, order and style stay.

use crate::diagnostic::{Change, Diagnostic, Edit, Safety};
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
    let mut done = 0;
    for (range, replacement) in changes {
        if range.start < done {
            continue;
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
        Change::RemoveItem => Some((item(text, edit.bytes.clone())?, String::new())),
        // Block scalars and tags are more than the text that would be replaced.
        Change::Replace(_) if old.starts_with(['|', '>', '!', '&']) => None,
        Change::Replace(new) => Some((edit.bytes.clone(), quoted_like(old, new))),
    }
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
