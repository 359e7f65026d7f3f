//! Pieces of HTML. Everything that comes from the network, a container or a manifest goes through [`text`].

/// Text as HTML: what could be markup is shown, and so is what could steer a terminal or a reader's eyes.
pub(super) fn text(raw: &str) -> String {
    let mut safe = String::with_capacity(raw.len());
    for character in raw.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' => safe.push('\n'),
            it if it.is_control() || is_invisible(it) => safe.extend(it.escape_unicode()),
            it => safe.push(it),
        }
    }
    safe
}

/// Marks that reorder text or take no room (Unicode 15, general category Cf, as far as they are about direction).
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A whole number that readers of the file can find again by its name.
pub(super) fn figure(name: &str, value: u64) -> String {
    format!("<data data-figure=\"{}\" value=\"{value}\">{}</data>", text(name), thousands(value))
}

/// The same for a number shown in words of its own.
pub(super) fn figure_as(name: &str, value: f64, shown: &str) -> String {
    format!("<data data-figure=\"{}\" value=\"{value}\">{}</data>", text(name), text(shown))
}

/// A number with its digits in threes.
pub(super) fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A share of a whole, in per cent of it, for widths.
pub(super) fn percent(part: f64, whole: f64) -> String {
    let share = if whole > 0.0 { part / whole * 100.0 } else { 0.0 };
    format!("{:.2}%", share.clamp(0.0, 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_markup() {
        let hostile = "<script>alert('1')</script>&\"\u{1b}[31m\u{202e}";
        let safe = text(hostile);
        assert!(!safe.contains(['<', '>', '"', '\'', '\u{1b}', '\u{202e}']), "{safe}");
    }

    #[test]
    fn digits_stand_in_threes() {
        let shown = [0, 999, 1_000, 1_234_567].map(thousands);
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
    }
}
