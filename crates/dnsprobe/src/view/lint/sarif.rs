//! SARIF 2.1.0 (OASIS), with what GitHub code scanning asks for (docs.github.com, "SARIF support for code scanning").

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use dnsprobe_lint::{Diagnostic, RULES, Rule, Severity, page};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{Linted, message_and_fix, object};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// GitHub refuses a longer description of a rule, in characters.
const MOST_DESCRIPTION: usize = 1024;

/// What stays as it is in a URI's path (RFC 3986 section 2.3, and the separator). A colon does not: in a first segment it
/// would end a scheme.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

pub(super) fn write(out: &mut dyn Write, linted: &Linted<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &Log { schema: SCHEMA, version: "2.1.0", runs: [Run::of(linted)] })?;
    writeln!(out)
}

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Value,
    column_kind: &'static str,
    results: Results<'a>,
}

impl<'a> Run<'a> {
    fn of(linted: &'a Linted<'a>) -> Self {
        let driver = json!({
            "name": "dnsprobe",
            "version": env!("CARGO_PKG_VERSION"),
            "rules": RULES.iter().map(|rule| self::rule(rule)).collect::<Vec<_>>(),
        });
        Self { tool: json!({ "driver": driver }), column_kind: "unicodeCodePoints", results: Results(linted) }
    }
}

/// Made one by one while they are written: all of them at once take many times the room of the findings.
struct Results<'a>(&'a Linted<'a>);

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.diagnostics.iter().map(|diagnostic| result(diagnostic, self.0)))
    }
}

fn rule(rule: &Rule) -> Value {
    // A rule's severities are words such as `warning or error`; the first of them is its usual one.
    let level = [("info", "note"), ("warning", "warning"), ("error", "error")]
        .into_iter()
        .filter_map(|(word, level)| rule.severity.find(word).map(|at| (at, level)))
        .min()
        .map_or("warning", |(_, level)| level);
    let description: String =
        format!("{} {}", rule.doc.what, rule.doc.why).chars().take(MOST_DESCRIPTION).collect();
    json!({
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": description},
        "help": {"text": rule.doc.fix, "markdown": page(rule)},
        "defaultConfiguration": {
            "level": level,
            "enabled": rule.default == dnsprobe_lint::Default::On,
        },
        "properties": {
            "tags": ["dns", "kubernetes"],
            "problem.severity": if level == "note" { "recommendation" } else { level },
        },
    })
}

fn result(diagnostic: &Diagnostic, linted: &Linted<'_>) -> Value {
    let level = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    };
    let (start, end) = (diagnostic.span.start, diagnostic.span.end);
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": {"uri": uri(&diagnostic.path, linted)},
            "region": {
                "startLine": start.line,
                "startColumn": start.column,
                "endLine": end.line,
                "endColumn": end.column,
            },
        },
    });
    if let Some(object) = object(diagnostic) {
        location["logicalLocations"] = json!([{"fullyQualifiedName": object, "kind": "resource"}]);
    }
    json!({
        "ruleId": diagnostic.code,
        "ruleIndex": RULES.iter().position(|rule| rule.code == diagnostic.code),
        "level": level,
        "message": {"text": message_and_fix(diagnostic)},
        "locations": [location],
    })
}

/// A reference relative to the current folder, which in continuous integration is the repository's top.
fn uri(shown: &str, linted: &Linted<'_>) -> String {
    let path = linted.sources.file(shown).unwrap_or(Path::new(shown));
    let here = std::env::current_dir().unwrap_or_default();
    let inside = path.strip_prefix(&here).unwrap_or(path);
    let encoded = percent_encode(inside.as_os_str().as_bytes(), ESCAPED);
    if inside.components().next() == Some(Component::RootDir) {
        return format!("file://{encoded}");
    }
    encoded.to_string()
}
