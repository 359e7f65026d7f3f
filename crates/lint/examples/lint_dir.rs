//! Lints files and folders and prints `dnsprobe.lint/1` lines: a stand-in for the command while developing rules.
//!
//! `cargo run -p dnsprobe-lint --example lint_dir -- [--flag value]... PATH...|-`

use dnsprobe_lint::{Config, Found, Input, KubeVersion, Libc, Severity, Suppressions, judge, scan};
use serde_json::json;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut config = Config::default();
    let (mut fail_on, mut paths) = ("error".to_owned(), Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--no-suppressions" {
            config.suppressions = Suppressions::Off;
            continue;
        }
        if !argument.starts_with("--") {
            paths.push(argument);
            continue;
        }
        let Some(value) = arguments.next() else { return ExitCode::from(2) };
        let list: Vec<String> = value.split(',').map(str::to_owned).collect();
        match argument.as_str() {
            "--fail-on" => fail_on = value,
            "--cluster-domain" => config.cluster_domain = Some(value),
            "--cluster-dns" => config.cluster_dns = Some(list),
            "--host-search" => config.host_searches = Some(list),
            "--kube-version" => config.kube_version = KubeVersion::parse(&value),
            "--libc" => config.libc = Some(if value == "musl" { Libc::Musl } else { Libc::Glibc }),
            "--select" => config.select = list,
            "--ignore" => config.ignore = list,
            _ => return ExitCode::from(2),
        }
    }
    lint(&paths, &config, &fail_on)
}

fn lint(paths: &[String], config: &Config, fail_on: &str) -> ExitCode {
    let mut facts = Vec::new();
    for path in paths {
        if path == "-" {
            let mut bytes = Vec::new();
            let _ = std::io::stdin().read_to_end(&mut bytes);
            facts.push(scan(Input { path: "-", bytes: &bytes, found: Found::Named }));
            continue;
        }
        let found = if Path::new(path).is_dir() { Found::InFolder } else { Found::Named };
        let mut files = Vec::new();
        collect(Path::new(path), &mut files);
        for file in files {
            let Ok(bytes) = std::fs::read(&file) else { return ExitCode::from(2) };
            let shown = file.strip_prefix("./").unwrap_or(&file).to_string_lossy().into_owned();
            facts.push(scan(Input { path: &shown, bytes: &bytes, found }));
        }
    }
    let report = judge(&facts, config);
    for d in &report.diagnostics {
        let line = json!({
            "schema": "dnsprobe.lint/1", "path": &*d.path, "line": d.span.start.line, "column": d.span.start.column,
            "end_line": d.span.end.line, "end_column": d.span.end.column, "code": d.code,
            "severity": d.severity.as_str(), "kind": d.kind, "namespace": d.namespace, "name": d.name,
            "message": d.message, "fix": d.fix.as_ref().map(|fix| &fix.text),
        });
        println!("{line}");
    }
    let least = match fail_on {
        "warning" => Severity::Warning,
        "info" => Severity::Info,
        _ => Severity::Error,
    };
    ExitCode::from(u8::from(report.diagnostics.iter().any(|d| d.severity >= least)))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if !path.is_dir() {
        return files.push(path.to_owned());
    }
    let Ok(entries) = std::fs::read_dir(path) else { return };
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for entry in entries {
        let manifest =
            entry.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|known| end == *known));
        if entry.is_dir() || manifest {
            collect(&entry, files);
        }
    }
}
