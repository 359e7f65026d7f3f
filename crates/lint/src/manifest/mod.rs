//! Manifests as facts: text → pods with their DNS settings and the names they use, and the objects around them.
//!
//! Nothing here judges; what a rule needs to know of a text is collected here once, small enough to be kept for the
//! whole input.

mod command;
mod config_map;
mod dns;
mod hosts;
mod json;
mod network_policy;
mod object;
mod places;
mod pod;
mod read;
mod routes;

pub(crate) use command::{Command, Role};
pub(crate) use config_map::ConfigMap;
pub(crate) use dns::{DnsFields, OptionEntry, nameserver_address};
pub(crate) use hosts::{Form, MAX_NAMES, Meaning, Mention, Scheme};
pub(crate) use network_policy::NetworkPolicy;
pub(crate) use object::{Ignore, Object, Place};
pub(crate) use pod::{Pod, Trust};
pub(crate) use read::read;
pub(crate) use routes::{RefusedDot, Service};

use crate::diagnostic::Diagnostic;
use crate::yaml::Span;
use std::sync::Arc;

/// A text that is part of the input.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Its path as it is to be printed, `-` for standard input.
    pub path: &'a str,
    /// Its content, any bytes.
    pub bytes: &'a [u8],
    /// How it got into the input.
    pub found: Found,
}

/// How a text got into the input: it decides whether something unreadable is worth a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It was asked for by name.
    Named,
    /// It lay in a folder.
    InFolder,
}

/// What one text says, without the text. Made by [`crate::scan`], judged by [`crate::judge`].
#[derive(Debug, Default)]
pub struct Facts {
    pub(crate) pods: Vec<Pod>,
    pub(crate) services: Vec<Service>,
    pub(crate) config_maps: Vec<ConfigMap>,
    pub(crate) policies: Vec<NetworkPolicy>,
    pub(crate) refused_dots: Vec<RefusedDot>,
    /// Kubernetes objects, other than list wrappers.
    pub(crate) objects: Vec<Arc<Object>>,
    pub(crate) unreadable: Vec<Unreadable>,
    pub(crate) ignores: Vec<Ignore>,
    pub(crate) path: Option<Arc<str>>,
}

/// A document that could not be read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) message: String,
    pub(crate) span: Span,
    pub(crate) template: Template,
}

/// Whether a text looks like an unrendered template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Template {
    /// `{{` is near.
    Likely,
    /// `{{` is somewhere in the text.
    Possible,
    No,
}

impl Facts {
    /// How many Kubernetes objects the text holds.
    pub fn objects(&self) -> usize {
        self.objects.len()
    }

    /// Gives back the room that lists took in advance: facts are kept until all texts are read.
    fn shrink(&mut self) {
        self.pods.shrink_to_fit();
        self.services.shrink_to_fit();
        self.config_maps.shrink_to_fit();
        self.objects.shrink_to_fit();
        self.ignores.shrink_to_fit();
    }
}

/// A diagnostic without an object.
pub(crate) fn bare(path: &Arc<str>, span: Span, code: &'static str, message: String) -> Diagnostic {
    Diagnostic {
        code,
        severity: crate::Severity::Info,
        message,
        fix: None,
        path: Arc::clone(path),
        span,
        kind: None,
        namespace: None,
        name: None,
        origin: None,
    }
}
