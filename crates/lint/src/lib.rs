//! What in this manifest will go wrong or cost lookups?
//!
//! Text in, diagnostics out: no files, no network, no printing. [`scan`] reads one text (in parallel if wanted),
//! [`judge`] applies the rules to all of them together, since Services, `ConfigMap`s and Namespaces of one file decide
//! about pods in another. [`apply`] makes the edits a diagnostic carries, [`workloads`] lists the pods with the settings
//! they will get. [`RULES`] are the rules with their pages.

mod case;
mod config;
mod cost;
mod diagnostic;
mod docs;
mod engine;
mod fix;
mod known;
mod manifest;
mod names;
mod rule;
mod rules;
mod suppress;
mod workload;
mod world;
mod yaml;

pub use config::{Config, KubeVersion, Libc, Suppressions};
pub use diagnostic::{Change, Diagnostic, Edit, Fix, Safety, Severity};
pub use docs::{page, rules_page, table};
pub use engine::{Report, is_enabled, judge, scan};
pub use fix::apply;
pub use manifest::{Facts, Found, Input};
pub use rule::{Default, Doc, Rule};
pub use rules::{RULES, find};
pub use workload::{Workload, workloads};
pub use yaml::{Position, Span};
