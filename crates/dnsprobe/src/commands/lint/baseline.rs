//! Findings that are known and shall not be reported again: for adopting the linter in a repository that has many.
//!
//! A finding is known by what it says about which object, not by its line, so that a baseline survives edits above it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use dnsprobe_lint::Diagnostic;
use serde::{Deserialize, Serialize};

use super::files::Texts;
use crate::error::CommandError;

const SCHEMA: &str = "dnsprobe.lint-baseline/1";

/// The largest baseline that is read, in bytes.
const MOST_BYTES: u64 = 64 << 20;

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema: String,
    findings: Vec<Known>,
}

/// The same finding, so many times.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    #[serde(flatten)]
    finding: Finding,
    count: usize,
}

/// What makes a finding the same one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Finding {
    /// From the baseline's folder on, where it lies below it.
    path: String,
    code: String,
    kind: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    message: String,
}

impl Finding {
    fn of(diagnostic: &Diagnostic, texts: &Texts, folder: &Path) -> Self {
        let inside = texts.whole(&diagnostic.path).and_then(|whole| whole.strip_prefix(folder).ok());
        Self {
            path: inside
                .map_or_else(|| diagnostic.path.to_string(), |path| path.to_string_lossy().into_owned()),
            code: diagnostic.code.to_owned(),
            kind: diagnostic.kind.clone(),
            namespace: diagnostic.namespace.clone(),
            name: diagnostic.name.clone(),
            message: diagnostic.message.clone(),
        }
    }
}

/// What is known.
pub(super) struct Baseline {
    counts: BTreeMap<Finding, usize>,
    folder: PathBuf,
}

impl Baseline {
    /// Reads the file at an absolute path.
    pub(super) fn read(path: &Path) -> Result<Self, CommandError> {
        let what = format!("read the baseline {}", path.display());
        let failed = |error: std::io::Error| {
            CommandError::wrap(&what, error).hint("--write-baseline FILE makes one of what is found now")
        };
        let mut text = String::new();
        File::open(path).map_err(failed)?.take(MOST_BYTES).read_to_string(&mut text).map_err(failed)?;
        let document: Document =
            serde_json::from_str(&text).map_err(|error| CommandError::wrap(&what, error))?;
        if document.schema != SCHEMA {
            return Err(CommandError::new(format!("{what}: its schema is not {SCHEMA}")));
        }
        let counts = document.findings.into_iter().map(|known| (known.finding, known.count)).collect();
        Ok(Self { counts, folder: folder_of(path) })
    }

    /// Takes out what is known; of findings that became more, those beyond the count stay.
    pub(super) fn take_known(&self, diagnostics: &mut Vec<Diagnostic>, texts: &Texts) {
        let mut left = self.counts.clone();
        diagnostics.retain(|diagnostic| match left.get_mut(&Finding::of(diagnostic, texts, &self.folder)) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        });
    }
}

/// Writes what was found.
pub(super) fn write(
    path: &Path,
    here: &Path,
    diagnostics: &[Diagnostic],
    texts: &Texts,
) -> Result<(), CommandError> {
    let path = here.join(path);
    let folder = folder_of(&path);
    let mut counts: BTreeMap<Finding, usize> = BTreeMap::new();
    for diagnostic in diagnostics {
        *counts.entry(Finding::of(diagnostic, texts, &folder)).or_default() += 1;
    }
    let findings = counts.into_iter().map(|(finding, count)| Known { finding, count }).collect();
    let document = Document { schema: SCHEMA.to_owned(), findings };
    let failed =
        |error: std::io::Error| CommandError::wrap(format!("write the baseline {}", path.display()), error);
    let text = serde_json::to_string_pretty(&document).map_err(|error| failed(error.into()))?;
    fs::write(&path, text + "\n").map_err(failed)
}

fn folder_of(path: &Path) -> PathBuf {
    let folder = path.parent().unwrap_or(Path::new("/"));
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}
