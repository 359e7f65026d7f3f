//! The kubelet's `resolv.conf` is predicted as recorded.

use std::path::Path;
use std::process::Command;

use dnsprobe_conformance::{PodVector, read_lines};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/kubelet/predict.jsonl");

#[test]
fn every_recorded_pod_is_predicted() {
    let vectors: Vec<PodVector> = read_lines(Path::new(VECTORS)).unwrap();
    assert!(vectors.len() > 20, "{}", vectors.len());
    for vector in &vectors {
        assert_eq!(vector.agrees(), Some(true), "{}: {:?}", vector.id, vector.predicted());
    }
}

#[test]
fn the_command_prints_a_line_a_vector() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_dnsprobe-conformance")).args(["kubelet", VECTORS]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let recorded = std::fs::read_to_string(VECTORS).unwrap();
    assert_eq!(lines.len(), recorded.lines().count());
    let refused = lines.iter().find(|line| line["error"] == true).unwrap();
    assert_eq!(*refused, serde_json::json!({"id": "nameserver-without-address", "error": true}));
    let first = &lines[0];
    assert_eq!(first["nameservers"], serde_json::json!(["10.0.0.2", "10.0.0.3"]));
    assert_eq!(first["options"], serde_json::json!(["rotate", "timeout:1"]));
}

#[test]
fn a_prediction_that_differs_fails_the_command() {
    let wrong = r#"{"id":"x","spec":{},"namespace":"app","cluster_domain":"c.test","cluster_dns":["10.0.0.10"],"node_resolv_conf":"","expect":{"nameservers":["10.0.0.11"]}}"#;
    let file = std::env::temp_dir().join(format!("dnsprobe-kubelet-{}.jsonl", std::process::id()));
    std::fs::write(&file, wrong).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dnsprobe-conformance")).arg("kubelet").arg(&file).output();
    std::fs::remove_file(&file).unwrap();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("x: expected"), "{output:?}");
}
