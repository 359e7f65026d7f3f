//! `dnsprobe list`: every network namespace of the node, what is in it, and what it resolves with.

use std::io::Write;

use dnsprobe_resolv::{Resolver, ResolverId, Settings, Situation, conf};
use dnsprobe_sniffer::node::{Container, Network, Opened};
use dnsprobe_sniffer::{Entry, Host, Kind, Node, Process, Root, privileges};

use super::programs::{Has, Programs};
use super::situation::{self, Wanted};
use crate::cli::TargetArgs;
use crate::error::{CommandError, Status};
use crate::view::{Columns, Listed, ListedResolver, PacketsOn, Ui, list_json, list_table, note, output};

/// From this many characters on musl ignores a line whole (1.2.5 `src/network/resolvconf.c`).
const MUSL_LINE: usize = 255;

/// Arguments of `dnsprobe list`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Needs CAP_SYS_PTRACE to look at other users' processes, and CAP_DAC_READ_SEARCH to read the runtimes' files."
)]
pub(crate) struct Args {
    #[command(flatten)]
    target: TargetArgs,
    /// Output format: a table for people, the same with everything known, or one JSON object a line
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
}

/// How entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Table,
    /// With inodes, processes, files and nameservers
    Wide,
    /// One JSON object a line
    Json,
}

/// Looks at the node once and shows what is there.
pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Status, CommandError> {
    let host = situation::host(&args.target);
    let node = Node::read(&host)?;
    let entries = chosen(&args.target, &node)?;
    let mut programs = Programs::default();
    let listed: Vec<Listed<'_>> =
        entries.into_iter().map(|entry| look_into(&host, entry, &mut programs)).collect();
    let text = match args.output {
        Format::Table => list_table(&listed, Columns::Few, ui),
        Format::Wide => list_table(&listed, Columns::All, ui),
        Format::Json => {
            listed.iter().flat_map(|listed| [list_json(listed).to_string(), "\n".to_owned()]).collect()
        }
    };
    let mut output = output(PacketsOn::Elsewhere);
    output.write_all(text.as_bytes())?;
    output.flush()?;
    if node.denied() > 0 && !privileges::missing(privileges::TO_INSPECT).is_empty() {
        note(&format!(
            "dnsprobe: the namespaces of {} processes are not shown to this user; with CAP_SYS_PTRACE (sudo) the list is whole",
            node.denied()
        ));
    }
    Ok(Status::Done)
}

/// The entries that the target stands for; all without one.
fn chosen<'n>(args: &TargetArgs, node: &'n Node) -> Result<Vec<&'n Entry>, CommandError> {
    use dnsprobe_sniffer::Target;
    Ok(match situation::wanted(args)? {
        Wanted::Pods(Some(namespace)) => {
            let pods = node.pods_of(&namespace);
            if pods.is_empty() {
                return Err(situation::no_pods(&namespace, node));
            }
            pods
        }
        Wanted::Pods(None) => node.entries.iter().filter(|entry| entry.kind == Kind::Pod).collect(),
        Wanted::One(Target::Here) => node.entries.iter().collect(),
        Wanted::One(Target::Pod(query, container)) => match container {
            Some(container) => vec![node.container_of(&query, &container).map_err(situation::not_found)?.0],
            None => node.entries_of(&query).map_err(situation::not_found)?,
        },
        Wanted::One(Target::Container(query)) => {
            vec![node.container(&query).map_err(situation::not_found)?.0]
        }
        Wanted::One(target @ Target::Pid(pid)) => {
            let entries: Vec<&Entry> =
                node.entries.iter().filter(|entry| entry.pids.contains(&pid)).collect();
            if entries.is_empty() {
                dnsprobe_sniffer::target::locate(&target, node.host())?;
                return Err(CommandError::new(format!("process {pid} has no entry: it started just now")));
            }
            entries
        }
        Wanted::One(target @ Target::Netns(_)) => {
            let located = dnsprobe_sniffer::target::locate(&target, node.host())?;
            let netns = Some(located.netns.inode());
            let own = |entry: &Entry| entry.network == Network::Own || entry.kind == Kind::Host;
            node.entries.iter().filter(|entry| entry.netns == netns && own(entry)).collect()
        }
    })
}

/// Reads what an entry resolves with.
fn look_into<'n>(host: &Host, entry: &'n Entry, programs: &mut Programs) -> Listed<'n> {
    let (mut resolvers, mut files) = (Vec::new(), Vec::new());
    for container in entry.containers.iter().filter(|container| container.pid.is_some()) {
        let name = situation::name_of(container);
        let first = entry.open(host, Some(container)).ok();
        if let Some(opened) = &first {
            add(&mut resolvers, programs.resolvers_of(opened), name.as_ref());
            files.push(situation::conf_in(&opened.root).bytes);
        }
        // A container may hold programs of several kinds.
        add(&mut resolvers, programs.beside(host, entry, container, first.as_ref()), name.as_ref());
    }
    let mut program = None;
    if files.is_empty()
        && let Some((opened, resolves)) = without_container(host, entry)
    {
        program = opened.process.as_ref().filter(|_| entry.kind == Kind::Process).and_then(Process::name);
        if resolves {
            add(&mut resolvers, programs.resolvers_of(&opened), None);
        }
        files.push(situation::conf_in(&opened.root).bytes);
    }
    let first = files.first().cloned().flatten();
    let settings = settings(first.as_deref(), resolvers.first());
    let notes = notes(entry, &files, settings.as_ref());
    Listed { entry, settings, resolvers, program, notes }
}

/// Adds the resolvers of a program, each once for a container.
fn add(resolvers: &mut Vec<ListedResolver>, found: Vec<Has>, container: Option<&String>) {
    for Has { id, version } in found {
        let resolver = ListedResolver { id: id.map(str::to_owned), version, container: container.cloned() };
        if !resolvers.contains(&resolver) {
            resolvers.push(resolver);
        }
    }
}

/// The files of an entry of which no container runs, and whether a program of it is there to tell the resolver.
fn without_container(host: &Host, entry: &Entry) -> Option<(Opened, bool)> {
    let whole = |root: Root| Opened { process: None, root, notes: Vec::new() };
    match entry.kind {
        Kind::Host => Some((whole(Root::of_host(host).ok()?), true)),
        Kind::Named => {
            let name = entry.names.iter().find(|name| !name.starts_with('/'));
            let root = match name {
                Some(name) => Root::of_named_netns(host, name),
                None => Root::of_host(host),
            };
            Some((whole(root.ok()?), false))
        }
        Kind::Pod | Kind::Container => Some((entry.open(host, None::<&Container>).ok()?, false)),
        Kind::Process => Some((entry.open(host, None).ok()?, true)),
    }
}

/// What the first resolver of the entry reads in the file; glibc where none is known.
fn settings(file: Option<&[u8]>, resolver: Option<&ListedResolver>) -> Option<Settings> {
    let word = resolver.and_then(|resolver| {
        let id = resolver.id.as_ref()?;
        Some(resolver.version.as_ref().map_or_else(|| id.clone(), |version| format!("{id}@{version}")))
    });
    let known = word.and_then(|word| Resolver::parse(&word).ok());
    let profile = known.unwrap_or_else(|| Resolver::new(ResolverId::Glibc)).profile();
    file.and_then(|file| conf::interpret(Some(file), &Situation::default(), &profile).ok())
}

/// What deserves a look.
fn notes(entry: &Entry, files: &[Option<Vec<u8>>], settings: Option<&Settings>) -> Vec<String> {
    let mut notes = Vec::new();
    let clusters =
        |settings: &Settings| settings.search.iter().any(|suffix| suffix.to_string().starts_with("svc."));
    if entry.kind == Kind::Pod && entry.network == Network::Host {
        notes.push(if settings.is_some_and(clusters) {
            "on the host's network, with the cluster's search list: dnsPolicy ClusterFirstWithHostNet"
                .to_owned()
        } else {
            "on the host's network and with the host's resolv.conf: names of Services do not resolve"
                .to_owned()
        });
    }
    if files.windows(2).any(|pair| pair[0] != pair[1]) {
        notes.push("its containers do not have the same resolv.conf".to_owned());
    }
    let long = |file: &Vec<u8>| {
        file.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"search") && line.len() >= MUSL_LINE)
    };
    if files.iter().flatten().any(long) {
        notes.push(format!("its search line has {MUSL_LINE} characters or more: musl ignores it whole"));
    }
    notes
}
