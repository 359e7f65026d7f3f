//! Values to text: the only place that writes results.

mod advise_json;
mod advise_table;
mod bars;
mod captured;
mod explain_json;
mod explain_table;
mod json;
mod json_line;
mod lint;
mod list;
mod patch;
mod report;
mod rows;
mod side_by_side;
mod summary_table;
mod tables;
mod text;

use std::io::{self, IsTerminal, Write};
use std::rc::Rc;

use dnsprobe_lookup::{Counters, InferredConf, Lookup, Summary, Timestamp};
use dnsprobe_resolv::advice::Advice;
use dnsprobe_resolv::whatif::Conf;
use dnsprobe_resolv::{Family, Profile, Resolver, ResolverId, Settings};

use crate::cli::{Color, Global};

pub(crate) use advise_json::{Advised, advised_json};
pub(crate) use advise_table::advised_table;
pub(crate) use captured::CapturedIn;
pub(crate) use explain_json::explained_json;
pub(crate) use explain_table::{ExplainTable, Times};
pub(crate) use json::{JsonLines, Shown};
pub(crate) use lint::{LintFormat, Linted, Sources, write_linted};
pub(crate) use list::{Columns, Listed, ListedResolver, list_json, list_table};
pub(crate) use patch::Workload;
pub(crate) use report::{Gallery, Reported, page as report_page};
pub(crate) use rows::{Merging, Rows, wrapped};
pub(crate) use side_by_side::{Side, side_by_side};
pub(crate) use text::{Paint, Palette, escape};

/// What is known of the terminal and of how much to say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ui {
    /// Colours of standard output.
    pub(crate) out: Palette,
    /// Colours of standard error.
    pub(crate) err: Palette,
    /// Columns of the terminal.
    pub(crate) width: usize,
    /// Whether a person watches standard output.
    pub(crate) terminal: bool,
    /// How much to say.
    pub(crate) detail: Detail,
}

/// How much to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Detail {
    /// `-q`
    Less,
    /// Neither `-q` nor `-v`.
    Normal,
    /// `-v`
    More,
}

/// Without a terminal, and on one that does not tell.
const DEFAULT_WIDTH: usize = 80;
/// Narrower than this nothing can be laid out.
const LEAST_WIDTH: usize = 72;
/// Wider lines are no easier to read.
const MOST_WIDTH: usize = 140;

impl Ui {
    /// From the command line, the environment and the terminal.
    pub(crate) fn new(global: &Global) -> Self {
        let palette = |terminal: bool| {
            let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            match global.color {
                Color::Always => Palette::Colours,
                Color::Auto if terminal && !plain => Palette::Colours,
                _ => Palette::Plain,
            }
        };
        let terminal = io::stdout().is_terminal();
        let detail = match (global.quiet, global.verbose) {
            (true, _) => Detail::Less,
            (_, true) => Detail::More,
            _ => Detail::Normal,
        };
        Self {
            out: palette(terminal),
            err: palette(io::stderr().is_terminal()),
            width: width(),
            terminal,
            detail,
        }
    }
}

/// Says something on standard error that is no result. Nobody listening is no error.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Columns of the terminal, or `COLUMNS` where there is none (as in tests and pipes).
fn width() -> usize {
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let seen = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    seen.or(told).unwrap_or(DEFAULT_WIDTH).clamp(LEAST_WIDTH, MOST_WIDTH)
}

/// One name explained for one resolver.
pub(crate) struct Explained<'a> {
    pub(crate) lookup: &'a Lookup,
    pub(crate) family: Family,
    /// Where it was asked; null offline.
    pub(crate) target: &'a serde_json::Value,
    /// What the resolver takes from its `resolv.conf`; `None` when it refuses the file.
    pub(crate) settings: Option<&'a Settings>,
    /// What the application gets instead of an address.
    pub(crate) error: Option<&'a str>,
    pub(crate) advice: &'a [Advice],
    /// The resolver's model; `None` when it refuses the file.
    pub(crate) profile: Option<&'a Profile>,
    /// What was really asked, where a capture shows it.
    pub(crate) held: Option<&'a Held>,
}

/// Lookups of a name held against its plan.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) lookups: u64,
    pub(crate) as_planned: u64,
    pub(crate) departing: Vec<Departing>,
}

/// A lookup that departs from its plan.
#[derive(Debug)]
pub(crate) struct Departing {
    pub(crate) client: Option<std::net::IpAddr>,
    pub(crate) start: Option<Timestamp>,
    pub(crate) message: String,
}

/// Everything there is to say at the end of a run.
pub(crate) struct Closing<'a> {
    pub(crate) summary: &'a Summary,
    pub(crate) counters: &'a Counters,
    /// Frames that the kernel had no room for; `None` for files.
    pub(crate) dropped_by_kernel: Option<u64>,
    /// What was captured in each namespace; empty for files.
    pub(crate) captured: &'a [CapturedIn],
    /// Search lists that were read from the traffic.
    pub(crate) inferred: &'a [(std::net::IpAddr, InferredConf)],
    /// What passed beside the lookups of one program; `None` where all lookups are shown.
    pub(crate) beside: Option<Beside>,
    /// By how much the node's conntrack counters grew meanwhile; `None` where nobody read them.
    pub(crate) conntrack: Option<Conntrack>,
}

/// Packets that the node's conntrack lost, as `conntrack -S` counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Conntrack {
    /// A connection's first packet lost the race against another's.
    pub(crate) insert_failed: u64,
    /// No new entry could be made.
    pub(crate) drop: u64,
    /// An entry was thrown out for another.
    pub(crate) early_drop: u64,
}

/// DNS packets that passed through the namespace while one program's lookups were watched.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Beside {
    /// Of other programs.
    pub(crate) others: u64,
    /// Those that cannot be told apart.
    pub(crate) unknown: u64,
    /// How the program's own were told.
    pub(crate) told: Told,
}

/// How a program's packets are told from those of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Told {
    /// By its sockets.
    #[default]
    BySocket,
    /// Not at all: those of others are among them.
    Not,
}

/// A resolver that some program of a namespace has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Present {
    pub(crate) id: ResolverId,
    /// The model of its version; `None` where the version is not known.
    pub(crate) exact: Option<Resolver>,
}

/// Where lookups are seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeenAt {
    /// For programs.
    pub(crate) target: serde_json::Value,
    /// In a word, for sums.
    pub(crate) name: Option<String>,
    /// The same, where rows have to tell several apart.
    pub(crate) among_others: Option<String>,
    /// The `resolv.conf` that its clients read; `None` where it is read from the traffic.
    pub(crate) conf: Option<Rc<Conf>>,
    /// The resolvers that its programs have; empty where that is not known.
    pub(crate) present: Rc<[Present]>,
    /// Which of those that share the target asked; `None` where there is only one, or where that was not told.
    pub(crate) asked_by: Option<AskedBy>,
}

/// Who asked, as its socket told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AskedBy {
    /// The container.
    pub(crate) container: Option<String>,
    /// The process.
    pub(crate) pid: Option<u32>,
    /// Its name, or that of its service.
    pub(crate) program: Option<String>,
    /// How it was told.
    pub(crate) told_by: &'static str,
}

/// Shows lookups as they finish, and the sums at the end.
pub(crate) trait Reporter {
    /// A lookup is over.
    fn lookup(&mut self, lookup: &Lookup, seen_at: &SeenAt) -> io::Result<()>;
    /// Whoever watches sees everything so far.
    fn flush(&mut self) -> io::Result<()>;
    /// Time has passed; what was held back for it is shown.
    fn tick(&mut self, now: Timestamp) -> io::Result<()>;
    /// When it wants to be told that, while nothing else happens.
    fn next_tick(&self, _now: Timestamp) -> Option<Timestamp> {
        None
    }
    /// The run is over.
    fn close(&mut self, closing: &Closing<'_>) -> io::Result<()>;
}

/// Bytes written at once, where nobody waits for them.
const PIECE: usize = 64 << 10;

/// Where results go.
pub(crate) type Output = Box<dyn Write>;

/// Standard output, or standard error when packets are written to standard output.
pub(crate) fn output(packets_on_stdout: PacketsOn) -> Output {
    match packets_on_stdout {
        PacketsOn::Stdout => Box::new(io::stderr()),
        PacketsOn::Elsewhere => Box::new(io::BufWriter::with_capacity(PIECE, io::stdout())),
    }
}

/// Whether packets are written to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PacketsOn {
    Stdout,
    Elsewhere,
}
