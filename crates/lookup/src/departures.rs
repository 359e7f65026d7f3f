//! Where a lookup is not what its resolver plans at the settings in force: a question too many, one missing, another
//! order, a stop too early; and the likely reason.

mod budget;

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, Hasher};
use std::net::IpAddr;

use dnsprobe_resolv::whatif::{Conf, Explained, Observation, Told, expected, explain};
use dnsprobe_resolv::{Outcome, QType, Resolver, ResolverId, name};

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use crate::findings::finding;
use crate::lookup::{Finding, FindingCode, Lookup, Question};
use crate::map::MapOfHashes;
use crate::observed::observation;
use crate::time::{Nanos, Timestamp};
use budget::{Budget, Spent, Work};

/// Shapes of lookups remembered that are as planned.
const MOST_SHAPES: usize = 4_096;
/// Answers remembered that a cache may hold.
const MOST_ANSWERS: usize = 65_536;
/// For so long an answer may be taken from a cache: few keep one longer, and then it is no longer told by what was seen.
const CACHED: Nanos = Nanos::from_millis(300_000);
/// What comes back later than this may have been waited for no longer, whatever its lookup's shape.
const PUNCTUAL: Nanos = Nanos::from_millis(900);

/// Holds lookups against their plans, as many as there is time for.
#[derive(Debug, Default)]
pub struct Departures {
    budget: Budget,
    seed: RandomState,
    /// Shapes of lookups that are as planned, by hash.
    as_planned: HashSet<u64>,
    /// Why lookups of a shape depart, by hash.
    reasons: MapOfHashes<String>,
    /// When a client was last answered a question, by hash of both.
    answered: MapOfHashes<Timestamp>,
    /// Lookups that were not held against their plan, because there were too many.
    pub passed_over: u64,
}

impl Departures {
    /// For lookups that are all there already: as much work goes into them as into reading them, about a third, however long
    /// the capture took. Otherwise it goes by the packets' own time, for whoever watches as they pass.
    pub fn of_a_file() -> Self {
        Self { budget: Budget::of_a_file(), ..Self::default() }
    }

    /// Another file, or another situation, is in force from now on.
    pub fn forget_plans(&mut self) {
        self.as_planned.clear();
        self.reasons.clear();
    }

    /// Where a lookup departs from the plan; `None` where it does not, where the packets cannot tell, or where there is no
    /// time.
    ///
    /// `conf` is the file that the client is said to read, never one that was read from its traffic: that fits by making.
    pub fn judge(&mut self, lookup: &Lookup, conf: &Conf) -> Option<Finding> {
        let found = self.held_against_plan(lookup, conf);
        self.remember(lookup);
        found
    }

    fn held_against_plan(&mut self, lookup: &Lookup, conf: &Conf) -> Option<Finding> {
        self.budget.earn(lookup);
        if lookup.partial || !lookup.certain {
            return None;
        }
        if let Some(found) = beyond_the_plan(lookup, conf) {
            return Some(found);
        }
        if is_regular(lookup) {
            return None;
        }
        let shape = shape(lookup, &self.seed);
        if shape.is_some_and(|shape| self.as_planned.contains(&shape)) {
            return None;
        }
        let known = shape.and_then(|shape| self.reasons.get(&shape)).cloned();
        match (self.budget.spend(lookup, if known.is_some() { Work::Words } else { Work::Reason }), &known) {
            (Spent::Enough, _) => {}
            (Spent::TooMuch, Some(reason)) => return Some(as_others(lookup, reason)),
            (Spent::TooMuch, None) | (Spent::Flood, _) => {
                self.passed_over += 1;
                return None;
            }
        }
        if self.as_planned.len() + self.reasons.len() >= MOST_SHAPES {
            self.as_planned.clear();
            self.reasons.clear();
        }
        let lately = |asked: &Asked| self.last_answered(lookup, asked);
        let departs = from_plan(lookup, None, conf, &Memory { lately: &lately, reason: known.as_deref() });
        match (&departs, shape) {
            (None, Some(shape)) => _ = self.as_planned.insert(shape),
            (Some(departs), Some(shape)) => {
                self.reasons.entry(shape).or_insert_with(|| departs.reason.clone());
            }
            (_, None) => {}
        }
        departs.map(|departs| departs.finding)
    }

    /// How long before a lookup its client was answered a question, if lately.
    fn last_answered(&self, lookup: &Lookup, (qname, qtype): &Asked) -> Option<Nanos> {
        let at = self.answered.get(&asked_by(&self.seed, lookup.client, qname, *qtype))?;
        let before = lookup.start? - *at;
        (before.0 > 0 && before <= CACHED).then_some(before)
    }

    fn remember(&mut self, lookup: &Lookup) {
        for question in lookup.steps.iter().flat_map(|step| &step.questions) {
            let (Some(sent), Some(latency)) = (question.sent, question.latency) else { continue };
            if self.answered.len() >= MOST_ANSWERS {
                self.answered.clear();
            }
            let asked = asked_by(&self.seed, lookup.client, &question.qname, question.qtype);
            self.answered.insert(asked, sent + latency);
        }
    }
}

fn asked_by(seed: &RandomState, client: Option<IpAddr>, qname: &str, qtype: QType) -> u64 {
    let folded: SmallVec<[u8; 256]> = qname.bytes().map(|byte| byte.to_ascii_lowercase()).collect();
    seed.hash_one((client, qtype, &folded[..]))
}

/// What a plan depends on: not the name's letters, only its dots. `None` where times decide, or the name's length may.
fn shape(lookup: &Lookup, seed: &RandomState) -> Option<u64> {
    const LONG: usize = 120;
    let prompt = |question: &Question| question.latency.is_some_and(|latency| latency <= PUNCTUAL);
    let mut questions = lookup.steps.iter().flat_map(|step| &step.questions);
    if lookup.name.len() > LONG || !questions.all(prompt) {
        return None;
    }
    let mut hasher = seed.build_hasher();
    let typed = name::unescape(&lookup.name);
    (name::dots(&typed), typed.ends_with(b"."), typed.is_ascii()).hash(&mut hasher);
    typed.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.').hash(&mut hasher);
    let resolver = &lookup.resolver;
    (&resolver.id, &resolver.version, &resolver.api, resolver.known_id()).hash(&mut hasher);
    for step in &lookup.steps {
        step.suffix.hash(&mut hasher);
        let mut arrivals: Vec<(Option<Timestamp>, usize)> = Vec::new();
        for (index, question) in step.questions.iter().enumerate() {
            let same = question.qname.eq_ignore_ascii_case(&step.candidate);
            let (qtype, outcome, transport) = (question.qtype, question.outcome.as_str(), question.transport);
            (same, qtype, question.server, transport.as_str(), outcome).hash(&mut hasher);
            let arrival = question.sent.zip(question.latency).map(|(sent, latency)| sent + latency);
            arrivals.push((arrival, index));
            // Whether it was asked before the answer to the one before: a pair at once, or one after another.
            let waited = index.checked_sub(1).map(|before| arrivals[before].0 <= question.sent);
            waited.hash(&mut hasher);
        }
        arrivals.sort_unstable();
        for (_, index) in arrivals {
            index.hash(&mut hasher);
        }
    }
    Some(hasher.finish())
}

/// Where a lookup departs from the plan of this resolver, whoever seems to have asked. A name that was asked as it stands
/// counts as typed so: whether it was searched first, its plan tells.
pub fn departure_from(lookup: &Lookup, resolver: Resolver, conf: &Conf) -> Option<Finding> {
    beyond_the_plan(lookup, conf).or_else(|| Some(from_plan(lookup, Some(resolver), conf, &NONE)?.finding))
}

/// What is said of a lookup that departs as others of its shape do, without the work of telling in which questions.
fn as_others(lookup: &Lookup, reason: &str) -> Finding {
    let last = lookup.steps.last().map(|step| &step.questions[..]).unwrap_or_default();
    let message = format!("it departs from its resolver's plan as lookups like it did before{reason}.");
    finding(FindingCode::DepartsFromPlan, message, last)
}

/// A search that a server ended, which walked the list itself.
pub fn autopath(lookup: &Lookup) -> Option<Finding> {
    let last = lookup.steps.last().filter(|_| lookup.is_autopath())?;
    let message = format!(
        "the search stopped at {}, whose answer is an alias to the name that exists: the server walked the search list \
         itself (CoreDNS autopath).",
        last.candidate
    );
    Some(finding(FindingCode::DepartsFromPlan, message, &last.questions))
}

/// What the questions alone do not show to depart: a server that walks the search list itself, a name that nobody typed.
fn beyond_the_plan(lookup: &Lookup, conf: &Conf) -> Option<Finding> {
    let last = lookup.steps.last()?;
    if let Some(found) = autopath(lookup) {
        return Some(found);
    }
    let alias = alias_behind(lookup, conf)?;
    let message = format!(
        "{} was asked as it stands and no suffix was tried, as HOSTALIASES makes of {alias}: that name may have been typed.",
        last.candidate
    );
    Some(finding(FindingCode::DepartsFromPlan, message, &last.questions))
}

/// The name that `HOSTALIASES` turns into what was asked, where the search list would have been tried first otherwise.
fn alias_behind(lookup: &Lookup, conf: &Conf) -> Option<String> {
    conf.situation.host_aliases.as_ref()?;
    let [only] = &lookup.steps[..] else { return None };
    let asked = only.candidate.trim_end_matches('.');
    let seen = observation(lookup, None)?;
    let settings = conf.settings(&seen.resolver.profile())?;
    if only.suffix.is_some() || settings.search.is_empty() {
        return None;
    }
    let stands_for =
        |(_, target): &&(String, String)| target.trim_end_matches('.').eq_ignore_ascii_case(asked);
    settings.aliases.iter().find(stands_for).map(|(alias, _)| alias.clone())
}

/// Answers that a cache may hold: how long ago a question was answered.
type Lately<'a> = dyn Fn(&Asked) -> Option<Nanos> + 'a;

/// What lookups before have shown.
struct Memory<'a> {
    lately: &'a Lately<'a>,
    /// Why lookups of the same shape depart.
    reason: Option<&'a str>,
}

/// No lookup was before.
const NONE: Memory<'static> = Memory { lately: &|_| None, reason: None };

/// A lookup that departs from its plan.
struct Departs {
    finding: Finding,
    /// Why others of its shape do so, too.
    reason: String,
}

/// `planned` is the resolver whose plan counts, where it is not the one that the packets show.
fn from_plan(
    lookup: &Lookup,
    planned: Option<Resolver>,
    conf: &Conf,
    memory: &Memory<'_>,
) -> Option<Departs> {
    let seen = observation(lookup, planned.map(|resolver| (resolver, Told::Inferred)))?;
    let departed = memory.reason.is_some();
    if let Some(explained) = (!departed).then(|| explain(&seen, conf)).flatten() {
        let same = explained.variant.resolver.id == seen.resolver.id;
        if same || (planned.is_none() && lookup.resolver.known_id().is_none()) {
            return None;
        }
    }
    let plan = expected(&seen, conf)?;
    let (what, missing) = difference(&seen, &plan)?;
    let own = own_reason(&seen, &plan, &missing, memory.lately);
    let reason = memory.reason.map_or_else(|| reason(&seen, conf), str::to_owned);
    let message = format!("{what}{}.", own.as_ref().unwrap_or(&reason));
    // Where it was left: the last questions that were seen.
    let last = lookup.steps.last().map(|step| &step.questions[..]).unwrap_or_default();
    Some(Departs { finding: finding(FindingCode::DepartsFromPlan, message, last), reason })
}

/// Whether nothing about a lookup can depart: it was answered, and each candidate was asked once for the same types.
fn is_regular(lookup: &Lookup) -> bool {
    let types = |step: &crate::lookup::Step| {
        let mut types: Vec<QType> = step.questions.iter().map(|question| question.qtype).collect();
        types.sort_unstable();
        types
    };
    let Some(first) = lookup.steps.first().map(types) else { return true };
    let once = first == [QType::A, QType::Aaaa];
    lookup.outcome == Outcome::Answer && once && lookup.steps.iter().all(|step| types(step) == first)
}

type Asked = (String, QType);

/// In which way the questions differ, and which are missing; `None` where only servers or transports do.
fn difference(seen: &Observation, plan: &Explained) -> Option<(String, Vec<Asked>)> {
    let observed: Vec<Asked> = seen.asked.iter().map(|it| (it.qname.to_lowercase(), it.qtype)).collect();
    let planned: Vec<Asked> = plan
        .now
        .simulation
        .sent
        .iter()
        .map(|sent| (sent.query.qname.to_lowercase(), sent.query.qtype))
        .collect();
    let without = |all: &[Asked], others: &[Asked]| -> Vec<Asked> {
        let mut others = others.to_vec();
        let mut left = all.to_vec();
        left.retain(|asked| match others.iter().position(|other| other == asked) {
            Some(at) => {
                others.remove(at);
                false
            }
            None => true,
        });
        left
    };
    let (extra, missing) = (without(&observed, &planned), without(&planned, &observed));
    let last = &observed.last()?.0;
    let id = plan.profile.resolver.id;
    let asked_of = |name: &str| observed.iter().any(|(observed, _)| observed == name);
    let what = match (&extra[..], &missing[..]) {
        ([], []) if names(&observed) != names(&planned) => {
            format!("the candidates were asked in another order than {id} would")
        }
        ([], []) => return None,
        (extra, []) => format!("{} beyond what {id} would ask", in_words(extra)),
        ([], missing)
            if missing.contains(planned.last()?) && !missing.iter().any(|(name, _)| asked_of(name)) =>
        {
            format!("the search stopped at {last}, where {id} would go on with {}", missing[0].0)
        }
        ([], missing) => format!("{id} would have asked for {}, too", in_words(missing)),
        (extra, missing) => format!("{} where {id} would ask {}", in_words(extra), in_words(missing)),
    };
    Some((what, missing))
}

fn names(asked: &[Asked]) -> Vec<&str> {
    let mut names: Vec<&str> = asked.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    names
}

fn in_words(asked: &[Asked]) -> String {
    let shown: Vec<String> = asked.iter().take(3).map(|(name, qtype)| format!("{qtype} {name}")).collect();
    let more = asked.len().saturating_sub(3);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// The likely reason that this lookup itself shows, with what leads up to it.
fn own_reason(
    seen: &Observation,
    plan: &Explained,
    missing: &[Asked],
    lately: &Lately<'_>,
) -> Option<String> {
    let searched = |(typed, suffix): (String, String)| {
        format!("; it looks like {typed} under the suffix {suffix}: {OTHER_FILE}")
    };
    answered_before(seen, plan, missing, lately).or_else(|| looks_searched(seen, plan).map(searched))
}

/// The likely reason that all lookups of its shape have, with what leads up to it; empty where none is known.
fn reason(seen: &Observation, conf: &Conf) -> String {
    let same = |conf: &Conf, resolver: Resolver| {
        let told = Observation { resolver, told: Told::Given, ..seen.clone() };
        explain(&told, conf).is_some()
    };
    let text = String::from_utf8_lossy(conf.file.as_deref().unwrap_or_default()).into_owned();
    if let Some(id) = ResolverId::ALL.into_iter().find(|id| same(conf, Resolver::new(*id))) {
        return format!("; another resolver may have asked: {id} would ask so");
    }
    for ndots in 0..=15 {
        let file = Some(format!("{text}\noptions ndots:{ndots}\n").into_bytes());
        if same(&Conf { file, ..conf.clone() }, seen.resolver) {
            return format!("; it fits ndots:{ndots}: {OTHER_FILE}");
        }
    }
    if one_type_only(seen) {
        return "; a cache in the process may have had the other half of the answer".to_owned();
    }
    String::new()
}

/// Where every question that is missing was answered lately, and those asked go on as if it had been again, a cache
/// answered it.
fn answered_before(
    seen: &Observation,
    plan: &Explained,
    missing: &[Asked],
    lately: &Lately<'_>,
) -> Option<String> {
    // What comes last in the plan was never come to: the search stopped, for whatever reason.
    let last = plan.now.simulation.sent.last()?;
    let ends = missing.iter().any(|(qname, _)| *qname == last.query.qname.to_lowercase());
    let ages: Option<Vec<Nanos>> = missing.iter().map(lately).collect();
    let oldest = ages.filter(|_| !ends).and_then(|ages| ages.into_iter().max());
    let oldest = oldest.or_else(|| next_answered_before(seen, plan, lately))?;
    Some(format!(
        "; a cache in the process, or one between it and this network, may have had the answer, which came {:.1} s before",
        oldest.0 as f64 / 1e9
    ))
}

/// The same where what is missing cuts a lookup in two: only a candidate with a suffix is left of it, and the one that
/// comes next in the search was answered lately.
fn next_answered_before(seen: &Observation, plan: &Explained, lately: &Lately<'_>) -> Option<Nanos> {
    let [only] = &seen.candidates[..] else { return None };
    let only = only.to_lowercase();
    let suffixes: Vec<String> = plan
        .settings
        .search
        .iter()
        .map(|suffix| format!(".{}.", suffix.to_string().to_lowercase()))
        .collect();
    let (place, typed) =
        suffixes.iter().enumerate().find_map(|(place, suffix)| Some((place, only.strip_suffix(suffix)?)))?;
    let next = suffixes.get(place + 1).map_or(".", String::as_str);
    let mut both: Vec<QType> = seen.asked.iter().map(|asked| asked.qtype).collect();
    both.dedup();
    let ages = both.into_iter().map(|qtype| lately(&(format!("{typed}{next}"), qtype)));
    ages.collect::<Option<Vec<Nanos>>>()?.into_iter().max()
}

const OTHER_FILE: &str = "the process reads another resolv.conf, or one from before it was changed";

/// A name that was asked as it stands and ends in a suffix of the list, as a resolver does that searches first.
fn looks_searched(seen: &Observation, plan: &Explained) -> Option<(String, String)> {
    let [only] = &seen.candidates[..] else { return None };
    let asked = only.as_str().trim_end_matches('.');
    plan.settings.search.iter().find_map(|suffix| {
        let suffix = suffix.to_string();
        let typed = asked.strip_suffix(suffix.as_str())?.strip_suffix('.')?;
        (name::dots(&name::unescape(typed)) >= plan.settings.ndots).then(|| (typed.to_owned(), suffix))
    })
}

fn one_type_only(seen: &Observation) -> bool {
    let mut types: Vec<QType> = seen.asked.iter().map(|asked| asked.qtype).collect();
    types.sort_unstable();
    types.dedup();
    types.len() == 2 && seen.asked.len() % 2 == 1
}

#[cfg(test)]
#[path = "departures_tests.rs"]
mod tests;
