//! `dnsprobe explain --list-resolvers`: what there are models of.

use std::io::Write;

use dnsprobe_resolv::resolver::{TableRow, table};
use serde_json::json;

use crate::cli::Format;
use crate::error::{CommandError, Status};
use crate::view::{PacketsOn, Paint, Ui, output, wrapped};

/// Prints the resolvers with versions, calls and sources.
pub(crate) fn list(format: Format, ui: &Ui) -> Result<Status, CommandError> {
    let mut output = output(PacketsOn::Elsewhere);
    match format {
        Format::Json => {
            for row in table() {
                let apis: Vec<_> =
                    row.apis.iter().map(|api| json!({"word": api.word, "what": api.what})).collect();
                let line = json!({
                    "id": row.id.as_str(),
                    "versions": row.versions,
                    "default_version": row.default_version.to_string(),
                    "apis": apis,
                    "source": row.source,
                });
                writeln!(output, "{line}")?;
            }
        }
        Format::Table => {
            for row in table() {
                writeln!(output, "{}", described(row, ui))?;
            }
        }
    }
    output.flush()?;
    Ok(Status::Done)
}

/// A resolver in a few lines: id and versions, its calls, where the model comes from.
fn described(row: &TableRow, ui: &Ui) -> String {
    let id = ui.out.paint(Paint::Bold, &format!("{:17}", row.id.as_str()));
    let mut text = format!("{id} {} (default {})", row.versions, row.default_version);
    let apis: Vec<String> = row.apis.iter().map(|api| format!("`{}` {}", api.word, api.what)).collect();
    for line in [format!("--api {}", apis.join("; ")), format!("from {}", row.source)] {
        text.push('\n');
        text.push_str(&wrapped(&line, ui, Paint::Dim));
    }
    text
}
