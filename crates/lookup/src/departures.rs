//! Where a lookup is not what its resolver plans at the settings in force: a question too many, one missing, another
//! order, a stop too early; and the likely reason.

use dnsprobe_resolv::whatif::{Conf, Explained, Observation, Told, expected, explain};
use dnsprobe_resolv::{Outcome, QType, Resolver, ResolverId, name};

use crate::findings::finding;
use crate::lookup::{Finding, FindingCode, Lookup};
use crate::observed::observation;

/// Questions of lookups that may depart, held against their plan in one second of packet time: walking every variant of a
/// resolver costs up to a millisecond a question, and a flood of failing names must not stop what watches it.
const MOST_A_SECOND: usize = 200;

/// Holds lookups against their plans, as many as there is time for.
#[derive(Debug, Default)]
pub struct Departures {
    second: i64,
    questions: usize,
    /// Lookups that were not held against their plan, because there were too many in their second.
    pub passed_over: u64,
}

impl Departures {
    /// As [`departure`]; `None` also for a lookup for which there is no time.
    pub fn judge(&mut self, lookup: &Lookup, conf: &Conf) -> Option<Finding> {
        if lookup.partial || !lookup.certain || is_regular(lookup) {
            return None;
        }
        let second = lookup.start.map_or(0, |start| start.0 / 1_000_000_000);
        if second > self.second {
            (self.second, self.questions) = (second, 0);
        }
        self.questions += lookup.steps.iter().map(|step| step.questions.len()).sum::<usize>();
        if self.questions > MOST_A_SECOND {
            self.passed_over += 1;
            return None;
        }
        departure(lookup, conf)
    }
}

/// Where a lookup departs from the plan; `None` where it does not, or where the packets cannot tell.
///
/// `conf` is the file that the client is said to read, never one that was read from its traffic: that fits by making.
pub fn departure(lookup: &Lookup, conf: &Conf) -> Option<Finding> {
    if lookup.partial || !lookup.certain || is_regular(lookup) {
        return None;
    }
    let seen = observation(lookup, None)?;
    if let Some(explained) = explain(&seen, conf) {
        let same = explained.variant.resolver.id == seen.resolver.id;
        if same || lookup.resolver.known_id().is_none() {
            return None;
        }
    }
    let plan = expected(&seen, conf)?;
    let what = difference(&seen, &plan)?;
    let message = format!("{what}{}.", reason(&seen, &plan, conf));
    // Where it was left: the last questions that were seen.
    let last = lookup.steps.last().map(|step| &step.questions[..]).unwrap_or_default();
    Some(finding(FindingCode::DepartsFromPlan, message, last))
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

/// In which way the questions differ; `None` where only servers or transports do.
fn difference(seen: &Observation, plan: &Explained) -> Option<String> {
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
    match (&extra[..], &missing[..]) {
        ([], []) if names(&observed) != names(&planned) => {
            Some(format!("the candidates were asked in another order than {id} would"))
        }
        ([], []) => None,
        (extra, []) => Some(format!("{} beyond what {id} would ask", in_words(extra))),
        ([], missing) if !missing.iter().any(|(name, _)| asked_of(name)) => {
            Some(format!("the search stopped at {last}, where {id} would go on with {}", missing[0].0))
        }
        ([], missing) => Some(format!("{id} would have asked for {}, too", in_words(missing))),
        (extra, missing) => Some(format!("{} where {id} would ask {}", in_words(extra), in_words(missing))),
    }
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

/// The likely reason, with what leads up to it; empty where none is known.
fn reason(seen: &Observation, plan: &Explained, conf: &Conf) -> String {
    let same = |conf: &Conf, resolver: Resolver| {
        let told = Observation { resolver, told: Told::Given, ..seen.clone() };
        explain(&told, conf).is_some()
    };
    let text = String::from_utf8_lossy(conf.file.as_deref().unwrap_or_default()).into_owned();
    if let Some((typed, suffix)) = looks_searched(seen, plan) {
        return format!("; it looks like {typed} under the suffix {suffix}: {OTHER_FILE}");
    }
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
