//! One network namespace of a session: frames in, lookups out, each with whose it is.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::rc::Rc;

use dnsprobe_lookup::departures::Departures;
use dnsprobe_lookup::{Counters, Frame, InferredConf, Lookup, Pipeline, Timestamp};
use dnsprobe_resolv::Situation;

use super::sharing::{Credit, Held, Sharing, Turn};
use crate::view::{Present, SeenAt};

/// One namespace.
pub(super) struct Lane {
    /// One for each `resolv.conf` that is read there: which name a question belongs to, the search list decides. Frames
    /// that nobody is told for go to the first.
    lines: Vec<Line>,
    /// Where its lookups are seen unless something tells better.
    seen_at: Rc<SeenAt>,
    /// Where several share the namespace: whose lookups are.
    sharing: Option<Sharing>,
    /// Lookups that are over, where whose they are is told.
    ready: VecDeque<Done>,
    /// Lookups of others than the pods that are wanted.
    pub(super) of_others: u64,
}

/// The lookups of those that read one `resolv.conf`.
struct Line {
    pipeline: Pipeline,
    seen_at: Rc<SeenAt>,
    departures: Departures,
}

/// A lookup that is over, and where it was seen.
pub(super) struct Done {
    pub(super) lookup: Lookup,
    pub(super) seen_at: Rc<SeenAt>,
}

impl Done {
    /// Nothing, for something to be put in its place.
    pub(super) fn nothing() -> Self {
        Self { lookup: Lookup::of_nothing(), seen_at: Rc::default() }
    }
}

impl Line {
    fn new(pipeline: Pipeline, seen_at: SeenAt) -> Self {
        Self { pipeline, seen_at: Rc::new(seen_at), departures: Departures::default() }
    }

    /// The lookups that a step of the pipeline finishes, held against the file that their clients read.
    fn judged(&mut self, step: impl FnOnce(&mut Pipeline) -> Vec<Lookup>) -> Vec<Done> {
        let finished = step(&mut self.pipeline);
        finished.into_iter().map(|lookup| self.hold_against_plan(lookup)).collect()
    }

    fn hold_against_plan(&mut self, lookup: Lookup) -> Done {
        let mut done = Done { lookup, seen_at: Rc::clone(&self.seen_at) };
        self.judge(&mut done.lookup);
        done
    }

    fn judge(&mut self, lookup: &mut Lookup) {
        if let Some(conf) = &self.seen_at.conf {
            lookup.findings.extend(self.departures.judge(lookup, conf));
        }
    }
}

impl Lane {
    /// With the lookups of one pod, container or file.
    pub(super) fn new(pipeline: Pipeline, seen_at: SeenAt) -> Self {
        let line = Line::new(pipeline, seen_at);
        let seen_at = Rc::clone(&line.seen_at);
        Self { lines: vec![line], seen_at, sharing: None, ready: VecDeque::new(), of_others: 0 }
    }

    /// The same, told apart by who asked.
    pub(super) fn shared(mut self, sharing: Option<Sharing>) -> Self {
        if sharing.as_ref().is_some_and(Sharing::waits) {
            // Whom nobody is told for, may be anybody.
            let among_others = self.seen_at.name.clone();
            self.seen_at = Rc::new(SeenAt { among_others, ..(*self.seen_at).clone() });
            self.lines[0].seen_at = Rc::clone(&self.seen_at);
        }
        self.sharing = sharing;
        self
    }

    /// Works on its packets as is cheapest: all of them are there.
    pub(super) fn at_leisure(&mut self) {
        for line in &mut self.lines {
            line.pipeline.in_batches();
            line.departures = Departures::of_a_file();
        }
    }

    /// Tells which resolvers its programs have.
    pub(super) fn with_resolvers(&mut self, present: &[Present]) {
        self.pipeline().with_resolvers(present.iter().map(|it| it.id).collect());
        self.amend(|seen_at| seen_at.present = present.into());
    }

    /// Whether this is what it was told of what decides, beside the file, how its clients ask.
    pub(super) fn is_in(&self, situation: &Situation) -> bool {
        self.seen_at.conf.as_ref().is_none_or(|conf| conf.situation == *situation)
    }

    /// Tells what beside the file decides how its clients ask. Lookups that are under way stay what they are taken for.
    pub(super) fn with_situation(&mut self, situation: &Situation) {
        self.pipeline().with_situation(situation);
        self.lines[0].departures.forget_plans();
        self.amend(|seen_at| {
            if let Some(conf) = &mut seen_at.conf {
                Rc::make_mut(conf).situation = situation.clone();
            }
        });
    }

    /// Changes what is known of it.
    fn amend(&mut self, change: impl FnOnce(&mut SeenAt)) {
        change(Rc::make_mut(&mut self.seen_at));
        self.lines[0].seen_at = Rc::clone(&self.seen_at);
    }

    /// Its lookups are seen there from now on, by the files that are read as before.
    pub(super) fn rename(&mut self, seen_at: &SeenAt) {
        for line in &mut self.lines {
            line.seen_at = Rc::new(SeenAt {
                conf: line.seen_at.conf.clone(),
                present: Rc::clone(&line.seen_at.present),
                ..seen_at.clone()
            });
        }
        self.seen_at = Rc::clone(&self.lines[0].seen_at);
    }

    /// Its first pipeline, before there are frames.
    pub(super) fn pipeline(&mut self) -> &mut Pipeline {
        &mut self.lines[0].pipeline
    }

    /// Takes a frame; tells whether lookups may be over by its time.
    pub(super) fn advance(&mut self, frame: &Frame<'_>) -> bool {
        if self.sharing.is_none() {
            return self.lines[0].pipeline.advance(frame);
        }
        self.advance_shared(frame)
    }

    #[inline(never)]
    fn advance_shared(&mut self, frame: &Frame<'_>) -> bool {
        let done = self.shared_frame(frame);
        self.ready.extend(done);
        !self.ready.is_empty()
    }

    /// Puts one of the lookups that are over in the place of one that nobody needs any more; tells whether there was one.
    pub(super) fn next_over(&mut self, done: &mut Done) -> bool {
        if self.sharing.is_some() {
            return self.ready.pop_front().map(|ready| *done = ready).is_some();
        }
        let line = &mut self.lines[0];
        let any = line.pipeline.next_over(&mut done.lookup);
        if any {
            line.judge(&mut done.lookup);
            done.seen_at.clone_from(&line.seen_at);
        }
        any
    }

    fn shared_frame(&mut self, frame: &Frame<'_>) -> Vec<Done> {
        let Some(sharing) = &mut self.sharing else { return Vec::new() };
        if sharing.note(frame) == Turn::Wait {
            let ready = sharing.hold(frame);
            return self.take(ready);
        }
        // What still waits when a flood begins came before it.
        let ready = if sharing.gives_up() { sharing.rest() } else { Vec::new() };
        let mut all = self.take(ready);
        let done = self.lines[0].judged(|pipeline| pipeline.frame(frame));
        all.extend(self.credited(done));
        all
    }

    /// Notes that time has passed: lookups may be over by then.
    pub(super) fn silence(&mut self, now: Timestamp) {
        if self.sharing.is_none() {
            return self.lines[0].pipeline.pass(now);
        }
        let done = self.shared_silence(now);
        self.ready.extend(done);
    }

    fn shared_silence(&mut self, now: Timestamp) -> Vec<Done> {
        let ready = self.sharing.as_mut().map_or_else(Vec::new, |sharing| sharing.ready(now));
        let mut done = self.take(ready);
        // What waits has its own time.
        let now = self.sharing.as_ref().and_then(Sharing::oldest).map_or(now, |oldest| oldest.min(now));
        let quiet = self.lines.iter_mut().flat_map(|line| line.judged(|pipeline| pipeline.silence(now)));
        let quiet = quiet.collect();
        done.extend(self.credited(quiet));
        done
    }

    /// Until when [`Self::silence`] gives nothing, unless frames come before; `None` where nothing is under way.
    pub(super) fn next_look(&mut self, now: Timestamp) -> Option<Timestamp> {
        // While frames wait, nothing behind them is over.
        let waiting = self.sharing.as_ref().and_then(|sharing| sharing.next_look(now));
        waiting.or_else(|| self.lines.iter_mut().filter_map(|line| line.pipeline.next_deadline()).min())
    }

    /// Everything that is left.
    pub(super) fn finish(&mut self) -> Vec<Done> {
        let ready = self.sharing.as_mut().map_or_else(Vec::new, Sharing::rest);
        let mut done = self.take(ready);
        let left = self.lines.iter_mut().flat_map(|line| line.judged(Pipeline::finish)).collect();
        done.extend(self.credited(left));
        done
    }

    /// What passed through.
    pub(super) fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        self.lines.iter().for_each(|line| sum.add(&line.pipeline.counters()));
        sum
    }

    /// The search lists read from the traffic, by client.
    pub(super) fn inferred(&self) -> Vec<(IpAddr, InferredConf)> {
        self.lines.iter().flat_map(|line| line.pipeline.inferred()).collect()
    }

    /// Lookups that were not held against the plan of their resolver.
    pub(super) fn unjudged(&self) -> u64 {
        self.lines.iter().map(|line| line.departures.passed_over).sum()
    }

    /// Hands frames that need not wait any longer to their lines.
    fn take(&mut self, ready: Vec<Held>) -> Vec<Done> {
        let Some(sharing) = &mut self.sharing else { return Vec::new() };
        let mut done = Vec::new();
        for held in ready {
            let at = sharing.line_of(&held.frame());
            if at == self.lines.len() {
                let (pipeline, conf) = sharing.begin_line(at);
                let seen_at = SeenAt { conf: Some(conf), ..(*self.seen_at).clone() };
                self.lines.push(Line::new(pipeline, seen_at));
            }
            done.extend(self.lines[at].judged(|pipeline| pipeline.frame(&held.frame())));
        }
        self.credited(done)
    }

    /// Puts in whose each is, where that is told, and leaves out what is of others.
    fn credited(&mut self, all: Vec<Done>) -> Vec<Done> {
        let Some(sharing) = &mut self.sharing else { return all };
        let mut kept = Vec::with_capacity(all.len());
        for done in all {
            match sharing.credit(&done.lookup, &done.seen_at) {
                Credit::To(seen_at) => kept.push(Done { seen_at, ..done }),
                Credit::Nobody => {
                    let mut done = done;
                    // Whose it is would tell which file was read.
                    done.lookup.doubt_the_dot(0);
                    kept.push(done);
                }
                Credit::Others => self.of_others += 1,
            }
        }
        kept
    }
}
