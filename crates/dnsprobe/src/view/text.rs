//! Small pieces of text: durations, colours, escapes.

use dnsprobe_lookup::{Nanos, Timestamp};

/// Colours or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Palette {
    /// ANSI colours.
    Colours,
    /// Plain text.
    Plain,
}

/// What a piece of text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Useful, or all is well.
    Good,
    /// Wasted, or wrong.
    Bad,
    /// Deserves a look.
    Warn,
    /// Less important than what is beside it.
    Dim,
    /// More important than what is beside it.
    Bold,
}

impl Palette {
    /// The text in the colour of its meaning.
    pub(crate) fn paint(self, paint: Paint, text: &str) -> String {
        use anstyle::{AnsiColor, Style};
        if self == Self::Plain {
            return text.to_owned();
        }
        let style = match paint {
            Paint::Good => AnsiColor::Green.on_default(),
            Paint::Bad => AnsiColor::Red.on_default(),
            Paint::Warn => AnsiColor::Yellow.on_default(),
            Paint::Dim => Style::new().dimmed(),
            Paint::Bold => Style::new().bold(),
        };
        format!("{style}{text}{style:#}")
    }
}

/// A span of time at a glance: `85 µs`, `0.8 ms`, `38.2 ms`, `5.01 s`.
pub(crate) fn duration(time: Nanos) -> String {
    let us = time.as_micros();
    if us.abs() < 99.5 {
        format!("{us:.0} µs")
    } else if us.abs() < 999_500.0 {
        format!("{:.1} ms", us / 1_000.0)
    } else {
        format!("{:.2} s", us / 1_000_000.0)
    }
}

/// `1 question`, `2 questions`.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    if count == 1 { format!("{count} {noun}") } else { format!("{count} {noun}s") }
}

/// Local time of day with milliseconds.
pub(crate) fn clock_time(at: Timestamp) -> String {
    let zone = jiff::tz::TimeZone::system();
    let at = jiff::Timestamp::from_nanosecond(i128::from(at.0)).unwrap_or_default();
    at.to_zoned(zone).strftime("%H:%M:%S%.3f").to_string()
}

/// Makes text from outside safe for a terminal: control characters are shown, not sent.
pub(crate) fn escape(text: &str) -> String {
    let keep = |character: &char| !character.is_control() || *character == '\n';
    if text.chars().all(|character| keep(&character)) {
        return text.to_owned();
    }
    let shown = |character: char| {
        if keep(&character) { character.to_string() } else { character.escape_default().to_string() }
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_at_a_glance() {
        let shown = |us: i64| duration(Nanos::from_micros(us));
        assert_eq!(shown(0), "0 µs");
        assert_eq!(shown(85), "85 µs");
        assert_eq!(shown(812), "0.8 ms");
        assert_eq!(shown(38_210), "38.2 ms");
        assert_eq!(shown(999_400), "999.4 ms");
        assert_eq!(shown(5_012_000), "5.01 s");
    }

    #[test]
    fn control_characters_never_reach_a_terminal() {
        assert_eq!(escape("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(escape("plain ünïcode"), "plain ünïcode");
    }
}
