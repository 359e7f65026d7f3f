//! What the linter says, and where.

use crate::yaml::Span;
use std::ops::Range;
use std::sync::Arc;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Costs lookups, or works only by luck.
    Warning,
    /// The API server refuses it, or DNS is surely broken.
    Error,
}

impl Severity {
    /// `error`, `warning` or `info`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// Whether a fix may be applied unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    /// Means the same as what was meant: `--fix`.
    Safe,
    /// A suggestion that changes what the pod gets: `--fix --unsafe`.
    Suggested,
}

/// One change of the text the diagnostic points into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is changed, as offsets in bytes.
    pub bytes: Range<usize>,
    /// How.
    pub change: Change,
}

/// How a piece of text is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// By another text.
    Replace(String),
    /// It is an entry of `options` and becomes this one, written as the text is: JSON or YAML.
    Option {
        /// Its name.
        name: String,
        /// Its value, if it has one.
        value: Option<String>,
    },
    /// It is an item of a list and goes, with its dash or comma.
    RemoveItem,
    /// It is a mapping in block style that gets another entry in front; lines of the entry, indented as at its top.
    AddEntry(Vec<String>),
    /// It is an item of a list in block style that gets another item in front; lines of the new item.
    AddItem(Vec<String>),
}

/// What to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// In words.
    pub text: String,
    /// Whether the edits may be made unasked.
    pub safety: Safety,
    /// The edits that do it; none when it takes a human.
    pub edits: Vec<Edit>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The rule, for instance `DP504`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, with the figures it rests on.
    pub message: String,
    /// What to do about it.
    pub fix: Option<Fix>,
    /// The path given with the text.
    pub path: Arc<str>,
    /// The place in it.
    pub span: Span,
    /// Kind of the object, where there is one.
    pub kind: Option<String>,
    /// Its namespace as written.
    pub namespace: Option<String>,
    /// Its name as written.
    pub name: Option<String>,
    /// The template a `helm template` comment names as the origin of the object.
    pub origin: Option<String>,
}
