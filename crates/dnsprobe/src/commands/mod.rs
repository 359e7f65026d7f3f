//! The commands, one file each: arguments to values, library calls, view.

mod advice;
pub(crate) mod advise;
mod answers;
pub(crate) mod captured;
mod chosen;
mod cluster;
pub(crate) mod completions;
mod conntrack;
pub(crate) mod demo;
pub(crate) mod exec;
pub(crate) mod explain;
mod gather;
mod input;
mod lane;
mod lanes;
pub(crate) mod lint;
pub(crate) mod list;
mod packet_file;
mod programs;
pub(crate) mod read;
pub(crate) mod report;
mod resolvers;
mod session;
mod sharing;
mod situation;
mod unpacking;
pub(crate) mod watch;
mod workload;

use crate::cli::Command;
use crate::error::{CommandError, Status};
use crate::view::Ui;

/// Runs one command.
pub(crate) fn run(command: Command, ui: &Ui) -> Result<Status, CommandError> {
    match command {
        Command::Advise(args) => advise::run(&args, ui),
        Command::Demo(args) => demo::run(&args, ui),
        Command::Exec(args) => exec::run(&args, ui),
        Command::Explain(args) => explain::run(&args, ui),
        Command::Lint(args) => lint::run(&args, ui),
        Command::List(args) => list::run(&args, ui),
        Command::Report(args) => report::run(&args, ui),
        Command::Watch(args) => watch::run(&args, ui),
        Command::Read(args) => read::run(&args, ui),
        Command::Completions(args) => completions::completions(&args),
        Command::Man => completions::manual(),
    }
}
