//! Findings of the linter, in every format.

mod checkstyle;
mod github;
mod json;
mod junit;
mod sarif;
mod text;
mod xml;

use std::io::{self, Write};
use std::path::Path;

use clap::ValueEnum;
use dnsprobe_lint::{Diagnostic, Severity};

use super::{PacketsOn, Ui, note, output};

/// `lint -o`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LintFormat {
    /// For people, with the place in the source
    Text,
    /// One JSON object a line
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Workflow commands of GitHub Actions
    Github,
    #[value(help = "JUnit XML")]
    /// `JUnit` XML
    Junit,
    /// Checkstyle XML
    Checkstyle,
}

/// What there is to show.
pub(crate) struct Linted<'a> {
    /// In the order of texts and places.
    pub(crate) diagnostics: &'a [Diagnostic],
    /// Findings that are not shown because the baseline knows them.
    pub(crate) known: usize,
    /// What was assumed about the cluster, a line each.
    pub(crate) assumptions: &'a [String],
    /// Texts that were read.
    pub(crate) files: usize,
    /// Kubernetes objects in them.
    pub(crate) objects: usize,
    /// Where the texts can be had.
    pub(crate) sources: &'a dyn Sources,
}

/// Where the texts of findings can be had. They are not kept: memory would grow with the input.
pub(crate) trait Sources {
    /// The text of a path as it is shown.
    fn text(&self, shown: &str) -> Option<String>;
    /// The file of a path as it is shown; `None` for standard input.
    fn file(&self, shown: &str) -> Option<&Path>;
}

/// Writes the findings. What was assumed goes to standard error, except in the text for people.
pub(crate) fn write_linted(format: LintFormat, linted: &Linted<'_>, ui: &Ui) -> io::Result<()> {
    let mut out = output(PacketsOn::Elsewhere);
    match format {
        LintFormat::Text => text::write(&mut out, linted, ui),
        LintFormat::Json => json::write(&mut out, linted),
        LintFormat::Sarif => sarif::write(&mut out, linted),
        LintFormat::Github => github::write(&mut out, linted),
        LintFormat::Junit => junit::write(&mut out, linted),
        LintFormat::Checkstyle => checkstyle::write(&mut out, linted),
    }?;
    out.flush()?;
    if format != LintFormat::Text && !linted.diagnostics.is_empty() && !linted.assumptions.is_empty() {
        note(&format!("dnsprobe: assumed {}", linted.assumptions.join("; ")));
    }
    Ok(())
}

impl Linted<'_> {
    fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }
}

/// The object in a word, `Deployment shop/web`.
fn object(diagnostic: &Diagnostic) -> Option<String> {
    let kind = diagnostic.kind.as_deref()?;
    Some(match (&diagnostic.namespace, &diagnostic.name) {
        (Some(namespace), Some(name)) => format!("{kind} {namespace}/{name}"),
        (None, Some(name)) => format!("{kind} {name}"),
        (_, None) => kind.to_owned(),
    })
}

/// Message and fix in one, for formats with a single text.
fn message_and_fix(diagnostic: &Diagnostic) -> String {
    match &diagnostic.fix {
        Some(fix) => format!("{}. Fix: {}", diagnostic.message, fix.text),
        None => diagnostic.message.clone(),
    }
}
