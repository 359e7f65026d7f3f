//! What `watch`, `read` and `demo` have in common: frames in, rows out, packets kept beside.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;

use dnsprobe_lookup::datagram::Skipped;
use dnsprobe_lookup::pcap::InterfaceName;
use dnsprobe_lookup::{Counters, Embedded, Frame, InferredConf, Pipeline, SearchList, Summary, Timestamp};
use dnsprobe_resolv::whatif::Conf;
use dnsprobe_resolv::{Resolver, Situation};
use dnsprobe_sniffer::SourceId;

use super::chosen;
use super::conntrack::Counters as Counted;
use super::lane::{Done, Lane};
use super::lanes::Lanes;
use super::packet_file::{PacketFile, Rotation};
use super::sharing::{Files, Shared, Sharing};
use crate::cli::{Format, LookupArgs};
use crate::error::CommandError;
use crate::view::{
    Beside, CapturedIn, Closing, Detail, JsonLines, Merging, Output, PacketsOn, Present, Reporter, Rows,
    SeenAt, Shown, Ui, note, output,
};

/// The one namespace of a session that has no more.
const ONLY: SourceId = SourceId(0);

/// Frames in, rows out; each namespace with a pipeline of its own.
pub(crate) struct Session {
    lanes: Lanes,
    ports: Vec<u16>,
    /// The resolver of all packets, where the user said so.
    given: Option<Resolver>,
    /// What the lanes that are gone have counted.
    counted: Counters,
    inferred: Vec<(IpAddr, InferredConf)>,
    /// Lookups that were not held against the plan of their resolver.
    unjudged: u64,
    /// Lookups of others than those that are wanted.
    of_others: u64,
    reporter: Box<dyn Reporter>,
    summary: Summary,
    packets: Option<PacketFile>,
    packets_left: u64,
    beside: Option<Beside>,
    captured: Vec<CapturedIn>,
    conntrack: Option<Counted>,
    order: Order,
    /// Lookups that wait for their turn.
    waiting: Vec<Done>,
    /// One that was shown: the next is put together in its memory.
    shown: Option<Done>,
    detail: Detail,
    wording: Wording,
    pace: Pace,
    /// What went wrong when writing results; frames keep coming until the source notices.
    failed: Option<CommandError>,
    /// What went wrong when writing packets.
    not_kept: Option<CommandError>,
}

/// Whether somebody waits for each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// It happens now.
    Live,
    /// The same, with time passing after each batch of packets.
    InBatches,
    /// It is all there already.
    Stored,
}

/// What becomes of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wording {
    /// Each is shown with its lookup.
    Shown,
    /// They are only counted, with an example of each kind.
    Counted,
}

/// In which order lookups are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// As they finish.
    Finished,
    /// As they began, all at the end.
    Begun,
}

/// What is known of a namespace that joins.
#[derive(Default)]
pub(crate) struct Known {
    /// The DNS server that Docker put into it.
    pub(crate) embedded: Option<Embedded>,
    /// The only clients that count: where a namespace forwards for others, their lookups are seen where they begin.
    pub(crate) clients: Option<BTreeSet<IpAddr>>,
    /// The resolvers that its programs have; empty where that is not known.
    pub(crate) resolvers: Vec<Present>,
    /// What beside the file decides how its clients ask.
    pub(crate) situation: Situation,
    /// Who asks there, where several may.
    pub(crate) sharing: Option<Shared>,
}

/// How a session shows what it finds.
pub(crate) struct Showing<'a> {
    pub(crate) lookups: &'a LookupArgs,
    pub(crate) merging: Merging,
    /// Where the lookups are seen, for JSON.
    pub(crate) target: serde_json::Value,
    /// The same in a word, for sums by target.
    pub(crate) target_name: Option<String>,
}

impl Session {
    /// For one namespace or file. `interfaces` are those known now, for the packet file.
    pub(crate) fn new(
        showing: Showing<'_>,
        search: SearchList,
        interfaces: Vec<InterfaceName>,
        ui: &Ui,
    ) -> Result<Self, CommandError> {
        let to_stdout = showing.lookups.write.as_deref() == Some(Path::new("-"));
        let output = output(if to_stdout { PacketsOn::Stdout } else { PacketsOn::Elsewhere });
        Self::writing_to(output, showing, search, interfaces, ui)
    }

    /// The same with the results going to `output`.
    pub(crate) fn writing_to(
        output: Output,
        showing: Showing<'_>,
        search: SearchList,
        interfaces: Vec<InterfaceName>,
        ui: &Ui,
    ) -> Result<Self, CommandError> {
        let given = chosen::by_the_user(&showing.lookups.resolver)?;
        let path = showing.lookups.write.as_deref();
        let rotation = rotation(showing.lookups);
        let packets = path.map(|path| PacketFile::create(path, rotation, interfaces)).transpose()?;
        let mut session = Self::with_packets(output, showing.lookups, showing.merging, packets, ui);
        session.given = given;
        let conf = conf_of(&search);
        let (target, name) = (showing.target, showing.target_name);
        let seen_at = SeenAt { target, name, conf, ..SeenAt::default() };
        let lane = Lane::new(session.pipeline(search), seen_at);
        session.lanes.insert(ONLY, lane);
        Ok(session)
    }

    /// For namespaces that come and go; none yet.
    pub(crate) fn for_many(lookups: &LookupArgs, merging: Merging, ui: &Ui) -> Result<Self, CommandError> {
        let given = chosen::by_the_user(&lookups.resolver)?;
        let create = |path| PacketFile::create_for_many(path, rotation(lookups));
        let packets = lookups.write.as_deref().map(create).transpose()?;
        let to_stdout = lookups.write.as_deref() == Some(Path::new("-"));
        let output = output(if to_stdout { PacketsOn::Stdout } else { PacketsOn::Elsewhere });
        Ok(Self { given, ..Self::with_packets(output, lookups, merging, packets, ui) })
    }

    fn with_packets(
        output: Output,
        args: &LookupArgs,
        merging: Merging,
        packets: Option<PacketFile>,
        ui: &Ui,
    ) -> Self {
        let reporter: Box<dyn Reporter> = match args.output {
            Format::Json => {
                let shown = if args.summary { Shown::SummaryOnly } else { Shown::Lookups };
                Box::new(JsonLines::new(output, shown))
            }
            Format::Table => {
                let merging = if args.summary { Merging::SummaryOnly } else { merging };
                Box::new(Rows::new(output, *ui, merging))
            }
        };
        Self {
            lanes: Lanes::default(),
            ports: args.ports.clone(),
            given: None,
            counted: Counters::default(),
            inferred: Vec::new(),
            unjudged: 0,
            of_others: 0,
            reporter,
            summary: Summary::default(),
            packets,
            packets_left: args.count.unwrap_or(u64::MAX),
            beside: None,
            captured: Vec::new(),
            conntrack: None,
            order: Order::Finished,
            waiting: Vec::new(),
            shown: None,
            detail: ui.detail,
            pace: Pace::Live,
            wording: if args.summary { Wording::Counted } else { Wording::Shown },
            failed: None,
            not_kept: None,
        }
    }

    fn pipeline(&self, search: SearchList) -> Pipeline {
        let mut pipeline = Pipeline::new(self.ports.clone(), search);
        if self.wording == Wording::Counted {
            pipeline.count_findings();
        }
        if self.pace != Pace::Live {
            pipeline.in_batches();
        }
        if let Some(resolver) = self.given {
            pipeline.with_given(resolver);
        }
        pipeline
    }

    /// Hands lookups to this reporter instead of printing them.
    pub(crate) fn reporting_to(mut self, reporter: Option<Box<dyn Reporter>>) -> Self {
        if let Some(reporter) = reporter {
            self.reporter = reporter;
            self.wording = Wording::Shown;
        }
        self
    }

    /// Shows rows as many at a time as is cheapest: all of the input is there.
    pub(crate) fn at_leisure(mut self) -> Self {
        self.pace = Pace::Stored;
        self.lanes.iter_mut().for_each(Lane::at_leisure);
        self
    }

    /// Shows the rows of a batch of packets at once: `silence` ends it.
    pub(crate) fn in_batches(mut self) -> Self {
        self.pace = Pace::InBatches;
        self.lanes.iter_mut().for_each(|lane| lane.pipeline().in_batches());
        self
    }

    /// Tells the only namespace's embedded DNS server.
    pub(crate) fn with_embedded(mut self, embedded: Option<Embedded>) -> Self {
        if let (Some(embedded), Some(lane)) = (embedded, self.lanes.get_mut(ONLY)) {
            lane.pipeline().with_embedded(embedded);
        }
        self
    }

    /// Tells who asks in the only namespace, which others share.
    pub(crate) fn with_sharing(mut self, shared: Option<Shared>) -> Self {
        if let Some(shared) = shared
            && let Some(mut lane) = self.lanes.remove(ONLY)
        {
            if shared.files == Files::Own {
                lane.pipeline().only_of(shared.addresses.clone());
            }
            self.lanes.insert(ONLY, lane.shared(Some(Sharing::new(shared))));
        }
        self
    }

    /// Adds a namespace.
    pub(crate) fn join(
        &mut self,
        source: SourceId,
        mut seen_at: SeenAt,
        search: SearchList,
        interfaces: &[InterfaceName],
        known: Known,
    ) {
        let title = seen_at.name.clone().unwrap_or_default();
        self.keep(|packets| packets.join(source, &title, interfaces));
        seen_at.conf = conf_of(&search);
        let mut pipeline = self.pipeline(search);
        if let Some(embedded) = known.embedded {
            pipeline.with_embedded(embedded);
        }
        if let Some(addresses) = known.clients {
            pipeline.only_of(addresses);
        }
        let sharing = known.sharing.map(Sharing::new);
        let mut lane = Lane::new(pipeline, seen_at);
        lane.with_resolvers(&known.resolvers);
        if known.situation != Situation::default() {
            lane.with_situation(&known.situation);
        }
        self.lanes.insert(source, lane.shared(sharing));
    }

    /// Says of a namespace that others are in it now than when it joined, and what decides how those ask.
    pub(crate) fn rename(&mut self, source: SourceId, seen_at: &SeenAt, situation: &Situation) {
        if let Some(lane) = self.lanes.get_mut(source) {
            lane.rename(seen_at);
            if !lane.is_in(situation) {
                lane.with_situation(situation);
            }
        }
    }

    /// Shows what is left of a namespace that is gone.
    pub(crate) fn leave(&mut self, source: SourceId) -> ControlFlow<()> {
        let Some(mut lane) = self.lanes.remove(source) else { return ControlFlow::Continue(()) };
        let finished = lane.finish();
        self.counted.add(&lane.counters());
        self.inferred.extend(lane.inferred());
        self.unjudged += lane.unjudged();
        self.of_others += lane.of_others;
        self.show(finished)
    }

    /// Takes one frame of the only namespace; breaks when enough were seen, or when nobody takes the results any more.
    pub(crate) fn frame(&mut self, frame: &Frame<'_>) -> ControlFlow<()> {
        self.frame_from(ONLY, frame)
    }

    /// Takes one frame of a namespace.
    pub(crate) fn frame_from(&mut self, source: SourceId, frame: &Frame<'_>) -> ControlFlow<()> {
        if self.packets_left == 0 || self.failed.is_some() {
            return ControlFlow::Break(());
        }
        self.packets_left -= 1;
        self.keep(|packets| packets.write_from(source, frame));
        let Some(lane) = self.lanes.get_mut(source) else { return ControlFlow::Continue(()) };
        if lane.advance(frame) { self.show_those_of(source) } else { ControlFlow::Continue(()) }
    }

    /// Shows what is over in a namespace, each before the next is put together. Apart, as most frames end nothing.
    #[inline(never)]
    fn show_those_of(&mut self, source: SourceId) -> ControlFlow<()> {
        let mut done = self.shown.take().unwrap_or_else(Done::nothing);
        let flow = self.show_each_of(source, &mut done);
        self.shown = Some(done);
        flow
    }

    fn show_each_of(&mut self, source: SourceId, done: &mut Done) -> ControlFlow<()> {
        let mut any = false;
        while self.lanes.get_mut(source).is_some_and(|lane| lane.next_over(done)) {
            if !any {
                self.begin_rows();
                any = true;
            }
            if self.order == Order::Begun {
                self.waiting.push(std::mem::replace(done, Done::nothing()));
            } else {
                self.show_one(done)?;
            }
        }
        if any { self.end_rows() } else { ControlFlow::Continue(()) }
    }

    /// Does something with the packet file, if there is one.
    fn keep(&mut self, action: impl Fn(&mut PacketFile) -> Result<(), CommandError>) {
        if let Some(Err(error)) = self.packets.as_mut().map(action) {
            self.keep_no_longer(error);
        }
    }

    /// A packet file that fails is given up and reported at the end; the rows go on. A pipe that nobody reads any more
    /// ends everything, as it does for rows.
    #[inline(never)]
    fn keep_no_longer(&mut self, error: CommandError) {
        self.packets = None;
        if error.is_closed_output() {
            self.failed = Some(error);
        } else {
            note("dnsprobe: packets are not kept any more, which the end explains; lookups go on");
            self.not_kept = Some(error);
        }
    }

    /// Notes that time has passed.
    pub(crate) fn silence(&mut self, now: Timestamp) -> ControlFlow<()> {
        let mut flow = ControlFlow::Continue(());
        self.lanes.iter_mut().for_each(|lane| lane.silence(now));
        for source in self.lanes.sources() {
            if self.show_those_of(source).is_break() {
                flow = ControlFlow::Break(());
            }
        }
        self.keep(PacketFile::flush);
        if let Err(error) = self.reporter.tick(now).and_then(|()| self.reporter.flush()) {
            self.failed = Some(error.into());
            return ControlFlow::Break(());
        }
        flow
    }

    /// When to call [`Self::silence`] if no frames come before; `None` where only frames bring something.
    pub(crate) fn next_look(&mut self, now: Timestamp) -> Option<Timestamp> {
        let lanes = self.lanes.iter_mut().filter_map(|lane| lane.next_look(now));
        lanes.chain(self.reporter.next_tick(now)).min()
    }

    /// Says at the end what else passed through the namespace.
    pub(crate) fn beside(&mut self, beside: Beside) {
        self.beside = Some(beside);
    }

    /// Says at the end what was captured in a namespace.
    pub(crate) fn captured(&mut self, captured: CapturedIn) {
        captured.add_to(&mut self.captured);
    }

    /// Shows at the end by how much these have grown.
    pub(crate) fn with_conntrack(mut self, counters: Option<Counted>) -> Self {
        self.conntrack = counters;
        self
    }

    /// Tells which resolvers the programs of the only namespace have.
    pub(crate) fn with_resolvers(mut self, present: &[Present]) -> Self {
        if let Some(lane) = self.lanes.get_mut(ONLY) {
            lane.with_resolvers(present);
        }
        self
    }

    /// Tells what beside the file decides how the clients of the only namespace ask.
    pub(crate) fn with_situation(mut self, situation: &Situation) -> Self {
        if let Some(lane) = self.lanes.get_mut(ONLY) {
            lane.with_situation(situation);
        }
        self
    }

    /// Whether `-c` was reached.
    pub(crate) fn is_full(&self) -> bool {
        self.packets_left == 0
    }

    /// Shows what is left and the sums. What went wrong on the way comes out here, after everything that could be shown.
    pub(crate) fn close(mut self, dropped_by_kernel: Option<u64>) -> Result<Summary, CommandError> {
        // First, as a pipe that nobody reads any more ends everything.
        self.keep(PacketFile::flush);
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        for source in self.lanes.sources() {
            let _ = self.leave(source);
        }
        self.show_waiting();
        self.reporter.close(&Closing {
            summary: &self.summary,
            counters: &self.counted,
            dropped_by_kernel,
            captured: &self.captured,
            inferred: &self.inferred,
            beside: self.beside,
            conntrack: self.conntrack.as_ref().and_then(Counted::grown),
        })?;
        if let Some(passed_over) = passed_over(&self.counted, self.detail) {
            note(&format!("dnsprobe: {passed_over}"));
        }
        if self.unjudged > 0 {
            note(&format!(
                "dnsprobe: {} lookups were too many to be held against their resolver's plan",
                self.unjudged
            ));
        }
        if self.of_others > 0 {
            note(&format!(
                "dnsprobe: {} lookups of others in the same network namespace are not shown",
                self.of_others
            ));
        }
        let left_out = self.packets.as_ref().map_or(0, |packets| packets.left_out);
        if left_out > 0 {
            note(&format!(
                "dnsprobe: {left_out} packets of another link type have no place in the packet file"
            ));
        }
        match self.failed.or(self.not_kept) {
            Some(error) => Err(error),
            None => Ok(self.summary),
        }
    }

    /// Shows lookups in this order.
    pub(crate) fn in_order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    fn show_waiting(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_key(|done| done.lookup.start);
        self.order = Order::Finished;
        // What goes wrong is kept and said at the end.
        let _ = self.show(waiting);
    }

    fn show(&mut self, finished: Vec<Done>) -> ControlFlow<()> {
        if !finished.is_empty() {
            self.begin_rows();
        }
        if self.order == Order::Begun {
            self.waiting.extend(finished);
            return self.end_rows();
        }
        for done in &finished {
            self.show_one(done)?;
        }
        self.end_rows()
    }

    /// Live traffic does not come again when this program is killed: the packets of a row are kept before it is shown.
    fn begin_rows(&mut self) {
        if self.pace != Pace::Stored && self.order != Order::Begun {
            self.keep(PacketFile::flush);
        }
    }

    fn show_one(&mut self, done: &Done) -> ControlFlow<()> {
        if self.failed.is_some() {
            return ControlFlow::Break(());
        }
        self.summary.add(&done.lookup, done.seen_at.name.as_deref());
        let shown = self.reporter.lookup(&done.lookup, &done.seen_at);
        self.unless_failed(shown)
    }

    /// Rows that somebody waits for are there at once.
    fn end_rows(&mut self) -> ControlFlow<()> {
        if self.failed.is_some() {
            return ControlFlow::Break(());
        }
        let flushed = if self.pace == Pace::Live && self.order != Order::Begun {
            self.reporter.flush()
        } else {
            Ok(())
        };
        self.unless_failed(flushed)
    }

    fn unless_failed(&mut self, result: io::Result<()>) -> ControlFlow<()> {
        match result {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error.into());
                ControlFlow::Break(())
            }
        }
    }
}

/// The `resolv.conf` that its clients read, where it is known.
fn conf_of(search: &SearchList) -> Option<Rc<Conf>> {
    match search {
        SearchList::Known(file) => Some(Rc::new(Conf { file: file.clone(), ..Conf::default() })),
        SearchList::Inferred(_) => None,
    }
}

/// tcpdump counts millions of bytes, not mebibytes.
fn rotation(args: &LookupArgs) -> Rotation {
    Rotation {
        size: args.rotate_size.map(|millions| millions.saturating_mul(1_000_000)),
        count: args.rotate_count,
    }
}

/// What was seen and not used, in words, where it deserves a look: a capture that cannot be read as it should must not
/// look like one without lookups.
fn passed_over(counters: &Counters, detail: Detail) -> Option<String> {
    let ordinary = |skipped: &Skipped| {
        matches!(skipped, Skipped::NotIp | Skipped::OtherProtocol | Skipped::OtherPort)
            && detail < Detail::More
    };
    let skipped = counters.skipped.iter().filter(|(skipped, _)| !ordinary(skipped));
    let mut parts: Vec<String> =
        skipped.map(|(skipped, count)| format!("{count} {}", reason(*skipped))).collect();
    let leftovers = &counters.leftovers;
    for (count, what) in [
        (counters.malformed, "payloads on a DNS port that are no DNS message"),
        (leftovers.forgotten, "questions forgotten because too many were open"),
        (counters.given_up.lookups, "lookups cut off because too many were open"),
        (counters.given_up.messages, "messages of clients beyond the most that are kept apart"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    (!parts.is_empty()).then(|| format!("passed over of {} frames: {}", counters.frames, parts.join(", ")))
}

fn reason(skipped: Skipped) -> String {
    match skipped {
        Skipped::UnknownLink(link) => format!("of link type {}, which dnsprobe does not read", link.0),
        other => other.as_str().to_owned(),
    }
}
