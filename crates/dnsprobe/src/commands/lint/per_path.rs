//! `[lint.per-path-ignore]`: rules that are not applied to some files, and which of these requests had no effect.

use std::path::Path;
use std::sync::Arc;

use dnsprobe_lint::{Config, Diagnostic, Fix, Position, Safety, Severity, Span, is_enabled};

use super::config_file::ConfigFile;
use super::files::Texts;
use super::globs::Globs;
use super::settings::codes;
use crate::error::CommandError;

/// All requests of a configuration file.
#[derive(Default)]
pub(super) struct PerPath {
    requests: Vec<Request>,
    /// The file, as it is shown.
    shown: Option<Arc<str>>,
}

/// One word of the file, and where it stands.
struct Request {
    files: Globs,
    glob: String,
    word: String,
    codes: Vec<String>,
    span: Span,
}

impl PerPath {
    /// The requests of a file; its globs start from its folder, or from `here` where there is no file.
    pub(super) fn of(file: &ConfigFile, here: &Path) -> Result<Self, CommandError> {
        let folder = file.folder.as_deref().unwrap_or(here);
        let mut requests = Vec::new();
        for (glob, words) in &file.lint.per_path_ignore {
            for word in words {
                requests.push(Request {
                    files: Globs::of(folder, std::slice::from_ref(glob))?,
                    glob: glob.clone(),
                    word: word.get_ref().clone(),
                    codes: codes(std::slice::from_ref(word.get_ref()))?,
                    span: file.span(word.span()),
                });
            }
        }
        Ok(Self { requests, shown: file.path.as_ref().map(|(_, shown)| Arc::clone(shown)) })
    }

    /// Takes out what shall not be reported, and adds a finding for every request that had no effect although it is about
    /// a file that was linted.
    pub(super) fn apply(&self, diagnostics: &mut Vec<Diagnostic>, texts: &Texts, config: &Config) {
        let mut used = vec![false; self.requests.len()];
        diagnostics.retain(|diagnostic| {
            let Some(whole) = texts.whole(&diagnostic.path) else { return true };
            let mut kept = true;
            for (request, used) in self.requests.iter().zip(&mut used) {
                if request.codes.iter().any(|code| code == diagnostic.code) && request.files.cover(whole) {
                    (*used, kept) = (true, false);
                }
            }
            kept
        });
        let Some(shown) = &self.shown else { return };
        let in_vain = self.requests.iter().zip(&used).filter(|(request, used)| {
            let takes_part = request.codes.iter().any(|code| is_enabled(code, config));
            !**used && takes_part && texts.wholes().any(|whole| request.files.cover(whole))
        });
        if is_enabled("DP003", config) {
            diagnostics.extend(in_vain.map(|(request, _)| request.is_unused(shown)));
        }
    }
}

impl Request {
    fn is_unused(&self, shown: &Arc<str>) -> Diagnostic {
        let Self { word, glob, .. } = self;
        Diagnostic {
            code: "DP003",
            severity: Severity::Info,
            message: format!("{word} reports nothing in {glob}: the request to ignore it is unused"),
            fix: Some(Fix { text: "remove it".to_owned(), safety: Safety::Suggested, edits: Vec::new() }),
            path: Arc::clone(shown),
            span: self.span,
            kind: None,
            namespace: None,
            name: None,
            origin: None,
        }
    }
}

/// The place of a range of bytes, in lines and columns.
pub(super) fn place(text: &str, bytes: std::ops::Range<usize>) -> Span {
    let position = |byte: usize| {
        let (line, column) = super::config_file::position(text, byte);
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Position { line: count(line), column: count(column) }
    };
    let offset = |byte: usize| u32::try_from(byte).unwrap_or(u32::MAX);
    Span {
        start: position(bytes.start),
        end: position(bytes.end),
        first_byte: offset(bytes.start),
        last_byte: offset(bytes.end),
    }
}
