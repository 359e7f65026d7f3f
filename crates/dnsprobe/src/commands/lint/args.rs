//! The command line of `dnsprobe lint`.

use std::path::PathBuf;

use clap::ValueEnum;
use dnsprobe_lint::Severity;

use crate::commands::cluster::ClusterArgs;
use crate::view::LintFormat;

/// Arguments of `dnsprobe lint`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Manifests (YAML or JSON), folders of them, or `-` for standard input; without any, the current folder
    pub(super) paths: Vec<PathBuf>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = LintFormat::Text, value_name = "FORMAT")]
    pub(super) output: LintFormat,
    /// The least severity that makes the exit status 1; `error` unless the configuration file says otherwise
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(super) fail_on: Option<FailOn>,
    /// Exit with status 2 when no Kubernetes object is found
    #[arg(long)]
    pub(super) fail_if_no_objects_found: bool,
    /// Print the page of a rule, such as DP504, and end
    #[arg(long, value_name = "RULE")]
    pub(super) explain: Option<String>,
    /// Print all rules, and end
    #[arg(long, conflicts_with = "explain")]
    pub(super) list_rules: bool,
    #[command(flatten)]
    pub(super) choice: Choice,
    #[command(flatten)]
    pub(super) repair: Repair,
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
}

/// What is linted, and by which rules.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Rules and files")]
pub(super) struct Choice {
    /// Only these rules, opt-in ones included: codes, or their beginnings such as DP5
    #[arg(long, value_name = "RULE,…", value_delimiter = ',')]
    pub(super) select: Vec<String>,
    /// Not these rules
    #[arg(long, value_name = "RULE,…", value_delimiter = ',')]
    pub(super) ignore: Vec<String>,
    /// Report also what comments, annotations and the configuration file suppress
    #[arg(long)]
    pub(super) no_suppressions: bool,
    /// Files to take from folders, as globs in the way of .gitignore, instead of *.yaml, *.yml and *.json
    #[arg(long, value_name = "GLOB")]
    pub(super) include: Vec<String>,
    /// Files and folders to leave out, even when named; .gitignore and hidden files are left out of folders anyway
    #[arg(long, value_name = "GLOB")]
    pub(super) exclude: Vec<String>,
    /// The path that standard input is reported under
    #[arg(long, value_name = "PATH")]
    pub(super) stdin_path: Option<PathBuf>,
    /// The configuration file, instead of the nearest .dnsprobe.toml from here upwards
    #[arg(long, value_name = "FILE", conflicts_with = "no_config")]
    pub(super) config: Option<PathBuf>,
    /// Read no configuration file
    #[arg(long)]
    pub(super) no_config: bool,
    /// Report only what is not in this file
    #[arg(long, value_name = "FILE")]
    pub(super) baseline: Option<PathBuf>,
    /// Write what is found to this file, for --baseline, and report nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["baseline", "fix", "diff"])]
    pub(super) write_baseline: Option<PathBuf>,
}

/// What is done to the files.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Repairs")]
pub(super) struct Repair {
    /// Repair what can be repaired without changing what was meant, and report the rest
    #[arg(long)]
    pub(super) fix: bool,
    /// Make suggested repairs too, which change what the pod gets
    #[arg(long = "unsafe")]
    pub(super) suggested: bool,
    /// Write nothing: print what --fix would change, as a patch
    #[arg(long)]
    pub(super) diff: bool,
}

/// `--fail-on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FailOn {
    /// The API server refuses it, or DNS is surely broken
    Error,
    /// Costs lookups, or works only by luck
    Warning,
    /// Anything
    Info,
    /// Nothing: the status only says whether the job was done
    Never,
}

impl FailOn {
    /// Whether a finding of this severity makes the run fail.
    pub(super) fn is_met_by(self, severity: Severity) -> bool {
        match self {
            Self::Error => severity >= Severity::Error,
            Self::Warning => severity >= Severity::Warning,
            Self::Info => true,
            Self::Never => false,
        }
    }
}

pub(super) const AFTER_HELP: &str = "\
All files are judged together: a Service in one decides about a pod in another.
A finding is suppressed by a comment on its line or above its block
(`# dnsprobe: ignore DP501 reason`), by an annotation of the object or its pod template
(`dnsprobe/ignore: DP501,DP502`), or for paths in the configuration file.

The configuration file, .dnsprobe.toml; every key may be left out, options of the command line win:
  [lint]
  cluster-domain = \"cluster.local\"
  cluster-dns = [\"10.96.0.10\"]
  host-search = [\"corp.example\"]           # search domains of the nodes
  kube-version = \"1.31\"
  libc = \"musl\"                            # or \"glibc\"
  default-namespace = \"shop\"               # of objects that name none
  other-cluster-domains = [\"b.example\"]    # names in them are meant
  extra-options = [\"my-option\"]            # resolver options that some image knows
  private-zones = [\"corp.example\"]         # private although they look public
  select = [\"DP1\", \"DP501\"]
  ignore = [\"DP213\"]                       # those of --ignore come on top
  fail-on = \"warning\"
  include = [\"*.yaml\"]                     # globs as in .gitignore, from this file's folder on
  exclude = [\"vendor/\"]
  baseline = \".dnsprobe-baseline.json\"     # from this file's folder on
  [lint.per-path-ignore]
  \"charts/legacy/**\" = [\"DP501\", \"DP502\"]

Exit status: 0 nothing found at or above --fail-on, 1 something was, 2 the job could not be done
(what could be read is still linted).";
