//! Names as typed and as asked.
//!
//! A [`Fqdn`] is text in presentation form (RFC 1035 section 5.1): labels of printable ASCII, everything else as `\ddd`,
//! a dot at the end. Whether a resolver can put it on the wire is a separate question ([`Fqdn::encodes`]), since some
//! ask, skip or give up exactly there.

use std::fmt;

/// The longest name on the wire, in octets, length bytes and root included (RFC 1035 section 2.3.4).
pub const WIRE_MAX: usize = 255;
/// The longest label, in octets (RFC 1035 section 2.3.4).
pub const LABEL_MAX: usize = 63;

/// An absolute name in presentation form, with its final dot. Case is kept, comparison ignores it (RFC 4343).
#[derive(Debug, Clone, Default)]
pub struct Fqdn(String);

impl Fqdn {
    /// The name made of `typed` and, unless it is `None`, `suffix` behind it; both as bytes without escapes.
    /// Dots part labels; a final dot of either is not doubled. Labels may come out empty or too long: see
    /// [`Self::encodes`].
    pub fn join(typed: &[u8], suffix: Option<&[u8]>) -> Self {
        Self::join_escaped(typed, suffix, Escapes::None)
    }

    /// The same, of bytes in which a backslash has the meaning given.
    pub fn join_escaped(typed: &[u8], suffix: Option<&[u8]>, escapes: Escapes) -> Self {
        let suffix = suffix.unwrap_or_default();
        let mut text = String::with_capacity(typed.len() + suffix.len() + 2);
        push_read(&mut text, strip_dot(typed), escapes);
        text.push('.');
        let suffix = strip_dot(suffix);
        if !suffix.is_empty() {
            push_read(&mut text, suffix, escapes);
            text.push('.');
        }
        Self(text)
    }

    /// Takes text that is in presentation form already; adds the final dot where it is missing.
    pub fn from_presentation(text: &str) -> Self {
        let mut text = text.to_owned();
        if !text.ends_with('.') {
            text.push('.');
        }
        Self(text)
    }

    /// The presentation form, final dot included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The presentation form in lower case, for use as a key.
    pub fn to_lowercase(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The labels as text, escapes kept, without the root.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        let inner = if self.0.len() > 1 { &self.0[..self.0.len() - 1] } else { "" };
        inner.split('.').filter(move |_| !inner.is_empty())
    }

    /// Whether this name fits a message: no label empty or over 63 octets, at most 255 octets in all.
    pub fn encodes(&self) -> bool {
        self.encodes_in(WIRE_MAX)
    }

    /// The same with another limit for the whole: not every resolver keeps to that of the protocol.
    pub fn encodes_in(&self, most_octets: usize) -> bool {
        let octets: usize = self.labels().map(|label| label_octets(label) + 1).sum();
        self.labels_fit() && octets < most_octets
    }

    /// Whether no label is empty or over 63 octets.
    pub fn labels_fit(&self) -> bool {
        self.labels().all(|label| (1..=LABEL_MAX).contains(&label_octets(label)))
    }
}

impl fmt::Display for Fqdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl PartialEq for Fqdn {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Fqdn {}

impl std::hash::Hash for Fqdn {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        for byte in self.0.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

/// What a backslash in a name means (RFC 1035 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escapes {
    /// Itself.
    None,
    /// The byte behind it is taken as it is.
    NextByte,
    /// The same, but three digits are a byte's value in decimal.
    Decimal,
    /// The same in octal (hickory).
    Octal,
}

/// The number of dots in a name as typed, a trailing one included, as `ndots` counts them.
pub fn dots(typed: &[u8]) -> u32 {
    u32::try_from(typed.split(|&byte| byte == b'.').count() - 1).unwrap_or(u32::MAX)
}

/// Bytes as printable text: what is not printable ASCII becomes `\ddd` (RFC 1035 section 5.1).
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    push_escaped(&mut text, bytes);
    text
}

fn push_escaped(text: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        push_byte(text, byte, byte.is_ascii_graphic() && byte != b'\\');
    }
}

fn push_byte(text: &mut String, byte: u8, plain: bool) {
    if plain {
        text.push(char::from(byte));
    } else {
        text.push('\\');
        text.extend([byte / 100, byte / 10 % 10, byte % 10].map(|digit| char::from(b'0' + digit)));
    }
}

/// Bytes with backslashes as presentation text, in which what they stand for is no dot and no backslash of its own.
fn push_read(text: &mut String, bytes: &[u8], escapes: Escapes) {
    if escapes == Escapes::None || !bytes.contains(&b'\\') {
        push_escaped(text, bytes);
        return;
    }
    let mut rest = bytes;
    while let Some((byte, escaped, after)) = next_read(rest, escapes) {
        let plain = byte.is_ascii_graphic() && byte != b'\\' && !(escaped && byte == b'.');
        push_byte(text, byte, plain);
        rest = after;
    }
}

/// The next byte, whether it was escaped, and the rest.
fn next_read(bytes: &[u8], escapes: Escapes) -> Option<(u8, bool, &[u8])> {
    let (&byte, after) = bytes.split_first()?;
    if byte != b'\\' || after.is_empty() || escapes == Escapes::None {
        return Some((byte, false, after));
    }
    let base = if escapes == Escapes::Octal { 8 } else { 10 };
    let digits = after.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit));
    let value = digits.and_then(|digits| {
        let text = std::str::from_utf8(digits).ok()?;
        u8::from_str_radix(text, base).ok()
    });
    match value {
        Some(value) if escapes != Escapes::NextByte => Some((value, true, &after[3..])),
        _ => Some((after[0], true, &after[1..])),
    }
}

/// The bytes that a name with backslashes stands for, and whether one of its dots is no border between labels.
pub(crate) fn read_escapes(bytes: &[u8], escapes: Escapes) -> (Vec<u8>, bool) {
    let (mut plain, mut dot, mut rest) = (Vec::with_capacity(bytes.len()), false, bytes);
    while let Some((byte, escaped, after)) = next_read(rest, escapes) {
        plain.push(byte);
        dot |= escaped && byte == b'.';
        rest = after;
    }
    (plain, dot)
}

fn strip_dot(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b".").unwrap_or(bytes)
}

fn label_octets(label: &str) -> usize {
    let escapes = label.bytes().filter(|&byte| byte == b'\\').count();
    label.len() - 3 * escapes
}

/// Presentation form back to bytes: `\ddd` becomes its byte, everything else stays.
pub fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|digits| byte == b'\\' && digits.iter().all(u8::is_ascii_digit));
        let value = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u8>().ok());
        bytes.push(value.unwrap_or(byte));
        rest = if value.is_some() { &after[3..] } else { after };
    }
    bytes
}
