//! `dnsprobe`: what did this pod ask because of ndots and the search list, and what did each suffix cost?
//!
//! This file parses, runs one command, and turns its end into an exit status; nothing else.

mod cli;
mod commands;
mod demo;
mod error;
mod measure;
mod view;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    if let Some(status) = demo::hidden() {
        return status;
    }
    if let Some(status) = commands::exec::hidden() {
        return status;
    }
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return commands::exec::usage(&error),
    };
    // Whatever is started from here on gains nothing. The kernel refuses this to nobody.
    let _ = dnsprobe_sniffer::privileges::no_new_privs();
    let ui = view::Ui::new(&cli.global);
    match commands::run(cli.command, &ui) {
        Ok(status) => status.into(),
        Err(error) => error.report(&ui),
    }
}
