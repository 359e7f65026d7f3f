//! One `dnsprobe.lint/1` object a line.

use std::io::{self, Write};

use dnsprobe_lint::Diagnostic;
use serde_json::{Value, json};

use super::Linted;

pub(super) fn write(out: &mut dyn Write, linted: &Linted<'_>) -> io::Result<()> {
    linted.diagnostics.iter().try_for_each(|diagnostic| writeln!(out, "{}", line(diagnostic)))
}

fn line(diagnostic: &Diagnostic) -> Value {
    let (start, end) = (diagnostic.span.start, diagnostic.span.end);
    json!({
        "schema": "dnsprobe.lint/1",
        "path": &*diagnostic.path,
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
        "code": diagnostic.code,
        "severity": diagnostic.severity.as_str(),
        "kind": diagnostic.kind,
        "namespace": diagnostic.namespace,
        "name": diagnostic.name,
        "message": diagnostic.message,
        "fix": diagnostic.fix.as_ref().map(|fix| &fix.text),
        "origin": diagnostic.origin,
    })
}
