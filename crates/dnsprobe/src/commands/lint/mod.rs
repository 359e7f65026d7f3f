//! `dnsprobe lint`: manifests in, what goes wrong or costs lookups out.

mod args;
mod baseline;
pub(crate) mod config_file;
mod files;
mod globs;
mod per_path;
mod repair;
mod rule_pages;
mod settings;

pub(crate) use args::Args;

use std::path::Path;

use self::config_file::{ConfigFile, current_folder};
use dnsprobe_lint::Facts;

use self::files::{Filter, Texts};
use self::settings::{Judged, Settings};
use crate::error::{CommandError, Status};
use crate::view::{LintFormat, Linted, Ui, write_linted};

/// Lints what the command line names.
pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Status, CommandError> {
    if let Some(code) = &args.explain {
        return rule_pages::explain(code);
    }
    if args.list_rules {
        return rule_pages::list(args.output);
    }
    let here = current_folder()?;
    let file = if args.choice.no_config {
        ConfigFile::default()
    } else {
        ConfigFile::find(args.choice.config.as_deref())?
    };
    let settings = Settings::new(args, &file, &here)?;
    let mut texts = find(args, &settings, &here)?;
    if let Some((path, shown)) = &file.path {
        texts.mention(shown, path.clone());
    }
    let mut judged = settings.judge(&mut texts);
    let problem = texts.take_problem(ui);
    let status = if let Some(path) = &args.choice.write_baseline {
        baseline::write(path, &here, &judged.diagnostics, &texts)?;
        Status::Done
    } else if args.repair.diff {
        repair::print_patch(&judged.diagnostics, &texts, settings.upto)?;
        Status::Done
    } else {
        if args.repair.fix {
            judged = repair::repair(judged, &mut texts, &settings)?;
        }
        show(args, &judged, &texts, &settings, ui)?
    };
    // The rest was linted all the same.
    if let Some(problem) = problem {
        return Err(problem);
    }
    if judged.objects == 0 && args.fail_if_no_objects_found {
        return Err(CommandError::new("no Kubernetes object was found"));
    }
    Ok(status)
}

/// Reads the manifests a path names, for commands that look at the workloads in them.
pub(crate) fn read_manifests(path: &Path, ui: &Ui) -> Result<Vec<Facts>, CommandError> {
    let filter = Filter::of_manifests()?;
    let mut texts = Texts::find(&[path.to_owned()], None, &current_folder()?, &filter);
    let facts = texts.scan();
    texts.take_problem(ui).map_or(Ok(facts), Err)
}

fn find(args: &Args, settings: &Settings, here: &Path) -> Result<Texts, CommandError> {
    let stdin = args.paths.iter().any(|path| path == Path::new("-"));
    let stdin_path = args.choice.stdin_path.as_deref();
    if stdin && stdin_path.is_none() && args.output == LintFormat::Sarif {
        return Err(CommandError::new("SARIF places every result in a file, and standard input is none")
            .hint("--stdin-path PATH says which file it stands for"));
    }
    if args.repair.suggested && !args.repair.fix && !args.repair.diff {
        return Err(CommandError::new("--unsafe says how far repairs go, and none was asked for")
            .hint("--fix makes them, --diff shows them"));
    }
    if stdin && args.repair.fix && !args.repair.diff {
        return Err(CommandError::new("--fix cannot write to standard input")
            .hint("--diff prints what it would change"));
    }
    let paths = if args.paths.is_empty() { &[".".into()] } else { &args.paths[..] };
    Ok(Texts::find(paths, stdin_path, here, &settings.filter))
}

fn show(
    args: &Args,
    judged: &Judged,
    texts: &Texts,
    settings: &Settings,
    ui: &Ui,
) -> Result<Status, CommandError> {
    let linted = Linted {
        diagnostics: &judged.diagnostics,
        known: judged.known,
        assumptions: &judged.assumptions,
        files: texts.len(),
        objects: judged.objects,
        sources: texts,
    };
    write_linted(args.output, &linted, ui)?;
    let fails = judged.diagnostics.iter().any(|diagnostic| settings.fail_on.is_met_by(diagnostic.severity));
    Ok(if fails { Status::Found } else { Status::Done })
}
