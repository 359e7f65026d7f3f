//! Every manifest of `testdata/manifests` gives exactly the findings written into it.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise, in its helpers too")]

use dnsprobe_lint::{Config, Diagnostic, Found, Input, KubeVersion, Libc, judge, scan};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Line, code, severity; the column where one is written.
type Expected = (String, u32, String, Option<u32>);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/manifests")
}

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn config(text: &str) -> Config {
    let mut config = Config::default();
    let line = text.lines().next().unwrap_or_default();
    for (key, value) in
        line.strip_prefix("#! ").unwrap_or_default().split(' ').filter_map(|pair| pair.split_once('='))
    {
        let list = value.split(',').map(str::to_owned).collect();
        match key {
            "cluster-domain" => config.cluster_domain = Some(value.to_owned()),
            "cluster-dns" => config.cluster_dns = Some(list),
            "host-search" => config.host_searches = Some(list),
            "kube-version" => config.kube_version = Some(KubeVersion::parse(value).unwrap()),
            "libc" => config.libc = Some(if value == "musl" { Libc::Musl } else { Libc::Glibc }),
            "select" => config.select = list,
            _ => panic!("unknown setting {key}"),
        }
    }
    config
}

fn expected(path: &str, text: &str) -> Vec<Expected> {
    let mut expected = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let Some((_, notes)) = line.split_once("#~ ") else { continue };
        for note in notes.split(", ") {
            let (what, column) =
                note.split_once('@').map_or((note, None), |(what, column)| (what, Some(column)));
            let column = column.map(|column| column.trim().parse().unwrap());
            expected.push((
                path.to_owned(),
                u32::try_from(index).unwrap() + 1,
                what.trim().to_owned(),
                column,
            ));
        }
    }
    expected
}

fn is(expected: &Expected, found: &Diagnostic) -> bool {
    let what = format!("{} {}", found.code, found.severity.as_str());
    let column = expected.3.is_none_or(|column| column == found.span.start.column);
    expected.0 == *found.path && expected.1 == found.span.start.line && expected.2 == what && column
}

fn problems(case: &Path) -> Vec<String> {
    let texts: Vec<(String, String)> = files(case)
        .iter()
        .map(|file| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(file).unwrap())
        })
        .collect();
    let facts: Vec<_> = texts
        .iter()
        .map(|(path, text)| scan(Input { path, bytes: text.as_bytes(), found: Found::Named }))
        .collect();
    let mut found = judge(&facts, &config(&texts[0].1)).diagnostics;
    let mut problems = Vec::new();
    for wanted in texts.iter().flat_map(|(path, text)| expected(path, text)) {
        match found.iter().position(|found| is(&wanted, found)) {
            Some(at) => drop(found.remove(at)),
            None => problems.push(format!("missing: {wanted:?}")),
        }
    }
    let place = |d: &Diagnostic| format!("{}:{}:{}", d.path, d.span.start.line, d.span.start.column);
    problems.extend(
        found.iter().map(|d| format!("unwanted: {} {} {:?} {}", place(d), d.code, d.severity, d.message)),
    );
    problems
}

#[test]
fn manifests_give_exactly_the_findings_written_into_them() {
    let mut failures = Vec::new();
    let cases = files(&root());
    assert!(cases.len() > 10, "the cases are there");
    for case in cases.iter().filter(|case| case.file_name().is_some_and(|name| name != "README.md")) {
        for problem in problems(case) {
            failures.push(format!("{}: {problem}", case.file_name().unwrap().to_string_lossy()));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn every_finding_has_a_message_a_fix_and_a_place() {
    let codes: BTreeSet<&str> = dnsprobe_lint::RULES.iter().map(|rule| rule.code).collect();
    for case in files(&root()) {
        for file in files(&case) {
            let bytes = std::fs::read(&file).unwrap();
            let facts = [scan(Input { path: "x", bytes: &bytes, found: Found::Named })];
            for d in judge(&facts, &Config::default()).diagnostics {
                assert!(codes.contains(d.code), "{d:?}");
                assert!(!d.message.is_empty() && d.fix.is_some(), "{d:?}");
                assert!(
                    d.span.start.line > 0 && d.span.start.column > 0 && d.span.end >= d.span.start,
                    "{d:?}"
                );
                assert!(std::str::from_utf8(&bytes[d.span.bytes()]).is_ok(), "{d:?}");
            }
        }
    }
}
