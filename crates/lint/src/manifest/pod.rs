//! A pod spec as facts.

use super::config_map::mentions_of;
use super::{Command, DnsFields, MAX_NAMES, Mention, Object, Place, Role, command, object, places};
use crate::yaml::{Node, Span, Value};
use std::collections::HashSet;
use std::sync::Arc;

/// How much the API server checks of the kind a pod spec lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// All of it.
    Builtin,
    /// A known custom resource with a pod template.
    Known,
    /// Something that looks like a pod spec: what the API server would refuse in a pod is only suspicious here.
    Embedded,
}

/// A pod, or the template of pods.
#[derive(Debug)]
pub(crate) struct Pod {
    pub(crate) object: Arc<Object>,
    pub(crate) trust: Trust,
    pub(crate) span: Span,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) dns: DnsFields,
    pub(crate) containers: Vec<Container>,
    /// `hostAliases[*].hostnames[*]`.
    pub(crate) aliases: Vec<Value>,
    /// What says that the pod runs on Windows.
    pub(crate) windows: Option<Span>,
    pub(crate) commands: Vec<Command>,
    /// `mountPath`s that hide `/etc/resolv.conf`.
    pub(crate) mounts: Vec<Value>,
    pub(crate) mentions: Vec<Mention>,
    pub(crate) config_maps: Vec<Reference>,
    pub(crate) misplaced: Vec<Misplaced>,
    pub(crate) duplicates: Vec<Duplicate>,
}

/// A container.
#[derive(Debug)]
pub(crate) struct Container {
    /// The image is of musl's world, by its last path segment and tag.
    pub(crate) musl: bool,
    /// Runs beside the others, not before them.
    pub(crate) main: bool,
    pub(crate) ports: Vec<u32>,
}

/// A `ConfigMap` that the pod reads.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) name: String,
    /// One key of it, or all.
    pub(crate) key: Option<String>,
}

/// A DNS field where nothing reads it.
#[derive(Debug)]
pub(crate) struct Misplaced {
    pub(crate) key: String,
    pub(crate) span: Span,
    /// Where it stands, for the message.
    pub(crate) parent: &'static str,
}

/// A key that is there twice; the place of the later one.
#[derive(Debug)]
pub(crate) struct Duplicate {
    pub(crate) key: String,
    pub(crate) span: Span,
}

/// More references to `ConfigMap`s of one pod are not looked at.
const MAX_REFERENCES: usize = 1000;

const DNS_KEYS: [&str; 2] = ["dnsConfig", "dnsPolicy"];

impl Pod {
    /// The pod spec found in an object.
    pub(super) fn of(found: places::Found<'_, '_>, root: Node<'_, '_>, object: &Arc<Object>) -> Pod {
        let spec = found.spec;
        let pair = |name| spec.entry(name).map(|(key, value)| (Value::of(key), Value::of(value)));
        let dns = DnsFields {
            policy: pair("dnsPolicy"),
            host_network: pair("hostNetwork"),
            config: pair("dnsConfig"),
        };
        let mut pod = Pod {
            object: Arc::clone(object),
            trust: found.trust,
            span: spec.span(),
            labels: labels(found.holder),
            dns,
            containers: Vec::new(),
            aliases: aliases(spec),
            windows: windows(spec),
            commands: Vec::new(),
            mounts: Vec::new(),
            mentions: Vec::new(),
            config_maps: Vec::new(),
            misplaced: Vec::new(),
            duplicates: duplicates(spec),
        };
        for (list, main) in [("initContainers", false), ("containers", true), ("ephemeralContainers", false)]
        {
            spec.get(list).map(Node::items).into_iter().flatten().for_each(|node| pod.container(node, main));
        }
        spec.get("volumes").map(Node::items).into_iter().flatten().for_each(|volume| pod.volume(volume));
        if found.trust != Trust::Embedded {
            pod.misplaced(found, root);
        }
        // A name is reported at its first place; the others need not be kept.
        pod.mentions.sort_by_key(|mention| mention.place.span.start);
        let mut seen = HashSet::new();
        pod.mentions.retain(|one| seen.insert((one.host.clone(), one.absolute, one.form)));
        pod.mentions.truncate(MAX_NAMES);
        pod.mentions.shrink_to_fit();
        pod.containers.shrink_to_fit();
        let mut seen = HashSet::new();
        pod.misplaced.retain(|one| seen.insert(one.span.first_byte));
        pod
    }

    fn container(&mut self, node: Node<'_, '_>, main: bool) {
        // An init container that restarts always is a sidecar.
        let main = main || node.text_at("restartPolicy") == Some("Always");
        let ports = node.get("ports").map(Node::items).into_iter().flatten();
        let port = |port: Node<'_, '_>| port.text_at("containerPort")?.parse().ok();
        self.containers.push(Container {
            musl: node.text_at("image").is_some_and(looks_musl),
            main,
            ports: ports.filter_map(port).collect(),
        });
        self.environment(node);
        self.words(node);
        let role = if main { Role::Main } else { Role::Init };
        self.commands
            .extend(command::command(role, ["command", "args"].iter().filter_map(|key| node.get(key))));
        for (role, path) in [
            (Role::Probe, "readinessProbe.exec.command"),
            (Role::Probe, "livenessProbe.exec.command"),
            (Role::Probe, "startupProbe.exec.command"),
            (Role::Hook, "lifecycle.postStart.exec.command"),
            (Role::Hook, "lifecycle.preStop.exec.command"),
        ] {
            self.commands.extend(command::command(role, node.path(path)));
            self.strings(node.path(path));
        }
        let mounts = node.get("volumeMounts").map(Node::items).into_iter().flatten();
        let hides = |mount: &Node<'_, '_>| {
            let path = mount.text().map(|path| path.trim_end_matches('/'));
            path == Some("/etc") || path == Some("/etc/resolv.conf")
        };
        self.mounts.extend(mounts.filter_map(|mount| mount.get("mountPath")).filter(hides).map(Value::of));
    }

    fn mention(&mut self, node: Node<'_, '_>, key: Option<&str>) {
        let Some(text) = node.text() else { return };
        let place = Place { object: Arc::clone(&self.object), span: node.span() };
        self.mentions.extend(mentions_of(text, key, &place));
    }

    fn environment(&mut self, container: Node<'_, '_>) {
        for variable in container.get("env").map(Node::items).into_iter().flatten() {
            if let Some(value) = variable.get("value") {
                self.mention(value, variable.text_at("name"));
            }
            if let Some(from) = variable.path("valueFrom.configMapKeyRef") {
                self.reference(from.text_at("name"), from.text_at("key"));
            }
        }
        for from in container.get("envFrom").map(Node::items).into_iter().flatten() {
            self.reference(from.text_at("configMapRef.name"), None);
        }
    }

    /// Command and arguments; an argument behind a flag is the flag's value.
    fn words(&mut self, container: Node<'_, '_>) {
        for list in ["command", "args"].iter().filter_map(|key| container.get(key)) {
            self.strings(Some(list));
        }
    }

    fn strings(&mut self, list: Option<Node<'_, '_>>) {
        let mut flag: Option<&str> = None;
        for word in list.map(Node::items).into_iter().flatten() {
            let text = word.text().unwrap_or_default();
            match text.split_once('=') {
                Some((key, _)) if text.starts_with('-') => self.mention(word, Some(key)),
                _ => self.mention(word, flag),
            }
            flag = (text.starts_with('-') && !text.contains(['=', ' '])).then_some(text);
        }
    }

    fn volume(&mut self, volume: Node<'_, '_>) {
        let projected = volume.path("projected.sources").map(Node::items).into_iter().flatten();
        for source in std::iter::once(volume).chain(projected) {
            let Some(map) = source.get("configMap") else { continue };
            let items: Vec<_> = map.get("items").map(Node::items).into_iter().flatten().collect();
            if items.is_empty() {
                self.reference(map.text_at("name"), None);
            }
            for item in items {
                self.reference(map.text_at("name"), item.text_at("key"));
            }
        }
    }

    fn reference(&mut self, name: Option<&str>, key: Option<&str>) {
        if let Some(name) = name.filter(|_| self.config_maps.len() < MAX_REFERENCES) {
            self.config_maps.push(Reference { name: name.to_owned(), key: key.map(str::to_owned) });
        }
    }

    fn misplaced(&mut self, found: places::Found<'_, '_>, root: Node<'_, '_>) {
        let spec = found.spec;
        for list in ["initContainers", "containers", "ephemeralContainers"] {
            spec.get(list)
                .map(Node::items)
                .into_iter()
                .flatten()
                .for_each(|node| self.stray(node, "a container"));
        }
        for parent in [root.get("metadata"), found.holder.get("metadata")].into_iter().flatten() {
            self.stray(parent, "metadata");
        }
        for parent in [
            Some(root),
            root.get("spec"),
            root.path("spec.template"),
            root.path("spec.jobTemplate"),
            root.path("spec.jobTemplate.spec"),
            root.path("spec.jobTemplate.spec.template"),
            root.get("template"),
        ] {
            if let Some(parent) = parent.filter(|parent| parent.start() != spec.start()) {
                self.stray(parent, "the controller, not its pod spec");
            }
        }
        for (key, _) in spec.own_entries() {
            let text = key.text().unwrap_or_default();
            let differs = |known: &str| text.eq_ignore_ascii_case(known) && text != known;
            if DNS_KEYS.iter().chain(&["hostNetwork", "hostAliases"]).any(|known| differs(known)) {
                self.misplaced.push(Misplaced {
                    key: text.to_owned(),
                    span: key.span(),
                    parent: "the pod spec",
                });
            }
        }
    }

    fn stray(&mut self, parent: Node<'_, '_>, name: &'static str) {
        for (key, _) in parent.own_entries() {
            if let Some(text) = key.text().filter(|text| DNS_KEYS.contains(text)) {
                self.misplaced.push(Misplaced { key: text.to_owned(), span: key.span(), parent: name });
            }
        }
    }
}

/// Requests for silence on the pod template; they cover the template.
pub(super) fn template_ignore(found: places::Found<'_, '_>) -> Option<super::Ignore> {
    object::from_annotation(found.holder.get("metadata"), found.holder.span())
}

fn looks_musl(image: &str) -> bool {
    let image = image.split('@').next().unwrap_or_default();
    let last = image.rsplit('/').next().unwrap_or_default();
    last.contains("alpine") || last.contains("musl")
}

fn labels(holder: Node<'_, '_>) -> Vec<(String, String)> {
    let labels = holder.path("metadata.labels").map(Node::entries).into_iter().flatten();
    labels.filter_map(|(key, value)| Some((key.text()?.to_owned(), value.text()?.to_owned()))).collect()
}

fn aliases(spec: Node<'_, '_>) -> Vec<Value> {
    let aliases = spec.get("hostAliases").map(Node::items).into_iter().flatten();
    let names = aliases.filter_map(|alias| alias.get("hostnames")).flat_map(Node::items);
    names.map(Value::of).filter(|name| name.text().is_some()).collect()
}

fn windows(spec: Node<'_, '_>) -> Option<Span> {
    let selector = spec.get("nodeSelector").and_then(|selector| {
        selector.get("kubernetes.io/os").or_else(|| selector.get("beta.kubernetes.io/os"))
    });
    [spec.path("os.name"), selector]
        .into_iter()
        .flatten()
        .find(|os| os.text() == Some("windows"))
        .map(Node::span)
}

/// Keys written twice in the pod spec, its `dnsConfig` and the options.
fn duplicates(spec: Node<'_, '_>) -> Vec<Duplicate> {
    let mut mappings = vec![spec];
    if let Some(config) = spec.get("dnsConfig") {
        mappings.push(config);
        mappings.extend(config.get("options").map(Node::items).into_iter().flatten());
    }
    let mut duplicates = Vec::new();
    for mapping in mappings {
        let mut seen = HashSet::new();
        for (key, _) in mapping.own_entries().filter(|(key, _)| !key.is_merge()) {
            if let Some(text) = key.text().filter(|text| !seen.insert(*text)) {
                duplicates.push(Duplicate { key: text.to_owned(), span: key.span() });
            }
        }
    }
    duplicates
}
