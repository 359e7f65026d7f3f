//! Real resolvers are recorded, and do what the models say.

use std::collections::BTreeSet;
use std::process::Command;

use dnsprobe_conformance::record::scenarios;
use dnsprobe_conformance::{compare, predict, read_vectors};

#[test]
#[ignore = "needs root: namespaces, and the resolvers of Debian"]
fn recorded_lookups_are_predicted() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("recorded.jsonl");
    let output = Command::new(env!("CARGO_BIN_EXE_dnsprobe-conformance"))
        .arg("record")
        .arg(&file)
        .args(["--seed", "2", "--scenarios", "8"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let vectors = read_vectors(&file).unwrap();
    let ids: BTreeSet<&str> = vectors.iter().filter_map(|vector| vector.resolver.split('-').next()).collect();
    assert_eq!(ids, BTreeSet::from(["bind", "busybox", "c", "getent", "glibc", "go", "musl"]));
    assert!(vectors.iter().any(|vector| vector.observed.len() > 2));
    let disagreeing: Vec<&str> = vectors
        .iter()
        .filter(|vector| !compare(vector, &predict(vector).unwrap()).agrees())
        .map(|vector| vector.id.as_str())
        .collect();
    assert_eq!(disagreeing, Vec::<&str>::new());
}

#[test]
fn a_seed_gives_the_same_scenarios_and_another_one_others() {
    let texts = |seed| -> Vec<String> {
        scenarios(seed, 16).iter().map(|scenario| format!("{scenario:?}")).collect()
    };
    assert_eq!(texts(1), texts(1));
    assert_ne!(texts(1), texts(2));
}

#[test]
fn a_resolver_that_is_missing_is_named() {
    let empty = tempfile::tempdir().unwrap();
    let file = empty.path().join("recorded.jsonl");
    let output = Command::new(env!("CARGO_BIN_EXE_dnsprobe-conformance"))
        .arg("record")
        .arg(&file)
        .env("PATH", empty.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("cannot prepare gai-glibc: gcc: No such file or directory"), "{text}");
    assert!(!file.exists());
}
