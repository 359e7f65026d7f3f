//! `options` lines and `RES_OPTIONS`.

use super::number::{self, Number};
use super::settings::{Flags, Notes, Shown};
use super::syntax::{Word, words_from};
use crate::Version;
use crate::profile::parse::{Matching, NumberSyntax, OptionRule, OptionRules, Repeated, Sets, Target};

/// The option values while the file is read. `None`: not set yet.
#[derive(Debug, Default)]
pub(super) struct Values {
    pub(super) ndots: Option<u32>,
    pub(super) timeout_ms: Option<u64>,
    pub(super) attempts: Option<u32>,
    pub(super) flags: Flags,
}

/// A value for which the resolver refuses the whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fatal {
    pub(super) column: usize,
    pub(super) word: String,
}

/// Where the text stands, for notes.
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) blanks: &'static [u8],
    pub(super) resolver: &'static str,
    pub(super) version: Version,
}

/// Applies the options in `content` from offset `start` on.
pub(super) fn apply(
    content: &[u8],
    start: usize,
    place: &Place,
    rules: &OptionRules,
    values: &mut Values,
    notes: &mut Notes,
) -> Result<(), Fatal> {
    if rules.matching == Matching::Anywhere {
        return apply_anywhere(content, start, place, rules, values, notes);
    }
    for word in words_from(content, start, place.blanks) {
        match find(word.bytes, rules, place.version) {
            Some(rule) => set(content, word, place, rule, rules, values, notes)?,
            None => notes.add(
                place.line,
                word.column,
                format_args!("{} does not know this option", place.resolver),
            ),
        }
    }
    Ok(())
}

fn apply_anywhere(
    content: &[u8],
    start: usize,
    place: &Place,
    rules: &OptionRules,
    values: &mut Values,
    notes: &mut Notes,
) -> Result<(), Fatal> {
    let mut taken: Vec<usize> = Vec::new();
    for rule in rules.known {
        let needle = rule.word.as_bytes();
        let Some(at) = content.windows(needle.len()).position(|window| window == needle) else { continue };
        let word = Word { column: at + 1, bytes: &content[at..] };
        taken.push(at + 1);
        set(content, word, place, rule, rules, values, notes)?;
    }
    for word in words_from(content, start, place.blanks) {
        let inside = |column: &usize| (word.column..word.column + word.bytes.len()).contains(column);
        if !taken.iter().any(inside) {
            notes.add(place.line, word.column, format_args!("{} ignores this option", place.resolver));
        }
    }
    Ok(())
}

/// The first word of an `options` value that the rules do not know.
pub(crate) fn first_unknown<'a>(
    content: &'a [u8],
    start: usize,
    blanks: &'static [u8],
    rules: &OptionRules,
    version: Version,
) -> Option<Word<'a>> {
    words_from(content, start, blanks).find(|word| find(word.bytes, rules, version).is_none())
}

fn find<'a>(word: &[u8], rules: &'a OptionRules, version: Version) -> Option<&'a OptionRule> {
    rules.known.iter().filter(|rule| rule.since <= version).find(|rule| {
        let wanted = rule.word.as_bytes();
        match (rules.matching, rule.sets) {
            (Matching::Word, Sets::Flag(_) | Sets::Nothing) => word == wanted,
            _ => word.starts_with(wanted),
        }
    })
}

fn set(
    content: &[u8],
    word: Word<'_>,
    place: &Place,
    rule: &OptionRule,
    rules: &OptionRules,
    values: &mut Values,
    notes: &mut Notes,
) -> Result<(), Fatal> {
    let Sets::Number { target, syntax, min, max } = rule.sets else {
        if let Sets::Flag(flag) = rule.sets {
            values.flags.set(flag);
        }
        return Ok(());
    };
    let text = &content[word.column - 1 + rule.word.len()..];
    let first = text.iter().take_while(|byte| !place.blanks.contains(byte)).count();
    match number::read(text, &text[..first], syntax) {
        Number::None if syntax == NumberSyntax::StrictOrRefuse => {
            Err(Fatal { column: word.column, word: Shown(&text[..first]).to_string() })
        }
        Number::None => {
            notes.add(
                place.line,
                word.column,
                format_args!(
                    "`{}` is no number to {}, the option is ignored",
                    Shown(&text[..first]),
                    place.resolver
                ),
            );
            Ok(())
        }
        // A value over the limit is fatal where a bad one is.
        Number::Value(value) if syntax == NumberSyntax::StrictOrRefuse && value > i64::from(max) => {
            Err(Fatal { column: word.column, word: Shown(&text[..first]).to_string() })
        }
        Number::Value(value) => {
            let wraps = syntax == NumberSyntax::EmptyOrStrict;
            let value = if wraps { value & i64::from(u32::MAX) } else { value };
            let kept = limit(value, target, min, max);
            if !notes.is_full() && text[..first] != *kept.to_string().as_bytes() {
                let value = Shown(&text[..first]);
                notes.add(
                    place.line,
                    word.column,
                    format_args!("{} reads `{}{value}` as {kept}", place.resolver, rule.word),
                );
            }
            store(kept, target, rules.repeated, values);
            Ok(())
        }
    }
}

/// Caps a value. A negative ndots keeps its low four bits: glibc's field is that wide (`resolv.h`, `unsigned ndots:4`).
fn limit(value: i64, target: Target, min: u32, max: u32) -> u32 {
    if value < 0 && target == Target::Ndots {
        return u32::try_from(value & 15).unwrap_or(15);
    }
    u32::try_from(value.clamp(i64::from(min), i64::from(max))).unwrap_or(max)
}

fn store(value: u32, target: Target, repeated: Repeated, values: &mut Values) {
    fn put<T>(slot: &mut Option<T>, value: T, repeated: Repeated) {
        if slot.is_none() || repeated != Repeated::FirstWins {
            *slot = Some(value);
        }
    }
    match target {
        Target::Ndots => put(&mut values.ndots, value, repeated),
        Target::Timeout => put(&mut values.timeout_ms, u64::from(value) * 1000, repeated),
        Target::TimeoutMs => put(&mut values.timeout_ms, u64::from(value), repeated),
        Target::Attempts => put(&mut values.attempts, value, repeated),
    }
}
