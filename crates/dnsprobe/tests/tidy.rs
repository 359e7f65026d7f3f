//! The shape of the workspace that no compiler holds: who imports whom, how large files are, where `unsafe` is.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use common::{list, repository, text};
use serde_json::Value;

/// Every crate, and those of this workspace that it may import. Everything but the command and the sniffer is pure.
const MAY_IMPORT: [(&str, &[&str]); 6] = [
    ("dnsprobe-resolv", &[]),
    ("dnsprobe-lookup", &["dnsprobe-resolv"]),
    ("dnsprobe-lint", &["dnsprobe-resolv"]),
    ("dnsprobe-sniffer", &["dnsprobe-lookup"]),
    ("dnsprobe", &["dnsprobe-lint", "dnsprobe-lookup", "dnsprobe-resolv", "dnsprobe-sniffer"]),
    ("dnsprobe-conformance", &["dnsprobe-lookup", "dnsprobe-resolv"]),
];

/// Crates with sockets, clocks or files of their own making, which a pure crate has no use for.
const IMPURE: [&str; 9] = [
    "caps",
    "hickory-resolver",
    "hickory-server",
    "libc",
    "nix",
    "pnet_datalink",
    "signal-hook",
    "socket2",
    "tokio",
];

/// The crates without input or output.
const PURE: [&str; 3] = ["dnsprobe-resolv", "dnsprobe-lookup", "dnsprobe-lint"];

/// The one module that may hold `unsafe`, in three files.
const UNSAFE: [&str; 3] =
    ["crates/sniffer/src/sys.rs", "crates/sniffer/src/sys/ring.rs", "crates/sniffer/src/sys/seccomp.rs"];

const MOST_LINES: usize = 600;

/// The workspace's packages as cargo reads their manifests.
fn packages() -> Vec<Value> {
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(repository());
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    list(&metadata["packages"]).to_vec()
}

/// What a package needs to be built; not what its tests need.
fn imports(package: &Value) -> BTreeSet<&str> {
    let built = list(&package["dependencies"]).iter().filter(|it| it["kind"] != "dev");
    built.map(|it| text(it, "name")).collect()
}

#[test]
fn crates_import_in_one_direction() {
    let packages = packages();
    let names: BTreeSet<&str> = packages.iter().map(|package| text(package, "name")).collect();
    assert_eq!(names, MAY_IMPORT.map(|(name, _)| name).into(), "a new crate needs its row here");
    let allowed: BTreeMap<_, _> = MAY_IMPORT.into();
    for package in &packages {
        let name = text(package, "name");
        for import in imports(package).intersection(&names) {
            assert!(allowed[name].contains(import), "{name} must not import {import}");
        }
    }
}

#[test]
fn pure_crates_import_nothing_that_reads_or_waits() {
    for package in packages().iter().filter(|package| PURE.contains(&text(package, "name"))) {
        for import in imports(package) {
            assert!(!IMPURE.contains(&import), "{} must not import {import}", text(package, "name"));
        }
    }
}

/// Every file of the repository, relative to it; not what cargo and git keep there.
fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![repository()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap().map(Result::unwrap) {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            // cargo marks its target directory as a cache.
            let ours = entry.file_name() != ".git" && !path.join("CACHEDIR.TAG").exists();
            match (kind.is_dir(), ours) {
                (true, true) => directories.push(path),
                (false, true) => found.push(path.strip_prefix(repository()).unwrap().to_owned()),
                (_, false) => {}
            }
        }
    }
    assert!(found.len() > 100, "{found:?}");
    found
}

fn content(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(repository().join(path)).unwrap()).into_owned()
}

fn rust() -> impl Iterator<Item = (PathBuf, String)> {
    let sources = files().into_iter().filter(|path| path.extension().is_some_and(|it| it == "rs"));
    sources.map(|path| {
        let content = content(&path);
        (path, content)
    })
}

#[test]
fn no_source_file_is_longer_than_a_reader_can_hold() {
    for (path, content) in rust() {
        let lines = content.lines().count();
        assert!(lines <= MOST_LINES, "{}: {lines} lines, of {MOST_LINES}", path.display());
    }
}

/// Whether a line of code has the word; comments and text in quotes do not count.
fn has_word(line: &str, word: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let outside_quotes: String = code.split('"').step_by(2).collect();
    outside_quotes.split(|it: char| !it.is_alphanumeric() && it != '_').any(|it| it == word)
}

#[test]
fn unsafe_code_is_in_one_module() {
    // In two pieces, or this file would find itself.
    let words = [concat!("un", "safe"), concat!("un", "safe_code")];
    let mut there = false;
    for (path, content) in rust() {
        for line in content.lines() {
            let found = words.iter().any(|word| has_word(line, word));
            let home = UNSAFE.iter().any(|home| path == Path::new(home))
                || path == Path::new("crates/sniffer/src/lib.rs");
            there |= found;
            assert!(!found || home, "{}: {line}", path.display());
        }
    }
    assert!(there, "this test no longer finds what it looks for");
}

#[test]
fn every_unsafe_block_says_why_it_is_sound() {
    for home in UNSAFE {
        let sys = content(Path::new(home));
        let lines: Vec<&str> = sys.lines().collect();
        let blocks = || lines.iter().enumerate().filter(|(_, line)| has_word(line, concat!("un", "safe")));
        assert!(blocks().count() > 0, "{home} need not be among these");
        for (at, line) in blocks() {
            let before = &lines[at.saturating_sub(6)..at];
            assert!(
                before.iter().any(|it| it.trim_start().starts_with("// SAFETY:")),
                "{home}:{}: {line}",
                at + 1
            );
        }
    }
}

#[test]
fn no_file_names_a_place_on_somebodys_machine() {
    // In two pieces, or this file would find itself.
    let places =
        [concat!("/Us", "ers/"), concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("C:\\", "Users")];
    for path in files() {
        let content = content(&path);
        for place in places {
            let line = content.lines().find(|line| line.contains(place));
            assert_eq!(line, None, "{}", path.display());
        }
    }
}

#[test]
fn the_map_names_every_crate() {
    let map = content(Path::new("crates/README.md"));
    for entry in fs::read_dir(repository().join("crates")).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            let name = entry.file_name().into_string().unwrap();
            assert!(
                map.contains(&format!("`{name}`")) || map.contains(&format!("({name}")),
                "{name} is not in crates/README.md"
            );
        }
    }
}

#[test]
fn every_example_is_used_by_a_test_or_shown_in_a_readme() {
    let users = files().into_iter().filter(|path| {
        let readme = path.file_name().is_some_and(|name| name == "README.md");
        readme && !path.starts_with("examples") || path.extension().is_some_and(|it| it == "rs")
    });
    let users: String = users.map(|path| content(&path)).collect();
    for path in files().into_iter().filter(|path| path.starts_with("examples")) {
        let mut names = path.ancestors().filter_map(|it| it.file_name()?.to_str());
        let used =
            names.any(|name| name != "examples" && users.contains(name)) || users.contains("\"examples\"");
        assert!(used || path.ends_with("README.md"), "nothing uses {}", path.display());
    }
}
