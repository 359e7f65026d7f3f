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
pub(crate) fn patch(ndots: u32, conf: &Conf, workload: Option<&Workload>) -> String {
    let mut lines = vec!["dnsConfig:".to_owned(), "  options:".to_owned(), "    - name: ndots".to_owned()];
    lines.push(format!("      value: \"{ndots}\""));
    for (name, value) in conf.other_options() {
        lines.push(format!("    - name: {}", quoted(&name)));
        lines.extend(value.map(|value| format!("      value: {}", quoted(&value))));
    }
    let way: &[&str] = match workload {
        Some(it) if it.kind == CRON_JOB => &["spec", "jobTemplate", "spec", "template", "spec"],
        _ => &["spec", "template", "spec"],
    };
    let mut text = String::new();
    // Writing to a String cannot fail.
    for (depth, field) in way.iter().enumerate() {
        let _ = writeln!(text, "{:1$}{field}:", "", 2 * depth);
    }
    for line in lines {
        let _ = writeln!(text, "{:1$}{line}", "", 2 * way.len());
    }
    text
}

/// The one kind whose pod template lies deeper, and in another API group.
const CRON_JOB: &str = "CronJob";

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
    let api = if kind == CRON_JOB { "batch/v1" } else { "apps/v1" };
    let head = format!("apiVersion: {api}\nkind: {kind}\nmetadata:\n  name: {name}\n");
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
        let text = patch(2, &conf, None);
        let wanted = "          - name: ndots\n            value: \"2\"\n          - name: \"timeout\"\n            \
                      value: \"1\"\n          - name: \"edns0\"\n";
        assert!(text.ends_with(wanted), "{text}");
    }

    #[test]
    fn a_cron_job_has_its_pod_template_deeper() {
        let target = serde_json::json!({"namespace": "ops", "pod": "backup-27812340-qzxcv"});
        let workload = Workload::of(&target);
        let text = patch(2, &Conf::default(), workload.as_ref());
        assert!(
            text.starts_with("spec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n"),
            "{text}"
        );
        assert!(text.ends_with("              - name: ndots\n                value: \"2\"\n"), "{text}");
        let whole = kustomize(&text, workload.as_ref());
        assert!(whole.contains("      apiVersion: batch/v1\n      kind: CronJob\n"), "{whole}");
        assert_eq!(kubectl(workload.as_ref()), "kubectl -n ops patch cronjob backup --patch-file ndots.yaml");
    }

    #[test]
    fn pods_of_one_template_are_one_workload() {
        let of = |pod: &str| Workload::of(&serde_json::json!({"namespace": "sre", "pod": pod}));
        let web = of("web-7d4b9c-x2x1z").unwrap();
        assert_eq!(web.title(), "sre/web Deployment");
        assert_eq!(of("web-7d4b9c-abcde").as_ref(), Some(&web));
        assert_ne!(of("web-front-7d4b9c-abcde").as_ref(), Some(&web));
        let elsewhere = Workload::of(&serde_json::json!({"namespace": "shop", "pod": "web-7d4b9c-x2x1z"}));
        assert_ne!(elsewhere.as_ref(), Some(&web));
        assert_eq!(of("web"), None);
        assert_eq!(Workload::of(&serde_json::json!({"kind": "process", "pid": 1})), None);
    }
}
