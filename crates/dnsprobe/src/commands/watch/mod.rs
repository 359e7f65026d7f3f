//! `dnsprobe watch`: lookups of a network namespace, or of many, live.

mod many;
mod present;
mod shared;

use std::time::Duration;

use dnsprobe_lookup::pcap::InterfaceName;
use dnsprobe_lookup::{Nanos, SearchList};
use dnsprobe_sniffer::capture::{self, End};
use dnsprobe_sniffer::{
    Capture, CaptureOptions, FrameSource, Located, Queue, SourceId, Statistics, Wake, embedded, privileges,
    wake,
};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::conntrack::Counters;
use super::programs::Programs;
use super::session::{Session, Showing};
use super::situation::{self, Wanted};
use crate::cli::{LookupArgs, TargetArgs};
use crate::error::{CommandError, Status};
use crate::view::{CapturedIn, Detail, Merging, Reporter, Ui, escape};

/// Arguments of `dnsprobe watch`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Needs CAP_NET_RAW to capture; CAP_SYS_ADMIN and CAP_SYS_PTRACE to enter another namespace; CAP_DAC_READ_SEARCH\nto find pods by their runtimes' files. All are given up once everything is open; with --ns or --all one thread keeps\nthem to follow pods that start and to see whose sockets ask."
)]
pub(crate) struct Args {
    #[command(flatten)]
    target: TargetArgs,
    /// Only this interface of the namespace (default: all)
    #[arg(short = 'i', long, value_name = "NAME")]
    interface: Option<String>,
    /// Stop after this time, such as `30s` or `5m`
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Print every lookup, however many a second
    #[arg(long)]
    every: bool,
    #[command(flatten)]
    lookups: LookupArgs,
}

impl Args {
    /// For a window of time whose lookups are not shown one by one.
    pub(super) fn window(
        target: TargetArgs,
        interface: Option<String>,
        duration: Duration,
        lookups: LookupArgs,
    ) -> Self {
        Self { target, interface, duration: Some(duration), every: true, lookups }
    }
}

/// Captures and shows lookups until it is told to stop.
pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Status, CommandError> {
    observe(args, ui, None)?;
    Ok(Status::Done)
}

/// The same, handing lookups to a reporter where one is given.
pub(super) fn observe(args: &Args, ui: &Ui, reporter: Option<Box<dyn Reporter>>) -> Result<(), CommandError> {
    let statistics = match situation::wanted(&args.target)? {
        Wanted::One(_) => one(args, ui, reporter)?,
        Wanted::Pods(namespace) => many::watch(args, namespace, ui, reporter)?,
    };
    if ui.detail > Detail::Less {
        crate::view::note(&in_words(&statistics));
    }
    Ok(())
}

/// What was captured and what was lost: the latter's rarer kinds only where there are any.
fn in_words(statistics: &Statistics) -> String {
    let Statistics { received, dropped_by_kernel, truncated, unknown_link, filtered } = statistics;
    let mut words =
        vec![format!("{received} packets captured"), format!("{dropped_by_kernel} dropped by kernel")];
    for (count, what) in [(truncated, "cut off"), (unknown_link, "on interfaces of an unknown kind")] {
        if *count > 0 {
            words.push(format!("{count} {what}"));
        }
    }
    if let Some(filtered) = filtered {
        words.push(format!("{filtered} kept away by the filter (by the interfaces' counters)"));
    }
    words.join(", ")
}

/// Watches one network namespace.
fn one(args: &Args, ui: &Ui, reporter: Option<Box<dyn Reporter>>) -> Result<Statistics, CommandError> {
    let located = situation::locate(&args.target)?;
    situation::say_notes(&located);
    let search = search_list(args, &located)?;
    let mut situation = situation::situation_of(&located);
    situation::set_variables(&mut situation, &args.lookups.env)?;
    let mut source = Capture::new(stoppable()?)?;
    let embedded = embedded::in_namespace(&located.netns)?;
    // One namespace may be as busy as a node's DNS server, and can have a ring; hundreds cannot.
    let busy = CaptureOptions { queue: Queue::BUSY, ..options(args) };
    let id = source.attach(&located.netns, &busy.with(embedded.as_ref()))?;
    let (sharing, looking) = shared::telling(args, &located, &search)?.unzip();
    let untold = shared::untold(&located);
    let (target, target_name) = match untold.clone() {
        Some((target, name)) => (target, Some(name)),
        None => {
            (situation::target_json(&args.target, &located), situation::target_name(&args.target, &located))
        }
    };
    let showing = Showing { lookups: &args.lookups, merging: merging(args, ui), target, target_name };
    let session = Session::new(showing, search, interfaces(&source, id), ui)?;
    let found = located.found.as_ref().map(|found| std::slice::from_ref(&found.entry)).unwrap_or_default();
    // Whom nobody is told for, may have any resolver.
    let resolvers = match untold {
        Some(_) => Vec::new(),
        None => present::resolvers(&situation::host(&args.target), found, &mut Programs::default()),
    };
    let mut session = session
        .with_embedded(embedded)
        .with_resolvers(&resolvers)
        .with_situation(&situation)
        .with_sharing(sharing)
        .in_batches()
        .with_conntrack(Counters::open(&args.target.host_root))
        .reporting_to(reporter);
    // Sockets and files are open: nothing needs a privilege any more.
    give_up_privileges()?;
    // Dropping its end stops the thread.
    let _stop = looking.map(shared::Looking::start).transpose()?;
    say_what_is_watched(
        &situation::target_name(&args.target, &located).unwrap_or_else(|| "this namespace".to_owned()),
        ui,
    );
    watch(&mut source, &mut session, args, &mut |_, _| Ok(()))?;
    let statistics = source.statistics(Some(id))?;
    let target = situation::target_json(&args.target, &located);
    session.captured(CapturedIn { target, name: situation::target_name(&args.target, &located), statistics });
    session.close(Some(statistics.dropped_by_kernel))?;
    Ok(statistics)
}

fn say_what_is_watched(name: &str, ui: &Ui) {
    if ui.detail > Detail::Less {
        crate::view::note(&format!("dnsprobe: watching {}; Ctrl-C stops and sums up", escape(name)));
    }
}

fn merging(args: &Args, ui: &Ui) -> Merging {
    if ui.terminal && !args.every { Merging::Busy } else { Merging::Never }
}

fn options(args: &Args) -> CaptureOptions {
    CaptureOptions {
        interface: args.interface.clone(),
        ports: args.lookups.ports.clone(),
        ..CaptureOptions::default()
    }
}

fn interfaces(source: &Capture, id: SourceId) -> Vec<InterfaceName> {
    let named = source.interfaces(id).into_iter().map(|interface| InterfaceName {
        interface: interface.index,
        link: interface.link,
        name: interface.name,
    });
    named.collect()
}

fn search_list(args: &Args, located: &Located) -> Result<SearchList, CommandError> {
    if let Some(path) = &args.lookups.resolv_conf {
        return Ok(SearchList::Known(Some(situation::read_file(path)?)));
    }
    let file = situation::conf_of(located);
    if let Some(problem) = &file.problem {
        crate::view::note(&format!(
            "dnsprobe: {} {problem}; resolvers then use their defaults",
            escape(&file.place)
        ));
    }
    Ok(SearchList::Known(file.bytes))
}

/// Lets Ctrl-C end the wait for packets.
fn stoppable() -> Result<Wake, CommandError> {
    let failed = |error: std::io::Error| CommandError::wrap("prepare for Ctrl-C", error);
    let (waker, wake) = wake::pair().map_err(failed)?;
    for signal in [SIGINT, SIGTERM] {
        let stream = waker.try_clone().map_err(failed)?.into_stream();
        signal_hook::low_level::pipe::register(signal, stream).map_err(failed)?;
    }
    Ok(wake)
}

fn give_up_privileges() -> Result<(), CommandError> {
    let failed = |error: std::io::Error| CommandError::wrap("give up privileges", error);
    privileges::drop_all().map_err(failed)
}

/// Hands frames to the session until it is full, the time is over, or somebody stops it. Waits for packets alone where no
/// lookup is under way. `between` is called after each batch, and when the capture's bell is rung.
fn watch(
    source: &mut Capture,
    session: &mut Session,
    args: &Args,
    between: &mut dyn FnMut(&mut Capture, &mut Session) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let deadline = args.duration.map(|time| capture::now() + nanos(time));
    loop {
        let wait = session.next_look(capture::now()).into_iter().chain(deadline).min();
        let mut stopped = false;
        let batch = source.next_batch(wait, &mut |captured| {
            stopped |= !stopped && session.frame_from(captured.source, &captured.frame).is_break();
        })?;
        if stopped || session.is_full() {
            return Ok(());
        }
        let over = deadline.is_some_and(|deadline| batch.now >= deadline);
        if session.silence(batch.now).is_break() || over || batch.end == End::Stopped {
            return Ok(());
        }
        between(source, session)?;
    }
}

fn nanos(time: Duration) -> Nanos {
    Nanos(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
}

/// `30s`, `1500ms`, `5m`, `1h`, or seconds without a unit.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let number: f64 =
        digits.parse().map_err(|_| format!("`{text}` is no time; write it as 30s, 5m or 1h"))?;
    let unit = match &text[digits.len()..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        other => return Err(format!("`{other}` is no unit of time; known are ms, s, m and h")),
    };
    Duration::try_from_secs_f64(number * unit).map_err(|_| format!("`{text}` is out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_is_said_where_something_was() {
        let mut statistics = Statistics { received: 7, ..Statistics::default() };
        assert_eq!(in_words(&statistics), "7 packets captured, 0 dropped by kernel");
        (statistics.truncated, statistics.unknown_link) = (2, 1);
        let all = "7 packets captured, 0 dropped by kernel, 2 cut off, 1 on interfaces of an unknown kind";
        assert_eq!(in_words(&statistics), all);
        statistics = Statistics { received: 7, filtered: Some(900), ..Statistics::default() };
        let with_others = "7 packets captured, 0 dropped by kernel, 900 kept away by the filter (by the interfaces' counters)";
        assert_eq!(in_words(&statistics), with_others);
    }

    #[test]
    fn durations_are_read_with_and_without_unit() {
        assert_eq!(parse_duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("7"), Ok(Duration::from_secs(7)));
        for wrong in ["", "s", "-3s", "3 weeks", "nan"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
