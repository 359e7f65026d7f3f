//! One kind of lookup: which model it is, and what becomes of it under another setting.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::super::explain::with_variant;
use super::super::{Asked, Conf, Explained, Extent, Knowledge, Replay, Variant, readings, replay};
use super::{Alteration, Class};
use crate::profile::planning::SearchWhen;
use crate::{Family, Outcome, Phase, Profile, QType, Resolver, Settings, Simulation, name};

/// One kind of lookup, and the model that explains it.
pub(super) struct Standing<'a> {
    pub(super) class: &'a Class,
    /// The model that asks exactly what was seen.
    pub(super) explained: Option<Explained>,
    /// Where there is none: the likeliest model, answered by what is known.
    guess: Option<Explained>,
}

/// How much of the search list is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    /// All of it: from the file, or since a lookup was seen that came to its end.
    Whole,
    /// What lookups showed that all ended before: more suffixes may follow.
    Beginning,
}

/// Whether a walk comes to the end of the search list.
pub(super) fn exhausts_list(walk: &Simulation) -> bool {
    let phase = |step: usize| walk.steps.get(step).map(|step| step.candidate.phase);
    let searched = walk.sent.iter().any(|sent| phase(sent.query.step) == Some(Phase::Suffix));
    searched && walk.verdict.answered_by.is_none_or(|step| phase(step) != Some(Phase::Suffix))
}

/// Whether a name is put through the search list, if there is one and the name as it stands does not end it.
pub(super) fn is_searched(profile: &Profile, settings: &Settings, typed: &str) -> bool {
    let dots = name::dots(&name::unescape(typed));
    let wanted = match profile.plan.search {
        SearchWhen::Never => false,
        SearchWhen::Dotless => dots == 0,
        SearchWhen::BelowNdots => dots < settings.ndots,
        SearchWhen::Always | SearchWhen::AlwaysAboveZero => true,
    };
    wanted && !typed.ends_with('.')
}

/// What becomes of a kind of lookup under another setting.
pub(super) enum Fate {
    /// It is predicted.
    Known {
        then: Replay,
        /// From what to what the result changes, and why.
        change: Option<(Outcome, Outcome, String)>,
    },
    /// That depends on answers that nobody has seen.
    Unknown { asks: Vec<String>, if_nxdomain: Option<Outcome> },
    /// It is taken as it is now: others of its name tell.
    AsNow,
}

impl<'a> Standing<'a> {
    /// What a model explains to its end was seen whole, wherever the capture began or ended.
    pub(super) fn new(
        class: &'a Class,
        conf: &Conf,
        knowledge: &Knowledge,
        explained: Option<Explained>,
    ) -> Self {
        let guess = || {
            let variant = Variant::plain(class.seen.resolver, likely_family(&class.seen.asked));
            with_variant(&class.seen, conf, variant, knowledge)
        };
        let guess = if explained.is_none() { guess() } else { None };
        Self { class, explained, guess }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.class.seen.extent == Extent::Whole || self.explained.is_some()
    }

    pub(super) fn resolver(&self) -> Resolver {
        self.explained.as_ref().map_or(self.class.seen.resolver, |explained| explained.variant.resolver)
    }

    /// Transmissions of one of these lookups, as seen.
    pub(super) fn questions_now(&self) -> u64 {
        self.class.seen.asked.len() as u64
    }

    /// The lookup as the model makes it now.
    pub(super) fn now(&self) -> Option<&Simulation> {
        self.explained.as_ref().or(self.guess.as_ref()).map(|it| &it.now.simulation)
    }

    /// What becomes of it. `told_elsewhere`: other lookups of this name are explained.
    pub(super) fn fate(
        &self,
        alteration: &Alteration,
        knowledge: &Knowledge,
        list: List,
        told_elsewhere: bool,
    ) -> Fate {
        match (&self.explained, &self.guess) {
            (Some(explained), _) => self.explained_fate(explained, alteration, knowledge, list),
            (None, _) if told_elsewhere => Fate::AsNow,
            (None, Some(guess)) if !self.is_whole() && guess.now.unknown.is_empty() => {
                match self.explained_fate(guess, alteration, knowledge, list) {
                    // Of a lookup that was seen in part only its result is predicted, not its questions.
                    Fate::Known { change: None, .. } => Fate::AsNow,
                    fate => fate,
                }
            }
            (None, _) => Fate::Unknown { asks: Vec::new(), if_nxdomain: None },
        }
    }

    fn explained_fate(
        &self,
        explained: &Explained,
        alteration: &Alteration,
        knowledge: &Knowledge,
        list: List,
    ) -> Fate {
        let seen = &self.class.seen;
        let settings = alteration.of(&explained.settings);
        let then = replay(
            &explained.profile,
            &settings,
            &explained.request,
            &explained.asked,
            seen.other_type(),
            knowledge,
        );
        if !then.unknown.is_empty() {
            let if_nxdomain = Some(then.simulation.verdict.outcome);
            return Fate::Unknown { asks: then.unknown.into_iter().collect(), if_nxdomain };
        }
        let now = &explained.now.simulation;
        let goes_on = exhausts_list(&then.simulation) && !exhausts_list(now);
        // No suffix was ever seen, and now the first would come before the name itself.
        let begins = settings.search.is_empty()
            && name::dots(&name::unescape(&seen.name)) < settings.ndots
            && settings.ndots > explained.settings.ndots
            && is_searched(&explained.profile, &settings, &seen.name);
        if list == List::Beginning && (goes_on || begins) {
            return Fate::Unknown { asks: Vec::new(), if_nxdomain: None };
        }
        if readings::may_differ(seen, explained, &settings, &then, knowledge) {
            return Fate::Unknown { asks: Vec::new(), if_nxdomain: None };
        }
        let change =
            change(&explained.now.simulation, &then.simulation, &explained.profile, &settings, &seen.name);
        Fate::Known { then, change }
    }
}

/// The addresses that such questions are for.
fn likely_family(asked: &[Asked]) -> Family {
    let has = |qtype: QType| asked.iter().any(|asked| asked.qtype == qtype);
    match (has(QType::A), has(QType::Aaaa)) {
        (true, false) => Family::Inet,
        (false, true) => Family::Inet6,
        _ => Family::Unspec,
    }
}

/// Whether the application gets something else, from what to what, and why.
fn change(
    now: &Simulation,
    then: &Simulation,
    profile: &Profile,
    settings: &Settings,
    typed: &str,
) -> Option<(Outcome, Outcome, String)> {
    if same_result(now, then) {
        return None;
    }
    let (from, to) = (now.verdict.outcome, then.verdict.outcome);
    if let (Some(before), Some(after)) = (answering(now), answering(then)) {
        return Some((from, to, format!("`{after}` answers in place of `{before}`")));
    }
    let asked: BTreeSet<String> = then.sent.iter().map(|sent| format!("`{}`", sent.query.qname)).collect();
    let list = asked.into_iter().collect::<Vec<_>>().join(", ");
    let id = profile.resolver.id;
    let stops =
        profile.plan.search == SearchWhen::BelowNdots && name::dots(&name::unescape(typed)) >= settings.ndots;
    let why = if stops {
        format!("{id} asks {list} and stops there, where glibc would go on with the search list")
    } else if to == Outcome::Answer {
        format!("{id} asks {list}, and finds an address")
    } else {
        format!("{id} asks {list}, and gets no address")
    };
    Some((from, to, why))
}

fn answering(simulation: &Simulation) -> Option<&str> {
    let step = simulation.steps.get(simulation.verdict.answered_by?)?;
    Some(step.candidate.fqdn.as_str())
}

/// Whether two walks give the application the same: the same candidate answers or the same addresses come, or they fail
/// alike. Servers give the addresses of one name in turn, so the name decides first.
pub(super) fn same_result(now: &Simulation, then: &Simulation) -> bool {
    let (before, after) = (&now.verdict, &then.verdict);
    let failure = |verdict: &crate::Verdict| verdict.failure.as_ref().map(|failure| failure.code);
    match (failure(before), failure(after)) {
        // All that the application learns: Go says the same of SERVFAIL and of NXDOMAIN after it.
        (Some(before), Some(after)) => return before == after,
        (None, None) if before.outcome == after.outcome => {}
        _ => return false,
    }
    let addresses = |list: &[IpAddr]| list.iter().copied().collect::<BTreeSet<_>>();
    match (answering(now), answering(then)) {
        (Some(before_name), Some(after_name)) => {
            before_name.eq_ignore_ascii_case(after_name)
                || addresses(&before.addresses) == addresses(&after.addresses)
        }
        _ => true,
    }
}
