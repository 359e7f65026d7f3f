//! Where pod specs live in which kinds.

use super::Trust;
use crate::yaml::Node;

/// Kinds with pod specs: API group (as its end), kind, path from the object to the pod spec, and whether the API
/// server validates it. `[]` steps into every item of a list, `*` into every value of a mapping, `*End` into those
/// whose key ends so.
const PLACES: &[(&str, &str, &str, Trust)] = &[
    ("", "Pod", "spec", Trust::Builtin),
    ("", "PodTemplate", "template.spec", Trust::Builtin),
    ("", "ReplicationController", "spec.template.spec", Trust::Builtin),
    ("apps", "Deployment", "spec.template.spec", Trust::Builtin),
    ("extensions", "Deployment", "spec.template.spec", Trust::Builtin),
    ("apps", "ReplicaSet", "spec.template.spec", Trust::Builtin),
    ("extensions", "ReplicaSet", "spec.template.spec", Trust::Builtin),
    ("apps", "StatefulSet", "spec.template.spec", Trust::Builtin),
    ("apps", "DaemonSet", "spec.template.spec", Trust::Builtin),
    ("extensions", "DaemonSet", "spec.template.spec", Trust::Builtin),
    ("batch", "Job", "spec.template.spec", Trust::Builtin),
    ("batch", "CronJob", "spec.jobTemplate.spec.template.spec", Trust::Builtin),
    ("argoproj.io", "Rollout", "spec.template.spec", Trust::Known),
    ("argoproj.io", "Workflow", "spec", Trust::Known),
    ("argoproj.io", "WorkflowTemplate", "spec", Trust::Known),
    ("argoproj.io", "ClusterWorkflowTemplate", "spec", Trust::Known),
    ("argoproj.io", "CronWorkflow", "spec.workflowSpec", Trust::Known),
    ("apps.kruise.io", "CloneSet", "spec.template.spec", Trust::Known),
    ("apps.kruise.io", "StatefulSet", "spec.template.spec", Trust::Known),
    ("apps.kruise.io", "DaemonSet", "spec.template.spec", Trust::Known),
    ("apps.kruise.io", "BroadcastJob", "spec.template.spec", Trust::Known),
    ("apps.kruise.io", "SidecarSet", "spec", Trust::Known),
    ("apps.kruise.io", "AdvancedCronJob", "spec.template.jobTemplate.spec.template.spec", Trust::Known),
    (
        "apps.kruise.io",
        "AdvancedCronJob",
        "spec.template.broadcastJobTemplate.spec.template.spec",
        Trust::Known,
    ),
    ("apps.openshift.io", "DeploymentConfig", "spec.template.spec", Trust::Known),
    ("", "DeploymentConfig", "spec.template.spec", Trust::Known),
    ("serving.knative.dev", "Service", "spec.template.spec", Trust::Known),
    ("serving.knative.dev", "Configuration", "spec.template.spec", Trust::Known),
    ("serving.knative.dev", "Revision", "spec", Trust::Known),
    ("kubevirt.io", "VirtualMachine", "spec.template.spec", Trust::Known),
    ("kubevirt.io", "VirtualMachineInstance", "spec", Trust::Known),
    ("kubevirt.io", "VirtualMachineInstanceReplicaSet", "spec.template.spec", Trust::Known),
    ("tekton.dev", "TaskRun", "spec.podTemplate", Trust::Known),
    ("tekton.dev", "PipelineRun", "spec.podTemplate", Trust::Known),
    ("tekton.dev", "PipelineRun", "spec.taskRunTemplate.podTemplate", Trust::Known),
    ("keda.sh", "ScaledJob", "spec.jobTargetRef.template.spec", Trust::Known),
    ("batch.volcano.sh", "Job", "spec.tasks.[].template.spec", Trust::Known),
    ("kubeflow.org", "", "spec.*ReplicaSpecs.*.template.spec", Trust::Known),
];

/// Built-in kinds that hold no pod spec but may hold a mapping that looks like one.
const WITHOUT_PODS: [&str; 5] = ["ConfigMap", "Secret", "CustomResourceDefinition", "Service", "Ingress"];

/// A pod spec and the mapping it lies in.
#[derive(Clone, Copy)]
pub(super) struct Found<'a, 't> {
    pub(super) spec: Node<'a, 't>,
    /// What holds `metadata` and `spec`, for labels and annotations.
    pub(super) holder: Node<'a, 't>,
    pub(super) trust: Trust,
}

/// All pod specs of an object.
pub(super) fn pod_specs<'a, 't>(object: Node<'a, 't>, group: &str, kind: &str) -> Vec<Found<'a, 't>> {
    let mut known =
        PLACES.iter().filter(|(g, k, ..)| is_group(group, g) && (*k == kind || k.is_empty())).peekable();
    let mut found = Vec::new();
    if known.peek().is_some() {
        for (_, _, path, trust) in known {
            let steps: Vec<&str> = path.split('.').collect();
            follow(object, object, &steps, *trust, &mut found);
        }
    } else if !WITHOUT_PODS.contains(&kind) {
        embedded(object, object, 0, &mut found);
    }
    found
}

fn is_group(group: &str, known: &str) -> bool {
    group == known || (!known.is_empty() && group.strip_suffix(known).is_some_and(|rest| rest.ends_with('.')))
}

fn follow<'a, 't>(
    holder: Node<'a, 't>,
    node: Node<'a, 't>,
    steps: &[&str],
    trust: Trust,
    found: &mut Vec<Found<'a, 't>>,
) {
    let Some((step, rest)) = steps.split_first() else {
        if node.is_mapping() {
            found.push(Found { spec: node, holder, trust });
        }
        return;
    };
    if *step == "[]" {
        node.items().for_each(|item| follow(node, item, rest, trust, found));
    } else if let Some(end) = step.strip_prefix('*') {
        for (key, value) in node.entries() {
            if key.text().is_some_and(|key| key.ends_with(end)) {
                follow(node, value, rest, trust, found);
            }
        }
    } else if let Some(next) = node.get(step) {
        follow(node, next, rest, trust, found);
    }
}

/// Mappings that look like pod specs: `containers` is a list whose items have `name` and `image`. Aliases are not
/// followed twice, since what they stand for is in the document already.
fn embedded<'a, 't>(holder: Node<'a, 't>, node: Node<'a, 't>, depth: usize, found: &mut Vec<Found<'a, 't>>) {
    if depth > 64 {
        return;
    }
    if node.get("containers").is_some_and(is_container_list) {
        found.push(Found { spec: node, holder, trust: Trust::Embedded });
        return;
    }
    for (_, value) in node.own_entries().filter(|(key, value)| value.start() >= key.start()) {
        if !value.is_scalar() {
            embedded(node, value, depth + 1, found);
        }
    }
    for item in node.items().filter(|item| item.start() >= node.start() && !item.is_scalar()) {
        embedded(node, item, depth + 1, found);
    }
}

fn is_container_list(node: Node<'_, '_>) -> bool {
    let mut items = node.items().peekable();
    items.peek().is_some() && items.all(|item| item.get("name").is_some() && item.get("image").is_some())
}
