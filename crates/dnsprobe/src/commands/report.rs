//! `dnsprobe report`: what was seen and what to do about it, on one page for people who decide.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::gather::{GatherArgs, gather};
use crate::error::{CommandError, Status};
use crate::view::{Detail, PacketsOn, Reported, Ui, note, output, report_page};

/// Arguments of `dnsprobe report`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The page needs no network and no script: it opens from disk and in a mail. Its numbers are those of `read` and\n`watch`, its advice is that of `advise`. -r needs no root."
)]
pub(crate) struct Args {
    #[command(flatten)]
    gather: GatherArgs,
    /// Where the page goes (`-` is standard output)
    #[arg(long, value_name = "FILE|-")]
    html: PathBuf,
}

/// Gathers lookups and writes the page.
pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Status, CommandError> {
    let gathered = gather(&args.gather, ui)?;
    let what = args.gather.what();
    let page = report_page(&Reported {
        what: &what,
        summary: &gathered.summary,
        counters: &gathered.counters,
        dropped_by_kernel: gathered.dropped_by_kernel,
        gallery: &gathered.gallery,
        advised: &gathered.advised(),
    });
    if args.html == Path::new("-") {
        let mut output = output(PacketsOn::Elsewhere);
        output.write_all(page.as_bytes())?;
        output.flush()?;
        return Ok(Status::Done);
    }
    let shown = args.html.display();
    std::fs::write(&args.html, &page)
        .map_err(|error| CommandError::wrap(format!("write the report to {shown}"), error))?;
    if ui.detail > Detail::Less {
        note(&format!(
            "dnsprobe: {shown}: {} lookups on {} kB",
            gathered.summary.lookups,
            page.len() / 1_000
        ));
    }
    Ok(Status::Done)
}
