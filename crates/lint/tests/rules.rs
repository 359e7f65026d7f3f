//! The rules' pages and codes hold what they promise.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise, in its helpers too")]

use dnsprobe_lint::{Config, Found, Input, RULES, Rule, judge, rules_page, scan};
use std::collections::BTreeSet;
use std::path::Path;

/// The example as a manifest: a part of a pod spec gets a pod around it.
fn manifest(rule: &Rule) -> String {
    let example = rule.doc.example;
    if example.starts_with("apiVersion") {
        return example.to_owned();
    }
    let containers =
        if example.contains("\n  containers:") { "" } else { "  containers: [{name: web, image: web}]\n" };
    format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: orders}}\n{example}{containers}")
}

fn codes(text: &str, config: &Config) -> BTreeSet<&'static str> {
    let facts = [scan(Input { path: "example.yaml", bytes: text.as_bytes(), found: Found::Named })];
    judge(&facts, config).diagnostics.into_iter().map(|d| d.code).collect()
}

#[test]
fn every_example_is_reported_by_its_rule() {
    for rule in RULES.iter().filter(|rule| rule.code != "DP607") {
        let opt_in = rule.default == dnsprobe_lint::Default::OptIn;
        let select = if opt_in { vec![rule.code.to_owned()] } else { Vec::new() };
        let text = manifest(rule);
        let found = codes(&text, &Config { select, ..Config::default() });
        assert!(found.contains(rule.code), "{} among {found:?} in\n{text}", rule.code);
    }
}

#[test]
fn the_rules_page_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("RULES.md");
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(
        page == rules_page(),
        "make it anew: cargo run -p dnsprobe-lint --example rules_page > crates/lint/RULES.md"
    );
}

#[test]
fn codes_and_names_are_unique_and_in_order() {
    let codes: Vec<_> = RULES.iter().map(|rule| rule.code).collect();
    let mut sorted = codes.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(codes, sorted);
    assert_eq!(RULES.iter().map(|rule| rule.name).collect::<BTreeSet<_>>().len(), RULES.len());
}

#[test]
fn each_rule_has_a_file_named_after_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules");
    for rule in RULES {
        let file = format!("{}_{}.rs", rule.code.to_lowercase(), rule.name.replace('-', "_"));
        assert!(folder.join(&file).exists(), "{file}");
    }
}

#[test]
fn pages_fit_what_code_scanning_accepts() {
    for rule in RULES {
        for text in [rule.title, rule.doc.what, rule.doc.why, rule.doc.fix, rule.doc.source] {
            assert!(!text.trim().is_empty() && text.len() <= 1024, "{}", rule.code);
        }
    }
}

#[test]
fn workloads_carry_what_explaining_a_name_needs() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: orders}\nspec:\n  template:\n    spec:\n      \
                dnsConfig: {options: [{name: ndots, value: \"2\"}]}\n      containers:\n      - {name: a, image: alpine, env: [{name: X, \
                value: \"https://api.example.com.\"}]}\n";
    let facts = [scan(Input { path: "x.yaml", bytes: text.as_bytes(), found: Found::Named })];
    let found = dnsprobe_lint::workloads(&facts, &Config::default());
    let workload = &found[0];
    assert_eq!(
        (workload.kind.as_str(), workload.name.as_str(), workload.namespace.as_str()),
        ("Deployment", "web", "orders")
    );
    assert_eq!(workload.libc, Some(dnsprobe_lint::Libc::Musl));
    assert_eq!(workload.hosts, ["api.example.com"]);
    let cluster = Config::default().cluster();
    let host = dnsprobe_resolv::pod::HostFile::Text("");
    let predicted = dnsprobe_resolv::pod::predict(&workload.dns, &cluster, host).unwrap();
    assert_eq!(predicted.options, ["ndots:2"]);
    assert_eq!(predicted.searches[0], "orders.svc.cluster.local");
}

#[test]
fn facts_may_be_made_in_parallel() {
    fn crosses_threads<T: Send + Sync>() {}
    crosses_threads::<dnsprobe_lint::Facts>();
    crosses_threads::<Config>();
}
