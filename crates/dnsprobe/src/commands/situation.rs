//! What a target's files and environment say about its resolver, for `explain` and `watch`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use dnsprobe_resolv::conf::{Nsswitch, Presence};
use dnsprobe_resolv::{Situation, nearest};
use dnsprobe_sniffer::node::{Container, Network, PodName, PodUid};
use dnsprobe_sniffer::privileges;
use dnsprobe_sniffer::{
    ContainerQuery, Content, Entry, FileRead, Host, Hostname, Kind, Located, Node, PodQuery, Root, Target,
    target,
};

use crate::cli::TargetArgs;
use crate::error::CommandError;
use crate::view::escape;

/// The largest file taken from the command line, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// What the user wants to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// One network namespace.
    One(Target),
    /// Every pod of a Kubernetes namespace, or of all of them.
    Pods(Option<String>),
}

/// The target as the user named it.
pub(crate) fn wanted(args: &TargetArgs) -> Result<Wanted, CommandError> {
    if let (Some((of_pod, name)), Some(ns)) =
        (args.pod.as_ref().and_then(|pod| pod.split_once('/')), &args.ns)
        && of_pod != ns
    {
        return Err(CommandError::new(format!(
            "--pod {of_pod}/{name} and --ns {ns} name two Kubernetes namespaces"
        ))
        .hint(format!("give one of them: --pod {of_pod}/{name}, or --ns {ns} --pod {name}")));
    }
    let container = args.container.as_ref().map(|typed| ContainerQuery::new(typed, args.ns.as_deref()));
    Ok(Wanted::One(match (&args.pod, container, args.pid, &args.netns) {
        (Some(pod), container, ..) => Target::Pod(PodQuery::new(pod, args.ns.as_deref()), container),
        (None, Some(container), ..) => Target::Container(container),
        (None, None, Some(pid), _) => Target::Pid(pid),
        (None, None, None, Some(netns)) => Target::Netns(netns.clone()),
        (None, None, None, None) if args.ns.is_some() || args.all => {
            return Ok(Wanted::Pods(args.ns.clone()));
        }
        (None, None, None, None) => Target::Here,
    }))
}

/// Whether anything was named.
pub(crate) fn is_named(args: &TargetArgs) -> bool {
    let TargetArgs { pod, ns, container, pid, netns, all, host_root: _ } = args;
    *all || [pod, ns, container, netns].iter().any(|it| it.is_some()) || pid.is_some()
}

/// The node that is looked at.
pub(crate) fn host(args: &TargetArgs) -> Host {
    Host::at(&args.host_root)
}

/// Finds the one target on this node.
pub(crate) fn locate(args: &TargetArgs) -> Result<Located, CommandError> {
    let host = host(args);
    match wanted(args)? {
        Wanted::One(target) => target::locate(&target, &host).map_err(not_found),
        Wanted::Pods(namespace) => {
            let node = Node::read(&host)?;
            let pods =
                node.entries.iter().filter(|entry| entry.kind == Kind::Pod).filter_map(|it| it.pod.as_ref());
            let of = |pod: &&PodName| namespace.is_none() || namespace == pod.namespace;
            let pods: Vec<String> = pods.filter(of).map(|pod| format!("--pod {pod}")).collect();
            let there = if pods.is_empty() { "there is none here".to_owned() } else { pods.join(", ") };
            Err(CommandError::new(format!("this needs one pod; {there}")))
        }
    }
}

/// No pod of a Kubernetes namespace runs here.
pub(crate) fn no_pods(namespace: &str, node: &Node) -> CommandError {
    let namespaces = node.namespaces();
    let there = if namespaces.is_empty() {
        "no pod of any namespace runs here".to_owned()
    } else {
        format!("there are pods of {}", namespaces.join(", "))
    };
    let error = CommandError::new(format!(
        "no pod of the Kubernetes namespace {namespace:?} runs on this node; {there}"
    ))
    .hint(format!("this rests on {}", node.evidence));
    if node.denied() > 0 && !privileges::missing(privileges::TO_INSPECT).is_empty() {
        let line: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
        return error.first_hint(format!(
            "the namespaces of {} processes are not shown to this user; as root there may be more: {}",
            node.denied(),
            privileges::sudo_line(&line)
        ));
    }
    error
}

/// Adds the pods that are nearly what was typed.
pub(crate) fn not_found(error: dnsprobe_sniffer::Error) -> CommandError {
    let near = match &error {
        dnsprobe_sniffer::Error::UnknownPod { name, existing, .. }
        | dnsprobe_sniffer::Error::UnknownContainer { name, existing, .. } => near(name, existing),
        _ => Vec::new(),
    };
    let error = CommandError::from(error);
    if near.is_empty() { error } else { error.first_hint(format!("near it: {}", near.join(", "))) }
}

/// The names that hold what was typed, in another namespace where none does in that one, or that are, or begin with what
/// is, few letters from it.
fn near(typed: &str, existing: &[String]) -> Vec<String> {
    let holding = |part: &str| -> Vec<String> {
        existing.iter().filter(|name| name.contains(part)).take(5).cloned().collect()
    };
    let mut near = holding(typed);
    if near.is_empty()
        && let Some((_, pod)) = typed.split_once('/')
    {
        near = holding(&format!("/{pod}"));
    }
    if !near.is_empty() {
        return near;
    }
    let beginnings = existing.iter().flat_map(|name| {
        let ends = name.match_indices('-').map(|(at, _)| at).chain([name.len()]);
        ends.map(move |end| (&name[..end], name))
    });
    let beginnings: Vec<(&str, &String)> = beginnings.collect();
    let nearest = nearest::nearest(typed, beginnings.iter().map(|(beginning, _)| *beginning));
    let of_nearest = beginnings.iter().filter(|(beginning, _)| Some(*beginning) == nearest);
    of_nearest.map(|(_, name)| (*name).clone()).collect()
}

/// Why the process that was opened says nothing of the program that was meant: it only holds the pod's namespaces. `None`
/// where it is the program's own, or where there is none that was meant.
pub(crate) fn stand_in(located: &Located) -> Option<String> {
    let found = located.found.as_ref()?;
    let runs = found.container.as_ref().is_some_and(|it| it.pid.is_some());
    let is_meant = matches!(found.entry.kind, Kind::Pod | Kind::Container);
    (is_meant && !runs).then(|| "its container does not run; --resolver picks another".to_owned())
}

/// `target` of the JSON output.
pub(crate) fn target_json(args: &TargetArgs, located: &Located) -> serde_json::Value {
    if let Some(found) = &located.found {
        return found_json(&found.entry, found.container.as_ref(), located);
    }
    let kind = match (args.pid, &args.netns) {
        (Some(_), _) => "process",
        (None, Some(_)) => "named",
        (None, None) => "host",
    };
    serde_json::json!({
        "kind": kind,
        "pid": located.pid(),
        "name": args.netns,
        "netns": located.netns.inode(),
    })
}

/// `target` of a pod or container.
pub(crate) fn found_json(
    entry: &Entry,
    container: Option<&Container>,
    located: &Located,
) -> serde_json::Value {
    let pod = entry.pod.as_ref();
    serde_json::json!({
        "kind": entry.kind.as_str(),
        "namespace": pod.and_then(|pod| pod.namespace.as_ref()),
        "pod": pod.map(|pod| &pod.name).or(entry.uid.as_ref().map(PodUid::as_str).map(str::to_owned).as_ref()),
        "container": container.and_then(name_of),
        "pid": located.pid(),
        "netns": located.netns.inode(),
        "host_network": entry.network == Network::Host,
    })
}

/// `target` of a pod or container whose lookups are seen in the network namespace with this inode; its container is named
/// where it has only one.
pub(crate) fn entry_json(entry: &Entry, netns: u64) -> serde_json::Value {
    let container = Some(&entry.containers).filter(|all| all.len() == 1).and_then(|all| all.first());
    serde_json::json!({
        "kind": entry.kind.as_str(),
        "namespace": entry.pod.as_ref().and_then(|pod| pod.namespace.as_ref()),
        "pod": entry.pod.as_ref().map(|pod| &pod.name),
        "container": container.and_then(name_of),
        "pid": entry.main_container().and_then(|container| container.pid),
        "netns": netns,
        "host_network": entry.network == Network::Host,
    })
}

/// A container's name, or the part of its id that people write.
pub(crate) fn name_of(container: &Container) -> Option<String> {
    let id = || container.id.as_ref().map(|id| id.short().to_owned());
    container.name.clone().or_else(id)
}

/// The target in a word.
pub(crate) fn target_name(args: &TargetArgs, located: &Located) -> Option<String> {
    let found = located.found.as_ref().map(|found| short_title(&found.entry));
    found.or_else(|| args.pid.map(|pid| format!("pid {pid}"))).or_else(|| args.netns.clone())
}

/// An entry in a word: `NS/POD`, a container's name.
pub(crate) fn short_title(entry: &Entry) -> String {
    match (&entry.pod, entry.main_container().and_then(name_of)) {
        (Some(pod), _) => pod.to_string(),
        (None, Some(container)) if entry.kind == Kind::Container => container,
        _ => entry.title(),
    }
}

/// Says what the user should know of how the target was found.
pub(crate) fn say_notes(located: &Located) {
    for note in located.found.iter().flat_map(|found| &found.notes) {
        crate::view::note(&format!("dnsprobe: {}", escape(note)));
    }
}

/// A file that the user named; `-` is standard input.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, CommandError> {
    let shown = path.display();
    let failed = |error: io::Error| CommandError::on_file("read", path, error);
    let mut bytes = Vec::new();
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(failed)?)
    };
    input.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(CommandError::new(format!("{shown} is larger than {MOST_BYTES} bytes")));
    }
    Ok(bytes)
}

/// A `resolv.conf` and where it is from.
pub(crate) struct ConfFile {
    /// Its bytes; `None` when there is none to read.
    pub(crate) bytes: Option<Vec<u8>>,
    /// Where it was looked for.
    pub(crate) place: String,
    /// What to say when it could not be read.
    pub(crate) problem: Option<String>,
}

impl ConfFile {
    /// Where it is from, or what is wrong with it.
    pub(crate) fn describe(&self) -> String {
        match &self.problem {
            Some(problem) => format!("{} {problem}; the resolver uses its defaults", self.place),
            None => self.place.clone(),
        }
    }
}

/// The target's own `resolv.conf`.
pub(crate) fn conf_of(located: &Located) -> ConfFile {
    conf_in(&located.root)
}

/// The `resolv.conf` below a root.
pub(crate) fn conf_in(root: &Root) -> ConfFile {
    let FileRead { path, content } = root.read("etc/resolv.conf");
    let place = path.display().to_string();
    let (bytes, problem) = match content {
        Content::Found(bytes) => (Some(bytes), None),
        Content::Missing => (None, Some("does not exist".to_owned())),
        Content::Unreadable(why) => (None, Some(format!("cannot be read: {why}"))),
    };
    ConfFile { bytes, place, problem }
}

/// What beside the file decides how the target's resolver behaves.
pub(crate) fn situation_of(located: &Located) -> Situation {
    let environment: BTreeMap<&'static str, OsString> = match &located.process {
        Some(process) => process.environment().unwrap_or_default(),
        None => BTreeMap::new(),
    };
    let text = |name: &str| environment.get(name).map(|value| value.to_string_lossy().into_owned());
    let aliases =
        text("HOSTALIASES").and_then(|path| match located.root.read(path.trim_start_matches('/')).content {
            Content::Found(bytes) => Some(bytes),
            _ => None,
        });
    Situation {
        hostname: hostname_of(located),
        res_options: text("RES_OPTIONS"),
        local_domain: text("LOCALDOMAIN"),
        host_aliases: aliases,
        go_debug: text("GODEBUG"),
        nsswitch: nsswitch_in(&located.root),
        mdns_allow: match located.root.read("etc/mdns.allow").content {
            Content::Missing => Presence::Absent,
            Content::Found(_) | Content::Unreadable(_) => Presence::Present,
        },
        addresses: None,
    }
}

fn nsswitch_in(root: &Root) -> Nsswitch {
    match root.read("etc/nsswitch.conf").content {
        Content::Found(bytes) => Nsswitch::Found(bytes),
        Content::Missing => Nsswitch::Missing,
        Content::Unreadable(_) => Nsswitch::Unreadable,
    }
}

/// Puts variables as typed, `KEY=VALUE`, in place of those of the process.
pub(crate) fn set_variables(situation: &mut Situation, pairs: &[String]) -> Result<(), CommandError> {
    for pair in pairs {
        let wrong = || {
            CommandError::new(format!("--env {pair}: no variable that a resolver reads"))
                .hint("there are RES_OPTIONS=…, LOCALDOMAIN=…, GODEBUG=… and HOSTALIASES=FILE")
        };
        let (key, value) = pair.split_once('=').ok_or_else(wrong)?;
        match key {
            "RES_OPTIONS" => situation.res_options = Some(value.to_owned()),
            "LOCALDOMAIN" => situation.local_domain = Some(value.to_owned()),
            "GODEBUG" => situation.go_debug = Some(value.to_owned()),
            "HOSTALIASES" => situation.host_aliases = Some(read_file(value.as_ref())?),
            _ => return Err(wrong()),
        }
    }
    Ok(())
}

fn hostname_of(located: &Located) -> String {
    match &located.process {
        Some(process) => match process.hostname() {
            Hostname::Kernel(name) | Hostname::File(name) => name,
            Hostname::Unknown => String::new(),
        },
        None => std::fs::read_to_string("/proc/sys/kernel/hostname")
            .map(|it| it.trim().to_owned())
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_near_what_was_typed_are_found_by_their_beginnings() {
        let existing = ["web-7d4b9c-x2x1z", "db-0", "web-front-7d4b9c-x2x1z"].map(str::to_owned);
        assert_eq!(near("wab", &existing), ["web-7d4b9c-x2x1z", "web-front-7d4b9c-x2x1z"]);
        assert_eq!(near("front", &existing), ["web-front-7d4b9c-x2x1z"]);
        assert!(near("mongo", &existing).is_empty());
        let existing = ["sre/web-7d4b9c-x2x1z", "payments/db-0"].map(str::to_owned);
        assert_eq!(near("payments/web", &existing), ["sre/web-7d4b9c-x2x1z"]);
    }
}
