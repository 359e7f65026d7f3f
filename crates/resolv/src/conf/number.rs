//! Numbers as C, Go and the strict parsers read them.

use crate::profile::parse::NumberSyntax;

/// What a number's text came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// A value; negative ones only from `strtol`.
    Value(i64),
    /// No number in this resolver's eyes.
    None,
}

/// Reads the number at the start of `text`, which runs to the end of the line; `word` is its first word.
pub(super) fn read(text: &[u8], word: &[u8], syntax: NumberSyntax) -> Number {
    // Whether 0 counts is not for here.
    let syntax = if syntax == NumberSyntax::NonZeroOrRefuse { NumberSyntax::StrictOrRefuse } else { syntax };
    let signed =
        matches!(syntax, NumberSyntax::Strict | NumberSyntax::StrictU32 | NumberSyntax::StrictOrRefuse);
    let word = word.strip_prefix(b"+").filter(|_| signed).unwrap_or(word);
    // BIND's strtol takes a minus for what it is, and refuses what is then below zero.
    let word = if syntax == NumberSyntax::StrictOrRefuse && word == b"-0" { b"0" } else { word };
    match syntax {
        NumberSyntax::Strtol => Number::Value(strtol(text)),
        NumberSyntax::Digits => Number::Value(digits(word).0),
        NumberSyntax::Python => python(word),
        NumberSyntax::DigitFirst => match digits(word) {
            (_, 0) => Number::None,
            (value, _) => Number::Value(value),
        },
        NumberSyntax::EmptyOrStrict | NumberSyntax::EmptyOrStrictU32 | NumberSyntax::StrictOrRefuse
            if word.is_empty() =>
        {
            Number::Value(0)
        }
        NumberSyntax::StrictU32 | NumberSyntax::EmptyOrStrictU32 if digits(word).0 > i64::from(u32::MAX) => {
            Number::None
        }
        NumberSyntax::PositiveStrict if digits(word).0 == 0 => Number::None,
        NumberSyntax::Strict
        | NumberSyntax::StrictU32
        | NumberSyntax::EmptyOrStrict
        | NumberSyntax::EmptyOrStrictU32
        | NumberSyntax::PositiveStrict
        | NumberSyntax::StrictOrRefuse
        | NumberSyntax::NonZeroOrRefuse => match digits(word) {
            (value, length) if length == word.len() && length > 0 => Number::Value(value),
            _ => Number::None,
        },
    }
}

/// The value of the leading digits, and how many there are. Saturates far above any cap.
fn digits(text: &[u8]) -> (i64, usize) {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let add = |value: i64, byte: &u8| value.saturating_mul(10).saturating_add(i64::from(byte - b'0'));
    (text[..length].iter().fold(0, add), length)
}

/// Python's `int()` of a word.
fn python(word: &[u8]) -> Number {
    let (negative, number) = match word {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, word),
    };
    let parts = number.split(|&byte| byte == b'_');
    if !parts.clone().all(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit)) {
        return Number::None;
    }
    let (value, _) = digits(&parts.flatten().copied().collect::<Vec<u8>>());
    Number::Value(if negative { 0 } else { value })
}

/// C's `atoi` where `int` has 32 bits and `long` 64: the value wraps.
fn strtol(text: &[u8]) -> i64 {
    let blanks = text.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0x0b).count();
    let text = &text[blanks..];
    let value = match text.first() {
        Some(b'-') => -digits(&text[1..]).0,
        Some(b'+') => digits(&text[1..]).0,
        _ => digits(text).0,
    };
    #[expect(clippy::cast_possible_truncation, reason = "atoi keeps the low 32 bits")]
    let wrapped = value as i32;
    i64::from(wrapped)
}
