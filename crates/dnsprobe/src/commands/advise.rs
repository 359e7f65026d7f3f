//! `dnsprobe advise`: the smallest safe change, from lookups that were observed.

use std::io::Write;

use super::gather::{GatherArgs, gather};
use crate::cli::Format;
use crate::error::{CommandError, Status};
use crate::view::{PacketsOn, Ui, advised_json, advised_table, output};

/// Arguments of `dnsprobe advise`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each lookup is walked again by its resolver's model under every ndots from 1 to 5. What nobody was seen to answer is\nnever assumed: such names are listed, and the setting does not count as safe. -r needs no root."
)]
pub(crate) struct Args {
    #[command(flatten)]
    gather: GatherArgs,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
}

/// Gathers lookups and says what other settings would come to.
pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Status, CommandError> {
    let gathered = gather(&args.gather, ui)?;
    let advised = gathered.advised();
    let mut output = output(PacketsOn::Elsewhere);
    match args.output {
        Format::Json => {
            for line in advised_json(&advised) {
                writeln!(output, "{line}")?;
            }
        }
        Format::Table => output.write_all(advised_table(&advised, ui).as_bytes())?,
    }
    output.flush()?;
    Ok(Status::Done)
}
