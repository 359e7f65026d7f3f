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
    /// Line and column of the values of `ndots`, `timeout` and `attempts` that count so far.
    places: [Option<(usize, usize)>; 3],
}

/// What a zero means where it is no number of seconds or tries; in words that follow the resolver's name.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Zeros {
    pub(super) timeout: Option<&'static str>,
    pub(super) attempts: Option<&'static str>,
    /// What any number of attempts means where it is not used.
    pub(super) unused: Option<&'static str>,
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
    pub(super) zeros: Zeros,
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
            (Matching::Within, Sets::Number { .. }) => {
                word.windows(wanted.len()).any(|window| window == wanted)
            }
            (Matching::Word | Matching::Within, _) if !matches!(rule.sets, Sets::Number { .. }) => {
                word == wanted
            }
            _ => word.starts_with(wanted),
        }
    })
}

/// The text of an option's number: to the end of the line, and the word that it begins with.
fn value_of<'a>(
    content: &'a [u8],
    word: Word<'_>,
    rule: &OptionRule,
    rules: &OptionRules,
    blanks: &[u8],
) -> (&'a [u8], &'a [u8]) {
    let at = word.column - 1;
    if rules.matching == Matching::Within {
        let whole = &content[at..at + word.bytes.len()];
        let value = whole.split(|&byte| byte == b':').nth(1).unwrap_or_default();
        return (value, value);
    }
    let text = &content[at + rule.word.len()..];
    let first = text.iter().take_while(|byte| !blanks.contains(byte)).count();
    (text, &text[..first])
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
    let (target, syntax, min, max) = match rule.sets {
        Sets::Number { target, syntax, min, max } => (target, syntax, min, max),
        Sets::Flag(flag) => {
            values.flags.set(flag);
            return Ok(());
        }
        Sets::Cleared(flag) => {
            values.flags.clear(flag);
            return Ok(());
        }
        Sets::Unseen => return Ok(()),
        Sets::Nothing => {
            let what = format_args!("{} accepts this option and does nothing with it", place.resolver);
            notes.add(place.line, word.column, what);
            return Ok(());
        }
    };
    let (text, first) = value_of(content, word, rule, rules, place.blanks);
    let refuses = matches!(syntax, NumberSyntax::StrictOrRefuse | NumberSyntax::NonZeroOrRefuse);
    match number::read(text, first, syntax) {
        Number::None if refuses => Err(Fatal { column: word.column, word: Shown(first).to_string() }),
        Number::None => {
            let what =
                format_args!("`{}` is no number to {}, the option is ignored", Shown(first), place.resolver);
            notes.add(place.line, word.column, what);
            Ok(())
        }
        // A value over the limit is fatal where a bad one is.
        Number::Value(value) if refuses && value > i64::from(max) => {
            Err(Fatal { column: word.column, word: Shown(first).to_string() })
        }
        Number::Value(0) if syntax == NumberSyntax::NonZeroOrRefuse => {
            notes.add(place.line, word.column, format_args!("{} takes 0 for no value", place.resolver));
            Ok(())
        }
        Number::Value(value) => {
            let wraps = syntax == NumberSyntax::EmptyOrStrict;
            let value = if wraps { value & i64::from(u32::MAX) } else { value };
            let kept = limit(value, target, min, max);
            let whole = word.bytes.strip_prefix(rule.word.trim_end_matches(':').as_bytes());
            let before = content[..word.column - 1].last();
            let plain = match rules.matching {
                Matching::Anywhere => before.is_none_or(|byte| place.blanks.contains(byte)),
                _ => whole.is_some_and(|value| value.strip_prefix(b":").unwrap_or(value) == first),
            };
            if !notes.is_full() && (first != kept.to_string().as_bytes() || !plain) {
                let value = rule.word.len() + first.len();
                let all = plain || rules.matching == Matching::Anywhere;
                let written = if all { word.bytes.len().min(value) } else { word.bytes.len() };
                let what =
                    format_args!("{} reads `{}` as {kept}", place.resolver, Shown(&word.bytes[..written]));
                notes.add(place.line, word.column, what);
            }
            note_meaning(kept, target, word, place, notes);
            store(kept, target, rules.repeated, word, place, values, notes);
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

/// A zero that does not mean what it says, or any value that means nothing.
fn note_meaning(kept: u32, target: Target, word: Word<'_>, place: &Place, notes: &mut Notes) {
    let meaning = match target {
        Target::Ndots => return,
        Target::Timeout | Target::TimeoutMs => place.zeros.timeout,
        Target::Attempts => place.zeros.attempts,
    };
    let unused = place.zeros.unused.filter(|_| target == Target::Attempts);
    if let Some(meaning) = unused.or(meaning.filter(|_| kept == 0)) {
        notes.add(place.line, word.column, format_args!("{} {meaning}", place.resolver));
    }
}

/// Keeps a value, and notes the one that does not count beside it.
fn store(
    value: u32,
    target: Target,
    repeated: Repeated,
    word: Word<'_>,
    place: &Place,
    values: &mut Values,
    notes: &mut Notes,
) {
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
    let known = match target {
        Target::Ndots => &mut values.places[0],
        Target::Timeout | Target::TimeoutMs => &mut values.places[1],
        Target::Attempts => &mut values.places[2],
    };
    let here = (place.line, word.column);
    match *known {
        Some(_) if repeated == Repeated::FirstWins => {
            notes.add(here.0, here.1, format_args!("{} takes the first of several values", place.resolver));
        }
        Some((line, column)) => {
            notes.add(line, column, format_args!("{} takes the last of several values", place.resolver));
            *known = Some(here);
        }
        None => *known = Some(here),
    }
}
