//! The prediction of a pod's `resolv.conf` equals the kubelet's.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise, in its helpers too")]

use dnsprobe_resolv::pod::{
    Cluster, DnsConfig, DnsOption, DnsPolicy, HostFile, Limits, Network, NodeFamily, PodDns, predict,
};
use serde_json::{Value, json};
use std::path::Path;

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn config(value: &Value) -> Option<DnsConfig> {
    value.is_object().then(|| DnsConfig {
        nameservers: texts(&value["nameservers"]),
        searches: texts(&value["searches"]),
        options: value["options"].as_array().into_iter().flatten().map(option).collect(),
    })
}

fn option(value: &Value) -> DnsOption {
    DnsOption {
        name: value["name"].as_str().unwrap().to_owned(),
        value: value["value"].as_str().map(str::to_owned),
    }
}

fn predicted(vector: &Value) -> Option<Value> {
    let spec = &vector["spec"];
    let pod = PodDns {
        policy: DnsPolicy::parse(spec["dnsPolicy"].as_str().unwrap_or_default()).unwrap(),
        network: if spec["hostNetwork"] == json!(true) { Network::Host } else { Network::Pod },
        config: config(&spec["dnsConfig"]),
        namespace: vector["namespace"].as_str().unwrap().to_owned(),
    };
    let cluster = Cluster {
        domain: vector["cluster_domain"].as_str().unwrap().to_owned(),
        dns: texts(&vector["cluster_dns"]),
        limits: Limits::EXPANDED,
    };
    let family = match vector["node_ip_family"].as_str() {
        Some("ipv6" | "v6" | "IPv6") => NodeFamily::V6,
        Some("dual") => NodeFamily::Dual,
        _ => NodeFamily::V4,
    };
    let host = vector["node_resolv_conf"].as_str().map_or(HostFile::Unset(family), HostFile::Text);
    let got = predict(&pod, &cluster, host).ok()?;
    let events: Vec<_> = got.events.iter().map(|event| event.reason()).collect();
    Some(json!({
        "nameservers": got.nameservers, "searches": got.searches, "options": got.options, "events": events
    }))
}

#[test]
fn vectors_are_predicted_exactly() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kubelet/predict.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.lines().count() > 20);
    for line in text.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let mut expected = vector["expect"].clone();
        for list in ["options", "events"] {
            if let Some(list) = expected.get_mut(list).and_then(Value::as_array_mut) {
                list.sort_by_key(ToString::to_string);
            }
        }
        let got = predicted(&vector);
        if vector["error"] == json!(true) {
            assert_eq!(got, None, "{}", vector["id"]);
        } else {
            assert_eq!(got, Some(expected), "{}", vector["id"]);
        }
    }
}
