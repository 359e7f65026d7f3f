//! `dnsprobe explain --list-resolvers`: what there are models of.

use std::io::Write;

use dnsprobe_resolv::resolver::table;
use serde_json::json;

use crate::cli::Format;
use crate::error::{CommandError, Status};
use crate::view::{PacketsOn, Ui, output, plain_table};

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
            let rows = table().iter().map(|row| {
                let apis: Vec<&str> = row.apis.iter().map(|api| api.word).collect();
                vec![
                    row.id.as_str().to_owned(),
                    format!("{} (default {})", row.versions, row.default_version),
                    apis.join(", "),
                    row.source.to_owned(),
                ]
            });
            writeln!(
                output,
                "{}",
                plain_table(&["ID", "VERSIONS", "--api", "MODEL FROM"], rows.collect(), ui)
            )?;
        }
    }
    output.flush()?;
    Ok(Status::Done)
}
