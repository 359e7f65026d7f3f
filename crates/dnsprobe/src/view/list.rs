//! The entries of a node, for people and for programs.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Width};
use dnsprobe_resolv::Settings;
use dnsprobe_sniffer::node::{Container, ContainerId, Network, PodUid, Runtime};
use dnsprobe_sniffer::{Entry, Kind};
use serde_json::{Value, json};

use super::rows::{filled, wrapped};
use super::text::{Paint, escape, plural};
use super::{Ui, tables};

/// Processes shown of an entry in the wide table.
const MOST_PIDS: usize = 4;

/// An entry and what it resolves with.
pub(crate) struct Listed<'n> {
    pub(crate) entry: &'n Entry,
    /// What its resolver takes from its `resolv.conf`; none where there is none to read.
    pub(crate) settings: Option<Settings>,
    pub(crate) resolvers: Vec<ListedResolver>,
    /// The name of the first process, where nothing but processes holds the namespace.
    pub(crate) program: Option<String>,
    /// What deserves a look.
    pub(crate) notes: Vec<String>,
}

/// A resolver of one container.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ListedResolver {
    /// None when it was not recognised.
    pub(crate) id: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) container: Option<String>,
}

/// How much of each entry is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Columns {
    /// What fits; with room, as [`Columns::More`].
    Few,
    /// The containers too.
    More,
    /// Everything that is known.
    All,
}

/// A column is not made narrower than this, in characters, but for what is in it.
const NARROWEST: u16 = 14;
/// The spaces on both sides of a cell.
const PADDING: u16 = 2;
/// From this width on containers are shown.
const ROOM_FOR_MORE: usize = 100;

/// One object of the JSON output.
pub(crate) fn list_json(listed: &Listed<'_>) -> Value {
    let entry = listed.entry;
    let pod = entry.pod.as_ref();
    let settings = listed.settings.as_ref();
    json!({
        "schema": "dnsprobe.list/1",
        "netns": entry.netns,
        "pids": entry.pids,
        "kind": entry.kind.as_str(),
        "namespace": pod.and_then(|pod| pod.namespace.as_ref()),
        "pod": pod.map(|pod| &pod.name),
        "uid": entry.uid.as_ref().map(PodUid::as_str),
        "host_network": entry.network == Network::Host,
        "within": entry.within.as_ref().map(ContainerId::as_str),
        "containers": entry.containers.iter().map(container_json).collect::<Vec<_>>(),
        "sandbox": entry.sandbox.as_ref().map(container_json),
        "runtime": entry.runtime.map(Runtime::as_str),
        "names": entry.names,
        "program": listed.program,
        "ndots": settings.map(|settings| settings.ndots),
        "search": settings.map(search),
        "nameservers": settings.map(nameservers),
        "resolvers": listed.resolvers.iter().map(|resolver| json!({
            "id": resolver.id,
            "version": resolver.version,
            "from": resolver.id.as_ref().map(|_| "detected"),
            "container": resolver.container,
        })).collect::<Vec<_>>(),
        "notes": listed.notes,
    })
}

fn container_json(container: &Container) -> Value {
    json!({
        "name": container.name,
        "id": container.id.as_ref().map(ContainerId::as_str),
        "pid": container.pid,
        "running": container.pid.is_some(),
    })
}

fn search(settings: &Settings) -> Vec<String> {
    settings.search.iter().map(|suffix| suffix.to_string().trim_end_matches('.').to_owned()).collect()
}

fn nameservers(settings: &Settings) -> Vec<String> {
    settings.nameservers.iter().map(|server| server.address.to_string()).collect()
}

/// The table, then what deserves a look, then the sums.
pub(crate) fn list_table(all: &[Listed<'_>], columns: Columns, ui: &Ui) -> String {
    let table = match columns {
        Columns::Few if ui.width >= ROOM_FOR_MORE => {
            let more = table(all, Columns::More, ui);
            // Long names leave no room for more.
            let width = more.lines().map(|line| line.trim_end().chars().count()).max();
            if width > Some(ui.width) { table(all, Columns::Few, ui) } else { more }
        }
        Columns::Few => table(all, Columns::Few, ui),
        columns => table(all, columns, ui),
    };
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{table}");
    for listed in all {
        for note in &listed.notes {
            let line = format!("! {}: {note}", escape(&listed.entry.title()));
            let _ = writeln!(text, "{}", wrapped(&line, ui, Paint::Warn));
        }
    }
    for line in filled(&sums(all), ui.width) {
        let _ = writeln!(text, "{}", ui.out.paint(Paint::Bold, &line));
    }
    text
}

fn table(all: &[Listed<'_>], columns: Columns, ui: &Ui) -> String {
    // The wide table is for searching and for wide screens: its lines are never broken.
    let arrangement =
        if columns == Columns::All { ContentArrangement::Disabled } else { ContentArrangement::Dynamic };
    let mut table = tables::bare(arrangement, ui);
    table.set_header(header(columns));
    for listed in all {
        table.add_row(row(listed, columns));
    }
    // A name is there to be copied: it is never broken. Neither is a suffix. What stands between keeps a width that can be
    // read, whatever a name takes.
    let widths = table.column_max_content_widths();
    for (index, (title, content)) in header(columns).into_iter().zip(widths).enumerate() {
        if let Some(column) = table.column_mut(index) {
            column.set_constraint(match title {
                "NAME" | "NDOTS" | "SEARCH" => ColumnConstraint::ContentWidth,
                _ => ColumnConstraint::LowerBoundary(Width::Fixed(content.min(NARROWEST) + PADDING)),
            });
        }
    }
    table.trim_fmt()
}

fn header(columns: Columns) -> Vec<&'static str> {
    match columns {
        Columns::Few => vec!["NAME", "RESOLVER", "NDOTS", "SEARCH"],
        Columns::More => vec!["NAME", "CONTAINERS", "RESOLVER", "NDOTS", "SEARCH"],
        Columns::All => vec![
            "NAME",
            "CONTAINERS",
            "RESOLVER",
            "NDOTS",
            "SEARCH",
            "NAMESERVERS",
            "KIND",
            "RUNTIME",
            "NETNS",
            "IP NETNS",
            "PIDS",
        ],
    }
}

fn row(listed: &Listed<'_>, columns: Columns) -> Vec<Cell> {
    let entry = listed.entry;
    let settings = listed.settings.as_ref();
    let dash = || "-".to_owned();
    let ndots = settings.map_or_else(dash, |settings| settings.ndots.to_string());
    let mut cells = vec![Cell::new(name(listed))];
    if columns != Columns::Few {
        cells.push(Cell::new(containers(entry)));
    }
    cells.extend([
        Cell::new(resolvers(listed)),
        Cell::new(ndots).set_alignment(CellAlignment::Right),
        Cell::new(settings.map_or_else(dash, |settings| suffixes(settings, columns))),
    ]);
    if columns == Columns::All {
        cells.extend([
            Cell::new(settings.map_or_else(dash, |settings| nameservers(settings).join(" "))),
            Cell::new(entry.kind.as_str()),
            Cell::new(entry.runtime.map_or("-", Runtime::as_str)),
            Cell::new(entry.netns.map_or_else(dash, |netns| netns.to_string())),
            Cell::new(names(entry)),
            Cell::new(pids(entry)),
        ]);
    }
    cells
}

fn name(listed: &Listed<'_>) -> String {
    let entry = listed.entry;
    let container = || entry.main_container().and_then(|container| container.name.clone());
    let own = match (entry.kind, &entry.pod, &entry.uid) {
        (Kind::Host, ..) => "(host)".to_owned(),
        (_, Some(pod), _) => pod.to_string(),
        (Kind::Pod, None, Some(uid)) => uid.to_string(),
        (Kind::Container, ..) => {
            let id = || entry.main_container()?.id.as_ref().map(|id| id.short().to_owned());
            format!("{} (container)", container().or_else(id).unwrap_or_else(|| "?".to_owned()))
        }
        (Kind::Process, ..) => {
            let program = listed.program.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
            format!("(pid {}{program})", entry.pids.first().copied().unwrap_or_default())
        }
        (Kind::Pod, None, None) => container().unwrap_or_else(|| "(pod)".to_owned()),
        (Kind::Named, ..) => names(entry),
    };
    let within = entry.within.as_ref().map(|node| format!(" in {}", node.short())).unwrap_or_default();
    let host =
        if entry.kind != Kind::Host && entry.network == Network::Host { " (host network)" } else { "" };
    escape(&format!("{own}{within}{host}"))
}

fn containers(entry: &Entry) -> String {
    let shown = entry.containers.iter().map(|container| {
        let id = || container.id.as_ref().map_or("?", ContainerId::short).to_owned();
        let name = container.name.clone().unwrap_or_else(id);
        if container.pid.is_some() { name } else { format!("{name} (not running)") }
    });
    let shown: Vec<String> = shown.collect();
    if shown.is_empty() { "-".to_owned() } else { escape(&shown.join(", ")) }
}

/// Each resolver once.
fn resolvers(listed: &Listed<'_>) -> String {
    let mut words: Vec<String> = Vec::new();
    for resolver in &listed.resolvers {
        let id = resolver.id.as_deref().unwrap_or("unknown");
        let word =
            resolver.version.as_ref().map_or_else(|| id.to_owned(), |version| format!("{id} {version}"));
        if !words.contains(&word) {
            words.push(word);
        }
    }
    if words.is_empty() {
        let containers = &listed.entry.containers;
        let ended = !containers.is_empty() && containers.iter().all(|container| container.pid.is_none());
        words.push(if ended { "no container runs" } else { "-" }.to_owned());
    }
    escape(&words.join(", "))
}

fn suffixes(settings: &Settings, columns: Columns) -> String {
    let all = search(settings);
    let text = match (columns, &all[..]) {
        (_, []) => "-".to_owned(),
        (Columns::All, all) => all.join(" "),
        (Columns::Few, all) => {
            if all.len() == 1 {
                "1 suffix".to_owned()
            } else {
                format!("{} suffixes", all.len())
            }
        }
        (_, [one]) => one.clone(),
        (_, [first, rest @ ..]) => format!("{first} +{}", rest.len()),
    };
    escape(&text)
}

/// The names of the namespace, or why `ip netns` has none for it.
fn names(entry: &Entry) -> String {
    match (&entry.names[..], entry.network, entry.kind) {
        ([], Network::Own, Kind::Pod | Kind::Container | Kind::Process) => {
            "no: only processes hold it".to_owned()
        }
        ([], ..) => "-".to_owned(),
        (names, ..) if names.iter().all(|name| name.starts_with('/')) => {
            escape(&format!("no: it is {}", names.join(", ")))
        }
        (names, ..) => escape(&names.join(", ")),
    }
}

fn pids(entry: &Entry) -> String {
    let shown: Vec<String> = entry.pids.iter().take(MOST_PIDS).map(ToString::to_string).collect();
    match entry.pids.len().saturating_sub(MOST_PIDS) {
        _ if shown.is_empty() => "-".to_owned(),
        0 => shown.join(" "),
        more => format!("{} +{more}", shown.join(" ")),
    }
}

fn sums(all: &[Listed<'_>]) -> String {
    let count = |kind| all.iter().filter(|listed| listed.entry.kind == kind).count();
    // A pod may have several network namespaces.
    let pods = all.iter().map(|listed| listed.entry).filter(|entry| entry.kind == Kind::Pod);
    let pods: BTreeSet<_> = pods.map(|it| (&it.within, &it.uid, &it.pod, it.runtime)).collect();
    let parts = [
        (pods.len(), "pod"),
        (count(Kind::Container), "container"),
        (count(Kind::Named), "named namespace"),
        (count(Kind::Process), "namespace held by processes alone"),
    ];
    let words: Vec<String> = parts
        .iter()
        .filter(|part| part.0 > 0)
        .map(|part| match part {
            (1, word) => format!("1 {word}"),
            (count, "namespace held by processes alone") => {
                format!("{count} namespaces held by processes alone")
            }
            (count, word) => plural(u64::try_from(*count).unwrap_or(u64::MAX), word),
        })
        .collect();
    let waste = all
        .iter()
        .filter(|listed| listed.settings.as_ref().is_some_and(|it| it.ndots >= 5 && !it.search.is_empty()));
    let waste = waste.filter(|listed| listed.entry.kind == Kind::Pod).count();
    let found = if words.is_empty() { "nothing but the node itself".to_owned() } else { words.join(", ") };
    if waste == 0 { found } else { format!("{found}; {waste} with ndots:5 or more and a search list") }
}
