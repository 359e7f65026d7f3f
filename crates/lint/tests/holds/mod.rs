//! What holds for any bytes, for the tests and for the fuzz target.

use dnsprobe_lint::{Config, Facts, Found, Input, Report, Safety, apply, judge, scan};

/// One repair may make another possible; no chain of them is longer than this.
const MOST_ROUNDS: usize = 10;

fn lint(bytes: &[u8]) -> (Facts, Report) {
    let facts = scan(Input { path: "x.yaml", bytes, found: Found::Named });
    let report = judge(std::slice::from_ref(&facts), &Config::default());
    (facts, report)
}

fn is_unreadable(report: &Report) -> bool {
    report.diagnostics.iter().any(|diagnostic| diagnostic.code == "DP001")
}

/// Linting and repairing any bytes: no panic, places inside the text, and repairs that end and break nothing.
///
/// # Panics
///
/// When one of these does not hold.
pub(crate) fn holds(bytes: &[u8]) {
    let (_, report) = lint(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else {
        assert!(is_unreadable(&report), "not UTF-8, and nothing said");
        return;
    };
    for diagnostic in &report.diagnostics {
        assert!(text.get(diagnostic.span.bytes()).is_some(), "{diagnostic:?}");
        assert!(diagnostic.span.start.line > 0 && diagnostic.span.start.column > 0, "{diagnostic:?}");
    }
    for upto in [Safety::Safe, Safety::Suggested] {
        repairs_end(text, upto, is_unreadable(&report));
    }
}

fn repairs_end(text: &str, upto: Safety, was_unreadable: bool) {
    let mut text = text.to_owned();
    for _ in 0..MOST_ROUNDS {
        let (_, report) = lint(text.as_bytes());
        assert!(was_unreadable || !is_unreadable(&report), "a repair broke the text:\n{text}");
        let repaired = apply(&text, &report.diagnostics, upto);
        if repaired == text {
            return;
        }
        text = repaired;
    }
    panic!("still being repaired after {MOST_ROUNDS} rounds:\n{text}");
}
