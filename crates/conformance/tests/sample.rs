//! The models agree with the recordings kept in the repository.

use std::collections::BTreeSet;
use std::path::Path;

use dnsprobe_conformance::{Agreement, compare, predict, read_vectors};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/sample.jsonl.gz");
const AGAIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/again.jsonl");
const ODD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/odd.jsonl.gz");

#[test]
fn every_recorded_lookup_is_predicted() {
    for file in [SAMPLE, AGAIN, ODD] {
        let vectors = read_vectors(Path::new(file)).unwrap();
        let disagreements: Vec<&str> = vectors
            .iter()
            .filter(|vector| !compare(vector, &predict(vector).unwrap()).agrees())
            .map(|vector| vector.id.as_str())
            .collect();
        assert_eq!(disagreements, Vec::<&str>::new(), "{file}");
    }
}

#[test]
fn sample_covers_every_recorded_resolver_and_binds_it() {
    let vectors = read_vectors(Path::new(SAMPLE)).unwrap();
    let resolvers: BTreeSet<&str> = vectors.iter().map(|vector| vector.resolver.as_str()).collect();
    assert_eq!(resolvers.len(), 16, "{resolvers:?}");
    let loose =
        vectors.iter().filter(|vector| compare(vector, &predict(vector).unwrap()).by == Agreement::Names);
    assert_eq!(loose.count(), 0);
}

#[test]
fn recorded_part_is_not_looked_at() {
    let vectors = read_vectors(Path::new(SAMPLE)).unwrap();
    let vector = vectors.iter().find(|vector| !vector.observed.is_empty()).unwrap();
    let mut bare = vector.clone();
    bare.observed.clear();
    bare.result = None;
    let lines = [vector, &bare].map(|vector| serde_json::to_string(&predict(vector).unwrap()).unwrap());
    assert_eq!(lines[0], lines[1]);
}

#[test]
fn broken_line_is_named() {
    let error = read_vectors(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))).unwrap_err();
    assert!(error.to_string().ends_with("Cargo.toml, line 1: not a vector"), "{error}");
}

#[test]
fn a_key_that_is_none_is_never_asked_for() {
    let vectors = read_vectors(Path::new(SAMPLE)).unwrap();
    let mut odd = vectors[0].clone();
    let some = odd.answers.values().next().cloned().unwrap_or_default();
    odd.answers.insert("a..b./A".to_owned(), some);
    let lines = [&vectors[0], &odd].map(|vector| serde_json::to_string(&predict(vector).unwrap()).unwrap());
    assert_eq!(lines[0], lines[1]);
}
