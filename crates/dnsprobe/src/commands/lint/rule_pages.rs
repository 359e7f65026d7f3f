//! `--explain` and `--list-rules`.

use std::io::Write;

use dnsprobe_lint::{RULES, Rule, page, table};

use crate::error::{CommandError, Status};
use crate::view::{LintFormat, PacketsOn, output};

/// Prints the page of a rule, named by its code or its name.
pub(super) fn explain(word: &str) -> Result<Status, CommandError> {
    let is_meant = |rule: &&&Rule| rule.code.eq_ignore_ascii_case(word) || rule.name == word;
    let rule = RULES.iter().find(is_meant).ok_or_else(|| {
        CommandError::new(format!("there is no rule `{word}`"))
            .hint("`dnsprobe lint --list-rules` shows them all")
    })?;
    print(&page(rule))
}

/// Prints all rules.
pub(super) fn list(format: LintFormat) -> Result<Status, CommandError> {
    if format != LintFormat::Json {
        return print(&table());
    }
    let line = |rule: &&Rule| {
        let opt_in = rule.default == dnsprobe_lint::Default::OptIn;
        let line = serde_json::json!({
            "schema": "dnsprobe.lint-rule/1", "code": rule.code, "name": rule.name, "title": rule.title,
            "severity": rule.severity, "opt_in": opt_in,
        });
        format!("{line}\n")
    };
    print(&RULES.iter().map(line).collect::<String>())
}

fn print(text: &str) -> Result<Status, CommandError> {
    let mut out = output(PacketsOn::Elsewhere);
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(Status::Done)
}
