//! `dnsprobe completions` and `dnsprobe man`: what the shell and `man` want to know.

use std::io::{self, Write};

use clap::CommandFactory;

use crate::cli::Cli;
use crate::error::{CommandError, Status};

/// Arguments of `dnsprobe completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

/// Prints the completions of one shell.
pub(crate) fn completions(args: &Args) -> Result<Status, CommandError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "dnsprobe", &mut text);
    io::stdout().write_all(&text)?;
    Ok(Status::Done)
}

/// Prints the manual page: `dnsprobe man | man -l -`.
pub(crate) fn manual() -> Result<Status, CommandError> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut text)?;
    io::stdout().write_all(&text)?;
    Ok(Status::Done)
}
