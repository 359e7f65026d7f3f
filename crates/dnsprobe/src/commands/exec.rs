//! `dnsprobe exec`: runs a program inside the target and reports the lookups that it caused.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use clap::CommandFactory;
use dnsprobe_lookup::{Embedded, Frame, Nanos, SearchList};
use dnsprobe_sniffer::capture;
use dnsprobe_sniffer::run::{self, Ended, Files, Inside, Left, NotTold, Running, Signals};
use dnsprobe_sniffer::trace::{self, Judge, Whose};
use dnsprobe_sniffer::{
    Capture, CaptureOptions, Error, FrameSource, Located, SourceId, embedded, privileges, wake,
};

use super::chosen::AUTO;
use super::session::{Session, Showing};
use super::situation;
use crate::cli::{Cli, Format, LookupArgs, TargetArgs};
use crate::error::{CommandError, Status};
use crate::view::{Beside, Merging, Output, Palette, Told, Ui, escape, note};

/// Exit statuses that are not the program's, as env(1) has them: dnsprobe failed, the program cannot be executed, there is
/// no such program.
const FAILED: u8 = 125;
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;
/// Added to the number of the signal that ended the program, as shells do.
const SIGNALLED: i32 = 128;

/// Lookups that only time ends are noticed within this.
const TICK: Nanos = Nanos::from_millis(100);
/// How long late answers are waited for.
const LATE: Duration = Duration::from_millis(150);
/// How long packets take from the wire to here.
const SETTLE: Duration = Duration::from_millis(20);
/// Longer than any resolver waits.
const FOR_GOOD: Nanos = Nanos::from_millis(3_600_000);
/// How often it is looked whether there are more.
const PAUSE: Duration = Duration::from_millis(5);

const AFTER_HELP: &str = "\
CMD is a program of this node, run in the target's network namespace with the
target's resolv.conf, hosts and nsswitch.conf in /etc, so that it works for a
container without a shell. Each lookup is reported that CMD caused, or any
program that it started; DNS packets of other programs in the namespace are
counted. Standard output is CMD's alone.

CMD runs as you are, but gains no privileges (no_new_privs); with --root it is
the container's file, and has no more capabilities than the container may have.
Its calls of connect, sendto, sendmsg and sendmmsg are held for a moment while
dnsprobe looks at the socket (seccomp, Linux 5.9); without that, all lookups in
the namespace are reported. 32-bit programs and io_uring are not told. When
dnsprobe is killed (SIGKILL), so is CMD.

Exit status: CMD's own, or 128 and the number of the signal that ended it; 125
dnsprobe itself failed; 126 CMD cannot be executed; 127 there is no such CMD.

Needs CAP_SYS_ADMIN to enter, CAP_NET_RAW to capture, CAP_SYS_PTRACE to look at
processes. All are given up when CMD has been started, but for CAP_SYS_PTRACE in
the thread that looks at CMD's sockets and CAP_KILL in the one that passes
signals on.";

/// Arguments of `dnsprobe exec`.
#[derive(Debug, clap::Args)]
#[command(override_usage = "dnsprobe exec [OPTIONS] -- <CMD>...", after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    target: TargetArgs,
    /// Run CMD from the container's own file system, not from this node's
    #[arg(long)]
    root: bool,
    /// Format of the report
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
    /// Write the report to this file instead of to standard error
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Report only the summary
    #[arg(long)]
    summary: bool,
    /// A port that carries DNS (may be given several times)
    #[arg(long = "port", value_name = "PORT", default_values_t = [53])]
    ports: Vec<u16>,
    /// Also write the packets of CMD's lookups to this file
    #[arg(short = 'w', long = "write", value_name = "FILE", value_parser = packet_file)]
    write: Option<PathBuf>,
    /// The program and its arguments
    #[arg(value_name = "CMD", required = true, num_args = 1.., trailing_var_arg = true)]
    words: Vec<OsString>,
}

fn packet_file(text: &str) -> Result<PathBuf, String> {
    match text {
        "-" => Err("standard output is CMD's alone; name a file".to_owned()),
        _ => Ok(PathBuf::from(text)),
    }
}

/// Runs the program and reports its lookups.
pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Status, CommandError> {
    execute(args, ui).map_err(|failure| match failure {
        Failure::Program(error, code) => error.exits(code),
        Failure::Own(error) => error.exits(FAILED),
    })
}

/// To be called first thing in `main`: does the work of the process that serves what outlives the program, if this is one.
pub(crate) fn hidden() -> Option<ExitCode> {
    trace::keep(&std::env::args_os().nth(1)?).map(|()| ExitCode::SUCCESS)
}

/// Says what is wrong with the command line, or shows the help. With `exec`, 2 may be the program's own status.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // Nobody listening is no error.
    let _ = error.print();
    let status = u8::try_from(error.exit_code()).unwrap_or(FAILED);
    let command = Cli::command();
    let is_command = |word: &OsString| command.find_subcommand(word).is_some();
    let exec = std::env::args_os().skip(1).find(is_command).is_some_and(|word| word == "exec");
    ExitCode::from(if status != 0 && exec { FAILED } else { status })
}

/// Whose failure it is.
enum Failure {
    Own(CommandError),
    /// The program could not be run: with this exit status.
    Program(CommandError, u8),
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        Self::Own(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::NotStarted { source, .. } => code_of(source),
            _ => FAILED,
        };
        Self::Program(error.into(), code)
    }
}

/// What it means that a program could not be started.
fn code_of(error: &io::Error) -> u8 {
    match error.kind() {
        io::ErrorKind::NotFound => NOT_FOUND,
        io::ErrorKind::OutOfMemory | io::ErrorKind::WouldBlock => FAILED,
        _ => NOT_EXECUTABLE,
    }
}

fn execute(args: &Args, ui: &Ui) -> Result<Status, Failure> {
    let system = |what: &'static str| move |error: io::Error| CommandError::wrap(what, error);
    // Before there are other threads: they and the program inherit it.
    privileges::no_new_privs().map_err(system("give up gaining privileges"))?;
    let signals = Signals::hold().map_err(system("hold signals back"))?;
    let located = situation::locate(&args.target)?;
    situation::say_notes(&located);
    let inside = Inside::of(&located, if args.root { Files::Container } else { Files::Node })?;
    for line in &inside.notes {
        note(&format!("dnsprobe: {}", escape(line)));
    }
    let embedded = embedded::in_namespace(&located.netns)?;
    let options = CaptureOptions { ports: args.ports.clone(), ..CaptureOptions::default() };
    let options = options.with(embedded.as_ref());
    let mut report = Report::begin(args, ui, &located, embedded)?;
    let (waker, wake) = wake::pair().map_err(system("prepare for the program's end"))?;
    let mut source = Capture::new(wake)?;
    let prepared = run::prepare(&args.words, inside, &options.ports, signals, waker)?;
    let id = source.attach(&located.netns, &options)?;
    let running = prepared.start()?;
    // Sockets are open and the program runs: nothing here needs a privilege any more.
    privileges::drop_all().map_err(system("give up privileges"))?;
    report.tell_by(&running, options.ports);
    let watched = report.watch(&mut source, &running);
    let told = running.sockets.as_ref().ok().cloned();
    let ended = running.finish().map_err(system("wait for the program"))?;
    watched?;
    report.end(ended);
    if let Some(overlooked) = told.map(|sockets| sockets.overlooked()).filter(|it| it.times > 0) {
        let why = overlooked.why.unwrap_or_default();
        note(&format!(
            "dnsprobe: {} sockets of the program could not be looked at ({why}); their lookups count as those of others",
            overlooked.times
        ));
    }
    report.close(&mut source, id)?;
    Ok(Status::OfProgram(exit_code(ended.status)))
}

/// As a shell has it.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| SIGNALLED + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(FAILED)
}

/// The report as it is written while the program runs.
struct Report {
    session: Session,
    /// `None` when frames cannot be told apart.
    judge: Option<Judge>,
    beside: Beside,
    /// Whether there were frames of the program.
    seen: bool,
}

impl Report {
    fn begin(
        args: &Args,
        ui: &Ui,
        located: &Located,
        embedded: Option<Embedded>,
    ) -> Result<Self, CommandError> {
        let lookups = LookupArgs {
            output: args.output,
            summary: args.summary,
            resolver: AUTO.to_owned(),
            resolv_conf: None,
            env: Vec::new(),
            ports: args.ports.clone(),
            write: args.write.clone(),
            count: None,
            rotate_size: None,
            rotate_count: None,
        };
        let showing = Showing {
            lookups: &lookups,
            merging: Merging::Never,
            target: situation::target_json(&args.target, located),
            target_name: situation::target_name(&args.target, located),
        };
        let search = SearchList::Known(situation::conf_of(located).bytes);
        let (output, ui) = destination(args, *ui)?;
        let session = Session::writing_to(output, showing, search, Vec::new(), &ui)?.with_embedded(embedded);
        Ok(Self { session, judge: None, beside: Beside::default(), seen: false })
    }

    fn tell_by(&mut self, running: &Running, ports: Vec<u16>) {
        match &running.sockets {
            Ok(sockets) => self.judge = Some(Judge::new(sockets.clone(), ports)),
            Err(why) => {
                self.beside.told = Told::Not;
                note(&format!(
                    "dnsprobe: lookups of other programs in this network namespace are reported too: {}",
                    reason(why)
                ));
            }
        }
    }

    /// Takes frames until the program has ended, and for a moment more. The program runs on whatever happens here.
    fn watch(&mut self, source: &mut Capture, running: &Running) -> Result<(), CommandError> {
        while !running.has_ended() {
            self.batch(source)?;
        }
        let ended = Instant::now();
        while ended.elapsed() < if self.is_waiting() { LATE } else { SETTLE } {
            thread::sleep(PAUSE);
            self.batch(source)?;
        }
        Ok(())
    }

    fn is_waiting(&self) -> bool {
        self.judge.as_ref().map_or(self.seen, Judge::is_waiting)
    }

    fn batch(&mut self, source: &mut Capture) -> Result<(), CommandError> {
        let batch =
            source.next_batch(Some(capture::now() + TICK), &mut |captured| self.frame(&captured.frame))?;
        // What goes wrong with the report comes out when it is closed.
        let _ = self.session.silence(batch.now);
        Ok(())
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        match self.judge.as_mut().map_or(Whose::Program, |judge| judge.whose(frame)) {
            Whose::Program => {
                self.seen = true;
                let _ = self.session.frame(frame);
            }
            Whose::Others => self.beside.others += 1,
            Whose::Unknown => self.beside.unknown += 1,
        }
    }

    /// Nobody waits for an answer any more where all have ended by themselves. A program that was killed may have been
    /// waiting: its last lookup was not seen to its end.
    fn end(&mut self, ended: Ended) {
        if ended.left == Left::Nothing && ended.status.code().is_some() {
            let _ = self.session.silence(capture::now() + FOR_GOOD);
        }
    }

    fn close(mut self, source: &mut Capture, id: SourceId) -> Result<(), CommandError> {
        let statistics = source.statistics(Some(id))?;
        self.session.beside(self.beside);
        match self.session.close(Some(statistics.dropped_by_kernel)) {
            Err(error) if !error.is_closed_output() => Err(error),
            _ => Ok(()),
        }
    }
}

/// Where the report goes, and how wide and colourful it may be there.
fn destination(args: &Args, ui: Ui) -> Result<(Output, Ui), CommandError> {
    match &args.report {
        None => Ok((Box::new(io::stderr()), Ui { out: ui.err, ..ui })),
        Some(path) => {
            let file = File::create(path)
                .map_err(|error| CommandError::on_file("create the report", path, error))?;
            Ok((Box::new(BufWriter::new(file)), Ui { out: Palette::Plain, ..ui }))
        }
    }
}

fn reason(why: &NotTold) -> String {
    use std::error::Error as _;
    why.source().map_or_else(|| why.to_string(), |source| format!("{why}: {source}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_that_of_the_program_or_of_its_signal() {
        let code = |raw| exit_code(ExitStatus::from_raw(raw));
        assert_eq!((code(0), code(7 << 8), code(255 << 8)), (0, 7, 255));
        assert_eq!((code(15), code(9)), (143, 137));
    }

    #[test]
    fn a_program_that_is_missing_differs_from_one_that_cannot_be_executed() {
        let code = |errno| code_of(&io::Error::from_raw_os_error(errno));
        // ENOENT, EACCES, ENOEXEC, ENOTDIR; EAGAIN and ENOMEM are no fault of the program.
        assert_eq!([2, 13, 8, 20].map(code), [127, 126, 126, 126]);
        assert_eq!([11, 12].map(code), [125, 125]);
    }

    #[test]
    fn packets_do_not_go_to_standard_output() {
        assert!(packet_file("-").is_err());
        assert_eq!(packet_file("x.pcap"), Ok(PathBuf::from("x.pcap")));
    }
}
