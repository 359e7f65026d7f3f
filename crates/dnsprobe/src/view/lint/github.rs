//! Workflow commands of GitHub Actions (docs.github.com, "Workflow commands for GitHub Actions"; escapes as in
//! actions/toolkit `packages/core/src/command.ts`).

use std::cmp::Reverse;
use std::io::{self, Write};

use dnsprobe_lint::{Diagnostic, Severity};

use super::{Linted, message_and_fix};

/// The worst first: a step shows only the first few of each kind.
pub(super) fn write(out: &mut dyn Write, linted: &Linted<'_>) -> io::Result<()> {
    let mut sorted: Vec<&Diagnostic> = linted.diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| Reverse(diagnostic.severity));
    sorted.into_iter().try_for_each(|diagnostic| writeln!(out, "{}", command(diagnostic, linted)))
}

fn command(diagnostic: &Diagnostic, linted: &Linted<'_>) -> String {
    let word = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let message = text(&message_and_fix(diagnostic));
    let code = diagnostic.code;
    if linted.sources.file(&diagnostic.path).is_none() {
        let origin = diagnostic.origin.as_deref().unwrap_or("standard input");
        return format!(
            "::{word} title={code}::{}, line {}: {message}",
            text(origin),
            diagnostic.span.start.line
        );
    }
    let (start, end) = (diagnostic.span.start, diagnostic.span.end);
    format!(
        "::{word} file={},line={},endLine={},col={},endColumn={},title={code}::{message}",
        property(&diagnostic.path),
        start.line,
        end.line,
        start.column,
        end.column
    )
}

fn text(raw: &str) -> String {
    raw.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(raw: &str) -> String {
    text(raw).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_property_or_a_command_is_escaped() {
        assert_eq!(property("100%,a:b\r\n.yaml"), "100%25%2Ca%3Ab%0D%0A.yaml");
        assert_eq!(text("50 %: a,b\n"), "50 %25: a,b%0A");
    }
}
