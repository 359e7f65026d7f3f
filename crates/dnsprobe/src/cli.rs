//! The command line as typed. Nothing is done here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::{advise, completions, demo, exec, explain, lint, list, read, report, watch};

/// DNS lookups of a pod: which questions ndots and the search list caused, and what each suffix cost
#[derive(Debug, Parser)]
#[command(name = "dnsprobe", version, propagate_version = true, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  dnsprobe demo                                     what ndots costs, seen here
  sudo dnsprobe list                                the pods of this node
  sudo dnsprobe explain www.example.com --pod web   a name: plan, then truth
  sudo dnsprobe watch --ns sre                      lookups of pods, live
  sudo dnsprobe exec --pod web -- curl example.com  run it in there
  dnsprobe read capture.pcap                        lookups of a capture
  dnsprobe advise -r capture.pcap                   the smallest safe ndots
  dnsprobe report -r capture.pcap --html dns.html   a page for those who decide
  helm template . | dnsprobe lint -                 manifests, in CI

Exit status: 0 done; 1 the name did not resolve (explain), or something was
found (lint); 2 could not do the job. exec: the program's own, or 125 to 127.";

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
    /// Say less: no step rows, no notes
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more: where things were found, every question
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// One JSON object a line
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play a small cluster in private namespaces and show what ndots costs; needs no root, no cluster, no network
    Demo(demo::Args),
    /// Show the plan for a name, then ask it for real in the target and time every step
    Explain(explain::Args),
    /// Show lookups live, one row each as it finishes, and a summary at the end
    Watch(watch::Args),
    /// Run a program with the target's network and resolv.conf, and report the lookups that it caused
    Exec(exec::Args),
    /// Show the lookups in a capture file (pcap or pcapng); needs no root
    Read(read::Args),
    /// Say from observed lookups which ndots would be safe, what it would save, and which names to write with a dot
    Advise(advise::Args),
    /// Put lookups, what they wasted and what to do about it on one HTML page that needs no network
    Report(report::Args),
    /// Show every network namespace of this node: pods, containers, named ones, processes; and what each resolves with
    List(list::Args),
    /// Judge the DNS settings and names in Kubernetes manifests: what will go wrong, what each name costs, and the fix
    Lint(lint::Args),
    /// Print shell completions
    Completions(completions::Args),
    /// Print the manual page
    Man,
}

/// The heading of the options that name a target.
const TARGET: &str = "Target (none: the namespace dnsprobe runs in)";

/// Whose network namespace.
#[derive(Debug, Clone, Args)]
pub(crate) struct TargetArgs {
    /// A pod on this node, by its name, its UID, or its workload's name where that leaves one
    #[arg(long, value_name = "[NS/]NAME", conflicts_with_all = ["pid", "netns", "all"], help_heading = TARGET)]
    pub(crate) pod: Option<String>,
    /// The Kubernetes namespace of --pod; alone, every pod of it on this node
    #[arg(short = 'n', long = "ns", visible_alias = "namespace", value_name = "NS", conflicts_with_all = ["pid", "netns", "all"], help_heading = TARGET)]
    pub(crate) ns: Option<String>,
    /// A container by its id, the beginning of its id, or its name; beside --pod, one of its containers
    #[arg(long, value_name = "ID|NAME", conflicts_with_all = ["pid", "netns", "all"], help_heading = TARGET)]
    pub(crate) container: Option<String>,
    /// The network namespace and the files of this process
    #[arg(long, value_name = "PID", conflicts_with_all = ["netns", "all"], help_heading = TARGET)]
    pub(crate) pid: Option<u32>,
    /// A network namespace by its `ip netns` name, or by the path of its file
    #[arg(long, value_name = "NAME|PATH", conflicts_with = "all", help_heading = TARGET)]
    pub(crate) netns: Option<String>,
    /// Every pod on this node
    #[arg(long, help_heading = TARGET)]
    pub(crate) all: bool,
    /// Where the node's root directory is mounted, with its own /proc
    #[arg(long, value_name = "DIR", default_value = "/", help_heading = TARGET)]
    pub(crate) host_root: PathBuf,
}

/// How lookups are shown, the same for every command that shows them.
#[derive(Debug, Args)]
pub(crate) struct LookupArgs {
    /// Output format
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    pub(crate) output: Format,
    /// Only the summary at the end
    #[arg(long)]
    pub(crate) summary: bool,
    /// The clients' resolver, as in `explain --list-resolvers`; auto: what their packets show
    #[arg(long, value_name = "auto|ID[@VERSION]", default_value = "auto")]
    pub(crate) resolver: String,
    /// The resolv.conf of the clients, instead of the target's own or of what the traffic shows
    #[arg(long, value_name = "FILE")]
    pub(crate) resolv_conf: Option<PathBuf>,
    /// A variable of the clients' environment, instead of the target's own: `RES_OPTIONS`, `LOCALDOMAIN`, or `HOSTALIASES`
    /// (a file)
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) env: Vec<String>,
    /// A port that carries DNS (may be given several times)
    #[arg(long = "port", value_name = "PORT", default_values_t = [53])]
    pub(crate) ports: Vec<u16>,
    /// Also write the packets to this file (`-` is standard output; the rows then go to standard error)
    #[arg(short = 'w', long = "write", value_name = "FILE|-")]
    pub(crate) write: Option<PathBuf>,
    /// Begin another packet file when one has this many million bytes: FILE, FILE1, FILE2 …
    #[arg(short = 'C', long = "rotate-size", value_name = "MILLIONS", requires = "write", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rotate_size: Option<u64>,
    /// Keep at most this many packet files; then the first is written over
    #[arg(short = 'W', long = "rotate-count", value_name = "FILES", requires = "rotate_size", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rotate_count: Option<u32>,
    /// Stop after this many packets
    #[arg(short = 'c', long = "count", value_name = "PACKETS")]
    pub(crate) count: Option<u64>,
}
