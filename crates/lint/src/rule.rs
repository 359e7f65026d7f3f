//! What a rule is, and what it writes its findings with.

use crate::case::Case;
use crate::diagnostic::{Change, Diagnostic, Edit, Fix, Safety, Severity};
use crate::manifest::{Object, Place};
use crate::world::World;
use crate::yaml::Span;

/// A rule: its page, and what it does.
#[derive(Debug)]
pub struct Rule {
    /// Stable, `DP504`.
    pub code: &'static str,
    /// Stable, `ndots-too-low`.
    pub name: &'static str,
    /// One line.
    pub title: &'static str,
    /// The severities it reports, in words.
    pub severity: &'static str,
    /// Whether it takes part unasked.
    pub default: Default,
    /// Its page.
    pub doc: Doc,
    pub(crate) check: Check,
}

/// Whether a rule takes part unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// It does.
    On,
    /// Only when selected by its code.
    OptIn,
}

/// The page of a rule, in fixed parts.
#[derive(Debug)]
pub struct Doc {
    /// What is reported.
    pub what: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// A manifest, or a part of a pod spec, that is reported.
    pub example: &'static str,
    /// What to do.
    pub fix: &'static str,
    /// Where it is known from.
    pub source: &'static str,
}

/// How a rule is run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Check {
    /// For every pod.
    Pod(fn(&Case<'_>, &mut Findings)),
    /// Once for the whole input.
    World(fn(&World<'_>, &mut Findings)),
    /// Elsewhere, or not at all yet.
    Elsewhere,
}

/// Where a rule writes its findings.
pub(crate) struct Findings {
    code: &'static str,
    pub(crate) list: Vec<Diagnostic>,
}

impl Findings {
    /// Findings of the rule of that code.
    pub(crate) fn new(code: &'static str) -> Findings {
        Findings { code, list: Vec::new() }
    }

    /// A finding at a place in the object's text.
    pub(crate) fn add(
        &mut self,
        severity: Severity,
        object: &Object,
        span: Span,
        message: impl Into<String>,
    ) -> Draft<'_> {
        self.list.push(Diagnostic {
            code: self.code,
            severity,
            message: message.into(),
            fix: None,
            path: object.path.clone(),
            span,
            kind: Some(object.kind.clone()),
            namespace: object.namespace().map(str::to_owned),
            name: object.name().map(str::to_owned),
            origin: object.origin.clone(),
        });
        Draft(self.list.last_mut())
    }

    /// The same at a place that knows its object.
    pub(crate) fn at(&mut self, severity: Severity, place: &Place, message: impl Into<String>) -> Draft<'_> {
        self.add(severity, &place.object, place.span, message)
    }
}

/// A finding that may still get a fix.
pub(crate) struct Draft<'a>(Option<&'a mut Diagnostic>);

impl Draft<'_> {
    /// A fix in words.
    pub(crate) fn fix(self, text: impl Into<String>) {
        self.with(text.into(), Safety::Suggested, Vec::new());
    }

    /// A fix that means the same as what was meant: replaces the text of a place.
    pub(crate) fn replace(self, span: Span, replacement: impl Into<String>, text: impl Into<String>) {
        self.with(text.into(), Safety::Safe, vec![edit(span, Change::Replace(replacement.into()))]);
    }

    /// A suggestion: replaces the text of a place.
    pub(crate) fn suggest(self, span: Span, replacement: impl Into<String>, text: impl Into<String>) {
        self.with(text.into(), Safety::Suggested, vec![edit(span, Change::Replace(replacement.into()))]);
    }

    /// A fix that means the same as what was meant: makes an entry of `options` this one. Name and value are plain words.
    pub(crate) fn write_option(self, item: Span, name: &str, value: Option<&str>) {
        let written = value.map_or_else(
            || format!("write {{name: {name}}}"),
            |value| format!("write {{name: {name}, value: \"{value}\"}}"),
        );
        let change = Change::Option { name: name.to_owned(), value: value.map(str::to_owned) };
        self.with(written, Safety::Safe, vec![edit(item, change)]);
    }

    /// A fix that changes nothing the pod gets: removes an item of a list.
    pub(crate) fn remove_safely(self, item: Span, text: impl Into<String>) {
        self.with(text.into(), Safety::Safe, vec![edit(item, Change::RemoveItem)]);
    }

    /// A suggestion: removes an item of a list.
    pub(crate) fn remove(self, item: Span, text: impl Into<String>) {
        self.with(text.into(), Safety::Suggested, vec![edit(item, Change::RemoveItem)]);
    }

    /// A suggestion: an edit made elsewhere, if there is one.
    pub(crate) fn suggest_edit(self, edit: Option<Edit>, text: impl Into<String>) {
        self.with(text.into(), Safety::Suggested, edit.into_iter().collect());
    }

    fn with(self, text: String, safety: Safety, edits: Vec<Edit>) {
        if let Some(diagnostic) = self.0 {
            diagnostic.fix = Some(Fix { text, safety, edits });
        }
    }
}

/// A change of a place.
pub(crate) fn edit(span: Span, change: Change) -> Edit {
    Edit { bytes: span.bytes(), change }
}

/// What nearly every rule needs.
pub(crate) mod prelude {
    pub(crate) use super::{Check, Default, Doc, Findings, Rule};
    pub(crate) use crate::case::{Case, Used};
    pub(crate) use crate::diagnostic::Severity::{Error, Info, Warning};
    pub(crate) use crate::names::Name;
    pub(crate) use crate::yaml::{Data, Style, Value};
    pub(crate) use dnsprobe_resolv::pod::{Base, DnsPolicy, Network};
}
