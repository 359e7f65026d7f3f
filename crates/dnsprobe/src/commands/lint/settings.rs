//! What a run of the linter is told: the command line before the configuration file.

use std::path::Path;

use dnsprobe_lint::{Config, Diagnostic, RULES, Safety, Suppressions, judge};

use super::args::{Args, FailOn};
use super::baseline::Baseline;
use super::config_file::{ConfigFile, LintTable};
use super::files::{Filter, Texts};
use super::globs::Globs;
use super::per_path::PerPath;
use crate::error::CommandError;

/// Everything a run is told.
pub(super) struct Settings {
    config: Config,
    pub(super) fail_on: FailOn,
    pub(super) filter: Filter,
    /// How far repairs go.
    pub(super) upto: Safety,
    per_path: PerPath,
    baseline: Option<Baseline>,
}

/// What was found in all texts together.
pub(super) struct Judged {
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Findings that the baseline knows.
    pub(super) known: usize,
    pub(super) objects: usize,
    pub(super) assumptions: Vec<String>,
}

impl Settings {
    pub(super) fn new(args: &Args, file: &ConfigFile, here: &Path) -> Result<Self, CommandError> {
        let choice = &args.choice;
        let mut config = file.config(&args.cluster);
        config.select = codes(if choice.select.is_empty() { &file.lint.select } else { &choice.select })?;
        config.ignore = codes(&choice.ignore)?;
        config.ignore.extend(codes(&file.lint.ignore)?);
        if choice.no_suppressions {
            config.suppressions = Suppressions::Off;
        }
        let folder = file.folder.as_deref().unwrap_or(here);
        let baseline = match (&choice.baseline, &file.lint.baseline) {
            (Some(path), _) => Some(Baseline::read(&here.join(path))?),
            (None, Some(path)) if !choice.no_suppressions && choice.write_baseline.is_none() => {
                Some(Baseline::read(&folder.join(path))?)
            }
            _ => None,
        };
        Ok(Self {
            config,
            fail_on: args.fail_on.or(file.lint.fail_on).unwrap_or(FailOn::Error),
            filter: filter(args, &file.lint, folder, here)?,
            upto: if args.repair.suggested { Safety::Suggested } else { Safety::Safe },
            per_path: if choice.no_suppressions { PerPath::default() } else { PerPath::of(file, here)? },
            baseline,
        })
    }

    /// Reads and judges all texts.
    pub(super) fn judge(&self, texts: &mut Texts) -> Judged {
        let facts = texts.scan();
        let mut report = judge(&facts, &self.config);
        self.per_path.apply(&mut report.diagnostics, texts, &self.config);
        let found = report.diagnostics.len();
        if let Some(baseline) = &self.baseline {
            baseline.take_known(&mut report.diagnostics, texts);
        }
        Judged {
            known: found - report.diagnostics.len(),
            diagnostics: report.diagnostics,
            objects: report.objects,
            assumptions: report.assumptions,
        }
    }
}

fn filter(args: &Args, table: &LintTable, folder: &Path, here: &Path) -> Result<Filter, CommandError> {
    let mut filter = Filter::of_manifests()?;
    if !args.choice.include.is_empty() {
        filter.include = Globs::of(here, &args.choice.include)?;
    } else if !table.include.is_empty() {
        filter.include = Globs::of(folder, &table.include)?;
    }
    filter.exclude.add(folder, &table.exclude)?;
    filter.exclude.add(here, &args.choice.exclude)?;
    Ok(filter)
}

/// The codes that words such as `DP504` or `DP5` stand for.
pub(super) fn codes(words: &[String]) -> Result<Vec<String>, CommandError> {
    let mut codes = Vec::new();
    for word in words {
        let beginning = word.trim().to_ascii_uppercase();
        let before = codes.len();
        let matching = RULES.iter().filter(|rule| !beginning.is_empty() && rule.code.starts_with(&beginning));
        codes.extend(matching.map(|rule| rule.code.to_owned()));
        if codes.len() == before {
            return Err(CommandError::new(format!("there is no rule `{word}`"))
                .hint("`dnsprobe lint --list-rules` shows them all"));
        }
    }
    Ok(codes)
}
