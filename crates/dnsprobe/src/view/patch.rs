//! What to put into a manifest, as YAML.

use std::fmt::Write as _;

use dnsprobe_resolv::whatif::Conf;
use dnsprobe_sniffer::node::workload_of;
use serde_json::Value;

/// The workload of a pod, as far as the pod's name tells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Workload {
    pub(crate) namespace: Option<String>,
    pub(crate) kind: String,
    pub(crate) name: String,
}

impl Workload {
    /// From `target` of the JSON output.
    pub(crate) fn of(target: &Value) -> Option<Self> {
        let (kind, name) = workload_of(target["pod"].as_str()?)?;
        let namespace = target["namespace"].as_str().map(str::to_owned);
        Some(Self { namespace, kind: kind.to_owned(), name: name.to_owned() })
    }

    /// In a word, as people type it.
    pub(crate) fn title(&self) -> String {
        let namespace = self.namespace.as_ref().map(|it| format!("{it}/")).unwrap_or_default();
        format!("{namespace}{} {}", self.name, self.kind)
    }
}

/// `dnsConfig` of a pod template, as a patch for any workload that has one. Lists of options are replaced as a whole
/// (Kubernetes API, `PodDNSConfig.options`), so those in force are repeated.
pub(crate) fn patch(ndots: u32, conf: &Conf) -> String {
    let mut text = String::from("spec:\n  template:\n    spec:\n      dnsConfig:\n        options:\n");
    // Writing to a String cannot fail.
    let _ = write!(text, "          - name: ndots\n            value: \"{ndots}\"\n");
    for (name, value) in conf.other_options() {
        let _ = writeln!(text, "          - name: {}", quoted(&name));
        if let Some(value) = value {
            let _ = writeln!(text, "            value: {}", quoted(&value));
        }
    }
    text
}

/// The command that applies it.
pub(crate) fn kubectl(workload: Option<&Workload>) -> String {
    let (namespace, kind, name) = match workload {
        Some(it) => {
            let namespace = it.namespace.as_ref().map(|it| format!("-n {it} ")).unwrap_or_default();
            (namespace, it.kind.to_lowercase(), it.name.as_str())
        }
        None => (String::new(), "deployment".to_owned(), "NAME"),
    };
    format!("kubectl {namespace}patch {kind} {name} --patch-file ndots.yaml")
}

/// The same as an entry of a `kustomization.yaml`.
pub(crate) fn kustomize(patch: &str, workload: Option<&Workload>) -> String {
    let (kind, name) = workload.map_or(("Deployment", "NAME"), |it| (it.kind.as_str(), it.name.as_str()));
    let head = format!("apiVersion: apps/v1\nkind: {kind}\nmetadata:\n  name: {name}\n");
    let mut text = String::from("patches:\n  - target:\n");
    let _ = write!(text, "      kind: {kind}\n      name: {name}\n    patch: |-\n");
    for line in head.lines().chain(patch.lines()) {
        let _ = writeln!(text, "      {line}");
    }
    text
}

/// A YAML double-quoted scalar; JSON's strings are such.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_in_force_are_repeated_since_a_patch_replaces_the_list() {
        let file = b"options ndots:5 timeout:1 edns0\n".to_vec();
        let conf = Conf { file: Some(file), ..Conf::default() };
        let text = patch(2, &conf);
        let wanted = "          - name: ndots\n            value: \"2\"\n          - name: \"timeout\"\n            \
                      value: \"1\"\n          - name: \"edns0\"\n";
        assert!(text.ends_with(wanted), "{text}");
    }
}
