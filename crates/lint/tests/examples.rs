//! The manifests of `examples/manifests` have the problem their first line names, and their repairs have none.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise, in its helpers too")]

use dnsprobe_lint::{Config, Found, Input, Severity, judge, scan};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/manifests")
}

fn codes(text: &str) -> BTreeSet<&'static str> {
    let facts = [scan(Input { path: "example.yaml", bytes: text.as_bytes(), found: Found::Named })];
    let report = judge(&facts, &Config::default());
    report.diagnostics.into_iter().filter(|d| d.severity > Severity::Info).map(|d| d.code).collect()
}

fn problems() -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| {
            path.to_string_lossy().ends_with(".yaml") && !path.to_string_lossy().ends_with(".fixed.yaml")
        })
        .collect()
}

#[test]
fn each_problem_is_the_one_its_first_line_names() {
    assert!(problems().len() >= 6);
    for path in problems() {
        let text = std::fs::read_to_string(&path).unwrap();
        let named =
            text.lines().next().unwrap().strip_prefix("# Problem: ").unwrap().split('.').next().unwrap();
        assert_eq!(codes(&text), named.split(", ").collect(), "{}", path.display());
    }
}

#[test]
fn each_repair_leaves_nothing_above_info() {
    for path in problems() {
        let repair = path.with_extension("fixed.yaml");
        let text = std::fs::read_to_string(&repair).unwrap();
        assert_eq!(codes(&text), BTreeSet::new(), "{}", repair.display());
    }
}
