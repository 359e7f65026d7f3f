//! Lookups gathered for `advise` and `report`: from captures, or from a window of live traffic; by client, in bounded
//! memory.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, IsTerminal};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use dnsprobe_lookup::{Counters, InferredConf, Lookup, Nanos, Observed, Summary, Timestamp};
use dnsprobe_resolv::Resolver;
use dnsprobe_resolv::whatif::{Conf, Origin, Told};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::chosen::{self, AUTO};
use super::{read, watch};
use crate::cli::{Format, LookupArgs, TargetArgs};
use crate::error::CommandError;
use crate::view::{Advised, Closing, Detail, Gallery, Present, Reporter, SeenAt, Ui, Workload};

/// Clients that are kept apart; the lookups of others are counted in the sums alone.
const MOST_CLIENTS: usize = 1_024;
/// How often the bar moves.
const TICK: Nanos = Nanos::from_millis(100);

/// Where lookups come from.
#[derive(Debug, clap::Args)]
pub(crate) struct GatherArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Captures to read instead of watching (pcap or pcapng, plain, gzip or zstd); `-` is standard input
    #[arg(
        short = 'r',
        long = "read",
        value_name = "FILE",
        num_args = 1..,
        conflicts_with_all = ["pod", "ns", "container", "pid", "netns", "all", "interface", "duration"]
    )]
    files: Vec<PathBuf>,
    /// Watch for this time, such as `30s` or `5m`; Ctrl-C ends it sooner
    #[arg(long, value_name = "TIME", value_parser = watch::parse_duration, default_value = "30s")]
    duration: Duration,
    /// Only this interface of the namespace (default: all)
    #[arg(short = 'i', long, value_name = "NAME")]
    interface: Option<String>,
    /// The clients' resolver, as in `explain --list-resolvers`; auto: what their packets show
    #[arg(long, value_name = "auto|ID[@VERSION]", default_value = "auto")]
    resolver: String,
    /// The resolv.conf of the clients, instead of the target's own or of what the traffic shows
    #[arg(long, value_name = "FILE")]
    resolv_conf: Option<PathBuf>,
    /// A variable of the clients' environment, instead of the target's own: `RES_OPTIONS`, `LOCALDOMAIN`, or `HOSTALIASES`
    /// (a file)
    #[arg(long, value_name = "KEY=VALUE")]
    env: Vec<String>,
    /// A port that carries DNS (may be given several times)
    #[arg(long = "port", value_name = "PORT", default_values_t = [53])]
    ports: Vec<u16>,
    /// Also write the packets to this file
    #[arg(short = 'w', long = "write", value_name = "FILE")]
    write: Option<PathBuf>,
    /// Stop after this many packets
    #[arg(short = 'c', long = "count", value_name = "PACKETS")]
    count: Option<u64>,
}

impl GatherArgs {
    fn lookups(&self) -> LookupArgs {
        LookupArgs {
            output: Format::Json,
            summary: false,
            // What is advised is judged by what the packets show; the given resolver is weighed against that.
            resolver: AUTO.to_owned(),
            resolv_conf: self.resolv_conf.clone(),
            env: self.env.clone(),
            ports: self.ports.clone(),
            write: self.write.clone(),
            rotate_size: None,
            rotate_count: None,
            count: self.count,
        }
    }

    /// What is looked at, in a word.
    pub(super) fn what(&self) -> String {
        let file = |path: &PathBuf| {
            path.file_name().map_or_else(String::new, |it| it.to_string_lossy().into_owned())
        };
        match (&self.files[..], &self.target.pod, &self.target.ns) {
            ([one], ..) if one.as_os_str() == "-" => "a capture".to_owned(),
            ([one], ..) => file(one),
            ([first, rest @ ..], ..) => format!("{} and {} more captures", file(first), rest.len()),
            ([], Some(pod), Some(ns)) => format!("{ns}/{pod}"),
            ([], Some(pod), None) => pod.clone(),
            ([], None, Some(ns)) => format!("the pods of {ns}"),
            ([], None, None) if self.target.all => "all pods of this node".to_owned(),
            ([], None, None) => match (&self.target.container, self.target.pid, &self.target.netns) {
                (Some(container), ..) => container.clone(),
                (_, Some(pid), _) => format!("process {pid}"),
                (.., Some(netns)) => netns.clone(),
                _ => "this network namespace".to_owned(),
            },
        }
    }

    fn given(&self) -> Result<Option<Resolver>, CommandError> {
        chosen::by_the_user(&self.resolver)
    }
}

/// Everything that was gathered.
#[derive(Default)]
pub(crate) struct Gathered {
    clients: HashMap<Key, Client>,
    given: Option<Resolver>,
    /// The sums over all lookups.
    pub(crate) summary: Summary,
    /// What passed by.
    pub(crate) counters: Counters,
    /// Frames that the kernel had no room for; `None` for files.
    pub(crate) dropped_by_kernel: Option<u64>,
    /// What is worth a picture.
    pub(crate) gallery: Gallery,
}

/// The target, the client, and the text of its `resolv.conf`; the outer `None` until that is read from the traffic.
type Key = (String, Option<IpAddr>, Option<Option<Vec<u8>>>);

/// One client's lookups, and where they were seen.
struct Client {
    seen_at: SeenAt,
    observed: Observed,
    origin: Origin,
}

impl Gathered {
    fn add(&mut self, lookup: &Lookup, seen_at: &SeenAt) {
        let client = lookup.client.map(|client| client.to_string());
        let place = seen_at.name.as_deref().or(client.as_deref());
        self.summary.add(lookup, place);
        self.gallery.add(lookup, place);
        let key =
            (seen_at.target.to_string(), lookup.client, seen_at.conf.as_ref().map(|it| it.file.clone()));
        if self.clients.len() >= MOST_CLIENTS && !self.clients.contains_key(&key) {
            return;
        }
        let new = || Client { seen_at: seen_at.clone(), observed: Observed::default(), origin: Origin::File };
        let present = |it: &&Present| it.id.as_str() == lookup.resolver.id && it.exact.is_some();
        let detected = seen_at.present.iter().find(present).and_then(|it| it.exact);
        let told = match (self.given, detected) {
            (Some(given), _) => Some((given, Told::Given)),
            (None, Some(detected)) => Some((detected, Told::Detected)),
            (None, None) => None,
        };
        self.clients.entry(key).or_insert_with(new).observed.add(lookup, told);
    }

    fn close(&mut self, closing: &Closing<'_>) {
        self.counters.add(closing.counters);
        self.dropped_by_kernel = closing.dropped_by_kernel.or(self.dropped_by_kernel);
        self.settle(closing.inferred);
    }

    /// Files the clients of a capture under what their traffic shows of their settings: the same client of another
    /// capture is added to them where that shows the same, and kept apart where it does not.
    fn settle(&mut self, inferred: &[(IpAddr, InferredConf)]) {
        let open: Vec<Key> = self.clients.keys().filter(|(.., file)| file.is_none()).cloned().collect();
        for key in open {
            let Some(mut entry) = self.clients.remove(&key) else { continue };
            let (target, client, _) = key;
            let conf = inferred.iter().find(|(address, _)| Some(*address) == client).map(|(_, conf)| conf);
            let text = conf.map(InferredConf::as_resolv_conf).unwrap_or_default();
            entry.origin = Origin::Traffic;
            match self.clients.entry((target, client, Some(Some(text.into_bytes())))) {
                Entry::Occupied(mut known) => known.get_mut().observed.absorb(entry.observed),
                Entry::Vacant(place) => {
                    place.insert(entry);
                }
            }
        }
    }

    /// What other settings would come to for each client, those with the most lookups first.
    pub(crate) fn advised(&self) -> Vec<Advised> {
        let mut all: Vec<Advised> = self
            .clients
            .iter()
            .map(|((_, client, file), entry)| {
                let servers = entry.observed.servers().to_vec();
                let file = file.clone().flatten();
                let known = entry.seen_at.conf.as_ref();
                let situation = known.map(|conf| conf.situation.clone()).unwrap_or_default();
                let conf = Conf { file, servers, origin: entry.origin, situation };
                Advised {
                    target: entry.seen_at.target.clone(),
                    title: entry.seen_at.name.clone(),
                    client: *client,
                    weighed: entry.observed.weigh(&conf),
                    conf,
                    given: self.given,
                    present: entry.seen_at.present.iter().filter_map(|it| it.exact).collect(),
                    workload: Workload::of(&entry.seen_at.target),
                }
            })
            .collect();
        all.sort_by(|one, other| {
            let key = |it: &Advised| (std::cmp::Reverse(it.weighed.lookups), it.title.clone(), it.client);
            key(one).cmp(&key(other))
        });
        all
    }
}

/// Gathers lookups until the files or the time are over.
pub(crate) fn gather(args: &GatherArgs, ui: &Ui) -> Result<Gathered, CommandError> {
    let given = args.given()?;
    if args.write.as_deref() == Some(Path::new("-")) {
        return Err(CommandError::new("standard output is for the result").hint("-w FILE keeps the packets"));
    }
    let gathered = Rc::new(RefCell::new(Gathered { given, ..Gathered::default() }));
    let lookups = args.lookups();
    if args.files.is_empty() {
        let bar = (ui.detail > Detail::Less && io::stderr().is_terminal()).then(|| window(args.duration));
        let reporter = Box::new(Gathering { gathered: Rc::clone(&gathered), bar, began: None });
        let window = watch::Args::window(args.target.clone(), args.interface.clone(), args.duration, lookups);
        watch::observe(&window, ui, Some(reporter))?;
    } else {
        if args.files.len() > 1 && args.write.is_some() {
            return Err(CommandError::new("-w takes the packets of one capture").hint("give one -r FILE"));
        }
        for file in &args.files {
            let reporter = Box::new(Gathering { gathered: Rc::clone(&gathered), bar: None, began: None });
            read::observe(file, &lookups, ui, Some(reporter))?;
        }
    }
    Ok(gathered.take())
}

/// A bar for the time that is watched.
fn window(duration: Duration) -> ProgressBar {
    let length = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    // The template is known to be right; without it the bar is only plainer.
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {msg}, {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// Takes lookups as they finish.
struct Gathering {
    gathered: Rc<RefCell<Gathered>>,
    bar: Option<ProgressBar>,
    began: Option<Timestamp>,
}

impl Reporter for Gathering {
    fn lookup(&mut self, lookup: &Lookup, seen_at: &SeenAt) -> io::Result<()> {
        self.gathered.borrow_mut().add(lookup, seen_at);
        Ok(())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        let began = *self.began.get_or_insert(now);
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{} lookups", self.gathered.borrow().summary.lookups));
            bar.set_position(u64::try_from((now - began).0 / 1_000_000).unwrap_or(0));
        }
        Ok(())
    }

    fn next_tick(&self, now: Timestamp) -> Option<Timestamp> {
        // The bar moves.
        self.bar.as_ref().map(|_| now + TICK)
    }

    fn close(&mut self, closing: &Closing<'_>) -> io::Result<()> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.gathered.borrow_mut().close(closing);
        Ok(())
    }
}
