//! The rules as text: a page each, a table, and the page of all.

use crate::rule::{Default, Rule};
use crate::rules::RULES;
use std::fmt::Write as _;

/// The page of a rule, as Markdown.
pub fn page(rule: &Rule) -> String {
    let mut page = format!("## {} {}\n\n{}\n\n", rule.code, rule.name, rule.title);
    let when = if rule.default == Default::OptIn { ", off unless selected" } else { "" };
    let _ = writeln!(page, "Severity: {}{when}\n", rule.severity);
    let doc = &rule.doc;
    for (heading, text) in [("What", doc.what), ("Why", doc.why)] {
        let _ = writeln!(page, "**{heading}.** {text}\n");
    }
    let _ = writeln!(page, "**Example.**\n\n```yaml\n{}\n```\n", doc.example.trim_end());
    for (heading, text) in [("Fix", doc.fix), ("Source", doc.source)] {
        let _ = writeln!(page, "**{heading}.** {text}\n");
    }
    page
}

/// All rules, a line each: code, severity, name, title.
pub fn table() -> String {
    let mut table = String::new();
    for rule in RULES {
        let off = if rule.default == Default::OptIn { " (opt-in)" } else { "" };
        let _ = writeln!(table, "{}  {:<24} {:<30} {}{off}", rule.code, rule.severity, rule.name, rule.title);
    }
    table
}

/// The page of all rules, `crates/lint/RULES.md`.
pub fn rules_page() -> String {
    let mut page = "# Lint rules\n\nMade from the rules themselves by `cargo run -p dnsprobe-lint --example rules_page`; a test \
                    keeps it current.\n\n| code | severity | title |\n|---|---|---|\n"
        .to_owned();
    for rule in RULES {
        let off = if rule.default == Default::OptIn { ", opt-in" } else { "" };
        let anchor = format!("{}-{}", rule.code.to_lowercase(), rule.name);
        let _ = writeln!(page, "| [{}](#{anchor}) | {}{off} | {} |", rule.code, rule.severity, rule.title);
    }
    page.push('\n');
    for rule in RULES {
        page.push_str(&self::page(rule));
    }
    page.trim_end().to_owned() + "\n"
}
