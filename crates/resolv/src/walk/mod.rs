//! The walk: a lookup as a state machine without I/O.
//!
//! The caller asks [`Walk::next`] what to do, passing the time in µs since the lookup began, and hands every answer to
//! [`Walk::reply`]. The walk never blocks, sends or reads a clock, so the same one is driven by a live server, by a
//! script in virtual time, or by a packet capture.
//!
//! `cursor` knows which candidate comes next, an `exchange` (`paired`, `flood` or `each`) puts the questions of one
//! candidate on the wire, and `verdict` says what the application gets.

mod context;
mod cursor;
mod each;
mod exchange;
mod flood;
mod paired;
mod question;
mod types;
mod verdict;

pub use types::{Action, AddrConfig, Query, Request, StepRecord};
pub use verdict::{Failure, Verdict};

use std::net::IpAddr;

use crate::conf::Flag;
use crate::name::Escapes;
use crate::plan::{Direction, Phase, Plan, Wire};
use crate::profile::planning::{Literal, Unencodable};
use crate::profile::{
    AskRules, Decision, PairRule, Passes, QuestionEnd, Report, Step, ThenFailure, ThenName, combine,
    step_after,
};
use crate::{Candidate, Family, Fqdn, Outcome, Profile, QType, Refusal, Reply, Settings, plan};

use context::{Context, Memory};
use cursor::{Cursor, Upcoming};
use exchange::{Exchange, Progress, Transmission};

/// A lookup under way.
#[derive(Debug, Clone)]
pub struct Walk {
    profile: Profile,
    settings: Settings,
    family: Family,
    plan: Plan,
    cursor: Cursor,
    in_place_of_aaaa: InPlaceOfAaaa,
    current: Option<Current>,
    memory: Memory,
    trail: Vec<StepRecord>,
    sent: Vec<(usize, Transmission)>,
    addresses: Vec<IpAddr>,
    answered_by: Option<usize>,
    verdict: Option<Verdict>,
}

/// The exchange under way. Its questions are those of `types` for each step from `first_step` on, one step unless the
/// resolver asks for all candidates at once; then types go first, steps second.
#[derive(Debug, Clone)]
struct Current {
    exchange: Exchange,
    number: usize,
    first_step: usize,
    steps: usize,
    types: &'static [QType],
}

/// Which questions are A questions that `no-aaaa` puts in the place of AAAA questions: their answers count as empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InPlaceOfAaaa {
    None,
    FirstPass,
    All,
}

/// What is asked instead (glibc since 2.36, `resolv/res_query.c`, `__res_context_query`).
fn without_aaaa(types: &[QType], ask: &AskRules) -> (&'static [QType], InPlaceOfAaaa) {
    match (types.contains(&QType::A), ask.passes) {
        (true, Passes::One) => (&[QType::A], InPlaceOfAaaa::None),
        (true, Passes::PerType) => (&[QType::A, QType::A], InPlaceOfAaaa::FirstPass),
        (false, _) => (&[QType::A], InPlaceOfAaaa::All),
    }
}

impl Walk {
    /// A lookup that has not asked anything yet.
    pub fn new(profile: &Profile, settings: &Settings, request: &Request) -> Self {
        let plan = plan(&request.name, settings, profile, request.family);
        let mut types = profile.ask.types(request.family, request.addrconfig, settings);
        let mut in_place_of_aaaa = InPlaceOfAaaa::None;
        if settings.flags.has(Flag::NoAaaa) && types.contains(&QType::Aaaa) {
            (types, in_place_of_aaaa) = without_aaaa(types, &profile.ask);
        }
        match plan.direction {
            Direction::Forward => {}
            Direction::Reverse => types = &[QType::Other(12)],
            Direction::RootServers => types = &[QType::Other(2)],
        }
        let verdict = match &plan.refused {
            Some(refusal) => Some(Verdict::refused(refusal, profile)),
            None if types.is_empty() => Some(Verdict::no_address_of_family()),
            None => None,
        };
        Self {
            profile: profile.clone(),
            settings: settings.clone(),
            family: profile
                .ask
                .family(request.family, request.addrconfig, settings)
                .unwrap_or(request.family),
            plan,
            cursor: Cursor::new(types),
            in_place_of_aaaa,
            current: None,
            memory: Memory::default(),
            trail: Vec::new(),
            sent: Vec::new(),
            addresses: Vec::new(),
            answered_by: None,
            verdict,
        }
    }

    /// Every candidate that could be tried.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Why nothing is asked, if so.
    pub fn refused(&self) -> Option<&Refusal> {
        self.plan.refused.as_ref()
    }

    /// The candidates tried so far.
    pub fn trail(&self) -> &[StepRecord] {
        &self.trail
    }

    /// What to do at this time, in µs since the lookup began. To be called until it says wait or done.
    pub fn next(&mut self, now_us: u64) -> Action {
        loop {
            if let Some(verdict) = &self.verdict {
                return Action::Done(verdict.clone());
            }
            let Some(current) = &mut self.current else {
                self.begin_step(now_us);
                continue;
            };
            let settings = &self.settings;
            let mut context = Context { now_us, settings, memory: &mut self.memory };
            match current.exchange.next(&mut context) {
                Progress::Send(transmission) => return Action::Send(self.send(transmission)),
                Progress::Wait(until_us) => return Action::Wait { until_us },
                Progress::Done => self.end_step(now_us),
            }
        }
    }

    /// Hands over what came back for the transmission of this number. Answers to steps that are over are ignored, as a
    /// resolver does that has closed the socket.
    pub fn reply(&mut self, now_us: u64, seq: usize, reply: &Reply) {
        let (Some((number, transmission)), Some(current)) = (self.sent.get(seq), &mut self.current) else {
            return;
        };
        if *number == current.number {
            let useless = match self.in_place_of_aaaa {
                InPlaceOfAaaa::None => false,
                InPlaceOfAaaa::FirstPass => self.cursor.pass() == 0,
                InPlaceOfAaaa::All => true,
            };
            let stripped = useless.then(|| reply.without_records());
            let reply = stripped.as_ref().unwrap_or(reply);
            let settings = &self.settings;
            let mut context = Context { now_us, settings, memory: &mut self.memory };
            current.exchange.reply(transmission, reply, &mut context);
        }
    }

    fn begin_step(&mut self, now_us: u64) {
        let Some(Upcoming { candidates, types }) = self.cursor.upcoming(&self.plan, &self.profile.ask) else {
            self.verdict = Some(self.conclude());
            return;
        };
        let broken = |candidate: &Candidate| candidate.wire == Wire::Unencodable;
        let exchange = if candidates.len() == 1 && broken(&candidates[0]) {
            if self.profile.plan.when_unencodable(&candidates[0]) == Unencodable::SkipTakingTurn {
                self.memory.rotation += types.len();
            }
            Exchange::Unsendable
        } else {
            let per_type = candidates.iter().map(broken);
            let broken: Vec<bool> = types.iter().flat_map(|_| per_type.clone()).collect();
            Exchange::new(&self.profile, &broken, &self.settings)
        };
        self.current = Some(Current {
            exchange,
            number: self.trail.len(),
            first_step: self.trail.len(),
            steps: candidates.len(),
            types,
        });
        let records = candidates.into_iter().map(|candidate| StepRecord::begun(candidate, now_us));
        self.trail.extend(records);
    }

    fn end_step(&mut self, now_us: u64) {
        let Some(current) = self.current.take() else { return };
        let mut stop = None;
        for step in 0..current.steps {
            let decision = self.record_end(&current, step, now_us);
            stop = stop.or(Some(decision).filter(|_| current.steps == 1));
        }
        match stop {
            Some(decision) => self.follow(&current, &decision),
            // A burst: every candidate has been asked.
            None => self.cursor.advance(Step::Stop, &self.plan, &self.profile.ask),
        }
    }

    /// Notes what one step came to, and what follows from it.
    fn record_end(&mut self, current: &Current, step: usize, now_us: u64) -> Decision {
        let index = current.first_step + step;
        let ends = current.exchange.ends(step, current.steps, current.types);
        let outcome = current.exchange.outcome().unwrap_or_else(|| self.combined(current, &ends));
        let record = &mut self.trail[index];
        let taken = self.profile.verdict.answer_for(&record.candidate.fqdn);
        if outcome == Outcome::Answer && taken != Outcome::Answer {
            return self.record_useless(index, taken, ends, now_us);
        }
        let decision = match record.candidate.wire {
            Wire::Unencodable => Decision::unsendable(&self.profile, &record.candidate),
            _ => step_after(&self.profile, record.candidate.phase, outcome, &record.candidate),
        };
        if outcome == Outcome::Answer {
            self.answered_by = self.answered_by.or(Some(index));
            let addresses = current.exchange.addresses(step, current.steps, current.types.len());
            self.addresses.extend(addresses);
        }
        record.ends = ends;
        record.outcome = Some(outcome);
        record.ended_us = Some(now_us);
        record.decision = Some(decision.clone());
        decision
    }

    /// Notes a step whose answers the resolver throws away.
    fn record_useless(
        &mut self,
        index: usize,
        outcome: Outcome,
        ends: Vec<QuestionEnd>,
        now_us: u64,
    ) -> Decision {
        let decision = Decision::new(&self.profile, Step::Stop, outcome);
        let record = &mut self.trail[index];
        record.ends = ends;
        record.outcome = Some(outcome);
        record.ended_us = Some(now_us);
        record.decision = Some(decision.clone());
        decision
    }

    /// What the questions of a step came to. Where the order of ends decides, equal times are told apart by it.
    fn combined(&self, current: &Current, ends: &[QuestionEnd]) -> Outcome {
        let order = current.exchange.order();
        let rule = self.profile.verdict.pair;
        if rule == PairRule::AddressesElseLastEnded && order.len() == ends.len() {
            let ordered: Vec<QuestionEnd> = order.iter().map(|&index| ends[index]).collect();
            return combine(&ordered, rule);
        }
        combine(ends, rule)
    }

    fn follow(&mut self, current: &Current, decision: &Decision) {
        let ask = &self.profile.ask;
        let exists = matches!(decision.outcome, Outcome::Answer | Outcome::NoData | Outcome::Cname);
        let forward = self.plan.direction == Direction::Forward;
        if decision.step == Step::Stop
            && exists
            && forward
            && !ask.then.is_empty()
            && !self.cursor.is_follow_up()
        {
            let found = &self.trail[current.first_step].candidate;
            let chain_end = current.exchange.cname().filter(|_| ask.then_name == ThenName::ChainEnd);
            let others = chain_end.as_ref().map_or_else(Vec::new, |end| self.searched(end));
            let fqdn = chain_end.unwrap_or_else(|| found.fqdn.clone());
            self.cursor.follow_up(found, fqdn, others);
            self.memory.tcp_when_found = self.memory.tcp_sticks;
            // Each question of the tools has its own tries.
            self.memory.tries_left = None;
        } else if decision.outcome == Outcome::Answer && !self.cursor.is_follow_up() {
            self.verdict = Some(self.conclude());
        } else if self.cursor.is_follow_up() && !exists && ask.then_failure == ThenFailure::FailsLookup {
            self.answered_by = None;
            self.verdict = Some(self.conclude());
        } else {
            if self.cursor.is_follow_up() {
                self.memory.tries_left = None;
                self.memory.tcp_sticks = self.memory.tcp_when_found;
            }
            self.cursor.advance(decision.step, &self.plan, ask);
        }
    }

    /// BIND's tools search for the end of a chain of CNAMEs that has too few dots, unless a search has led to it
    /// (`dighost.c`, `next_origin` of a lookup without an origin).
    fn searched(&self, end: &Fqdn) -> Vec<Candidate> {
        let dots = end.as_str().trim_end_matches('.').matches('.').count();
        if self.plan.candidates.len() != 1
            || dots >= usize::try_from(self.settings.ndots).unwrap_or(usize::MAX)
        {
            return Vec::new();
        }
        let suffixes = self.settings.search.iter().filter(|suffix| !suffix.is_root());
        let candidates = suffixes.map(|suffix| Candidate {
            fqdn: Fqdn::join_escaped(end.as_str().as_bytes(), Some(suffix.as_bytes()), Escapes::Decimal),
            suffix: Some(suffix.to_string()),
            phase: Phase::Suffix,
            wire: Wire::Valid,
        });
        candidates.filter(|candidate| candidate.fqdn.encodes()).collect()
    }

    fn conclude(&mut self) -> Verdict {
        match self.answered_by {
            None if self.plan.candidates.is_empty()
                && self.profile.verdict.report == Report::FirstOrEmpty =>
            {
                Verdict::without_asking(Vec::new())
            }
            Some(step) => {
                let mut addresses = std::mem::take(&mut self.addresses);
                if self.profile.plan.name.literal == Literal::AskedAndReturned {
                    addresses.splice(0..0, self.plan.returned_anyway);
                }
                Verdict::found(addresses, step)
            }
            None if self.plan.returned_anyway.is_some() => {
                Verdict::without_asking(self.plan.returned_anyway.into_iter().collect())
            }
            None => Verdict::failed(&self.trail, &self.profile, &self.settings, self.family),
        }
    }

    fn send(&mut self, transmission: Transmission) -> Query {
        let current = self.current.as_ref();
        let (number, first, steps) = current.map_or((0, 0, 1), |now| (now.number, now.first_step, now.steps));
        let types = current.map_or(&[][..], |now| now.types);
        let step = first + transmission.question % steps;
        let candidate = &self.trail[step].candidate;
        let query = Query {
            seq: self.sent.len(),
            step,
            qname: transmission.qname.clone().unwrap_or_else(|| candidate.fqdn.clone()),
            qtype: types.get(transmission.question / steps).copied().unwrap_or(QType::A),
            server: transmission.server,
            transport: transmission.transport,
            round: transmission.round,
            socket: transmission.socket,
            timeout_us: transmission.timeout_us,
            edns: transmission.edns,
            wire: candidate.wire,
            suffixed: candidate.suffix.is_some(),
        };
        self.sent.push((number, transmission));
        query
    }
}

impl Decision {
    /// The decision about a candidate that fits no message.
    fn unsendable(profile: &Profile, candidate: &Candidate) -> Self {
        let step = match profile.plan.when_unencodable(candidate) {
            _ if candidate.phase == crate::Phase::AsIsFirst => Step::Next,
            Unencodable::Skip | Unencodable::SkipTakingTurn => Step::Next,
            Unencodable::SkipToAsIs => Step::SkipToAsIs,
            Unencodable::Stop | Unencodable::Abort => Step::Stop,
        };
        Self::new(profile, step, Outcome::Unknown)
    }
}
