//! What-if: fewer questions for the same result, and what would break.
//!
//! Every proposal is walked with what is known about the answers. A question whose answer nobody has seen is never
//! assumed: it makes the proposal's result unknown, and that is said.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::profile::planning::SearchWhen;
use crate::simulate::{Answered, Answers, simulate};
use crate::{
    Fqdn, Message, Outcome, Phase, Profile, QType, Query, Rcode, Reply, Request, Settings, Simulation, name,
};

/// What is known about the answers to questions.
pub trait Known {
    /// What comes back for this transmission, if that is known.
    fn known(&self, query: &Query) -> Option<Answered>;
}

/// A change that could save questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// The change.
    pub kind: AdviceKind,
    /// Transmissions it saves for this lookup; negative when it costs some.
    pub saves_questions: i64,
    /// Time it saves, in µs; `None` when the answers give no delays.
    pub saves_us: Option<i64>,
    /// What would change for the application, or is not known. Empty: the change is safe for this lookup.
    pub breaks: Vec<String>,
    /// What to put into a pod template, for a change of settings.
    pub patch: Option<String>,
}

/// A change that could save questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdviceKind {
    /// A dot at the end of the name.
    TrailingDot,
    /// The whole name that answered, this one, in place of the short one.
    FullName(String),
    /// Another `ndots`.
    Ndots(u32),
    /// The search list without this suffix.
    DropSuffix(String),
}

impl AdviceKind {
    /// The word used in JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::TrailingDot => "trailing-dot",
            Self::FullName(_) => "full-name",
            Self::Ndots(_) => "ndots",
            Self::DropSuffix(_) => "drop-suffix",
        }
    }
}

impl Advice {
    /// Whether nothing changes for the application, and nothing is unknown.
    pub fn is_safe(&self) -> bool {
        self.breaks.is_empty()
    }
}

impl AdviceKind {
    /// What a change of settings does to names other than the one it was tried with, where that can hurt.
    pub fn caution(&self, profile: &Profile) -> Option<String> {
        let id = profile.resolver.id;
        match self {
            Self::Ndots(ndots) if profile.plan.search == SearchWhen::BelowNdots => {
                let example = match ndots {
                    1 => "`svc.ns`",
                    2 => "`svc.ns.svc`",
                    _ => "short names with that many",
                };
                Some(format!(
                    "{id} asks names with {ndots} or more dots as-is only: {example} would no longer be found"
                ))
            }
            Self::DropSuffix(suffix) => {
                Some(format!("names that are found under {suffix} would no longer be"))
            }
            Self::TrailingDot | Self::FullName(_) | Self::Ndots(_) => None,
        }
    }
}

/// The `ndots` that are tried.
const NDOTS: std::ops::RangeInclusive<u32> = 1..=5;

/// Every change worth a thought for this lookup: a trailing dot, the full name where a suffix answered, each `ndots` from 1 to 5 other than the one in force,
/// each suffix dropped.
pub fn advise(profile: &Profile, settings: &Settings, request: &Request, known: &dyn Known) -> Vec<Advice> {
    let now = run(profile, settings, request, known);
    let judge = |kind: AdviceKind, settings: &Settings, request: &Request| {
        let then = run(profile, settings, request, known);
        let mut breaks = changes(&now, &then);
        if kind == AdviceKind::TrailingDot && !breaks.is_empty() {
            breaks.push("the name with a dot is asked as it stands, no suffix is tried".to_owned());
        }
        let patch = patch(&kind, settings);
        let saves_us = saved_us(&now.simulation, &then.simulation);
        Advice { saves_questions: saved(&now, &then), saves_us, breaks, patch, kind }
    };
    let mut advice = Vec::new();
    if !request.name.ends_with(b".") && profile.plan.search != SearchWhen::Never {
        let dotted = Request { name: [&request.name[..], b"."].concat(), ..request.clone() };
        advice.push(judge(AdviceKind::TrailingDot, settings, &dotted));
    }
    if let Some(full) = answered_under_suffix(&now) {
        let whole = Request { name: name::unescape(&full), ..request.clone() };
        advice.push(judge(AdviceKind::FullName(full), settings, &whole));
    }
    for ndots in NDOTS.filter(|ndots| *ndots != settings.ndots) {
        let changed = Settings { ndots, ..settings.clone() };
        advice.push(judge(AdviceKind::Ndots(ndots), &changed, request));
    }
    for index in 0..settings.search.len() {
        let mut changed = settings.clone();
        let dropped = changed.search.remove(index).to_string();
        advice.push(judge(AdviceKind::DropSuffix(dropped), &changed, request));
    }
    advice
}

/// The name that answered, if it has a suffix that was appended.
fn answered_under_suffix(now: &Outlook) -> Option<String> {
    let step = now.simulation.steps.get(now.simulation.verdict.answered_by?)?;
    (step.candidate.phase == Phase::Suffix).then(|| step.candidate.fqdn.to_string())
}

/// The safe change that saves most; on a tie the one that touches least: a dot on one name before a pod's settings, an
/// `ndots` nearer to the present one before another, the search list last. `None` when nothing safe saves anything.
pub fn smallest_safe_fix<'a>(advice: &'a [Advice], settings: &Settings) -> Option<&'a Advice> {
    let reach = |kind: &AdviceKind| match kind {
        AdviceKind::TrailingDot | AdviceKind::FullName(_) => (0, 0),
        AdviceKind::Ndots(ndots) => (1, ndots.abs_diff(settings.ndots)),
        AdviceKind::DropSuffix(_) => (2, 0),
    };
    let safe = advice.iter().filter(|advice| advice.is_safe() && advice.saves_questions > 0);
    safe.min_by_key(|advice| (-advice.saves_questions, reach(&advice.kind)))
}

/// One walk, and the questions in it whose answers are not known.
struct Outlook {
    simulation: Simulation,
    unknown: BTreeSet<String>,
}

struct Recorder<'a> {
    known: &'a dyn Known,
    unknown: RefCell<BTreeSet<String>>,
}

impl Answers for Recorder<'_> {
    fn answer(&self, query: &Query) -> Answered {
        self.known.known(query).unwrap_or_else(|| {
            self.unknown.borrow_mut().insert(query.qname.to_string());
            // Only to go on: the proposal is reported as unknown.
            let message = Message::with_rcode(Rcode::NXDOMAIN);
            Answered { reply: Some(Reply::Message(message)), delay_us: None }
        })
    }
}

fn run(profile: &Profile, settings: &Settings, request: &Request, known: &dyn Known) -> Outlook {
    let recorder = Recorder { known, unknown: RefCell::new(BTreeSet::new()) };
    let simulation = simulate(profile, settings, request, &recorder);
    Outlook { simulation, unknown: recorder.unknown.into_inner() }
}

fn changes(now: &Outlook, then: &Outlook) -> Vec<String> {
    let mut changes: Vec<String> =
        then.unknown.iter().map(|name| format!("what `{name}` answers is not known")).collect();
    let (before, after) = (&now.simulation.verdict, &then.simulation.verdict);
    let addresses = |list: &[std::net::IpAddr]| list.iter().copied().collect::<BTreeSet<_>>();
    let same_result = before.outcome == after.outcome
        && addresses(&before.addresses) == addresses(&after.addresses)
        && before.failure.as_ref().map(|failure| failure.code)
            == after.failure.as_ref().map(|failure| failure.code);
    if changes.is_empty() && !same_result {
        changes.push(format!("the application gets {} instead of {}", in_words(then), in_words(now)));
    }
    changes
}

fn in_words(outlook: &Outlook) -> String {
    let simulation = &outlook.simulation;
    let verdict = &simulation.verdict;
    let answered = verdict.answered_by.and_then(|step| simulation.steps.get(step));
    match (&verdict.failure, answered) {
        (Some(failure), _) => failure.code.to_owned(),
        (None, Some(step)) => format!("the addresses of `{}`", step.candidate.fqdn),
        (None, None) => "the address it is".to_owned(),
    }
}

fn saved(now: &Outlook, then: &Outlook) -> i64 {
    let count = |outlook: &Outlook| i64::try_from(outlook.simulation.sent.len()).unwrap_or(i64::MAX);
    count(now) - count(then)
}

fn saved_us(now: &Simulation, then: &Simulation) -> Option<i64> {
    let timed = |simulation: &Simulation| {
        let silent = |sent: &crate::simulate::Sent| sent.outcome == Outcome::Timeout;
        simulation.sent.iter().all(|sent| silent(sent) || sent.latency_us.is_some())
    };
    let us = |simulation: &Simulation| i64::try_from(simulation.took_us).ok();
    (timed(now) && timed(then)).then(|| Some(us(now)? - us(then)?)).flatten()
}

/// `dnsConfig` for a pod template. A search list can only be replaced as a whole, which takes `dnsPolicy: None`.
fn patch(kind: &AdviceKind, settings: &Settings) -> Option<String> {
    match kind {
        AdviceKind::TrailingDot | AdviceKind::FullName(_) => None,
        AdviceKind::Ndots(ndots) => {
            Some(format!("dnsConfig:\n  options:\n    - name: ndots\n      value: \"{ndots}\"\n"))
        }
        AdviceKind::DropSuffix(_) => {
            let item = |text: String| ["    - ", &quoted(&text), "\n"].concat();
            let servers =
                settings.nameservers.iter().map(|server| item(server.text.clone())).collect::<String>();
            let searches = settings.search.iter().map(|suffix| item(suffix.to_string())).collect::<String>();
            let ndots = settings.ndots;
            Some(format!(
                "dnsPolicy: None\ndnsConfig:\n  nameservers:\n{servers}  searches:\n{searches}  options:\n    \
                 - name: ndots\n      value: \"{ndots}\"\n"
            ))
        }
    }
}

/// A YAML double-quoted scalar of printable ASCII.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Answers seen before, by name and type; for callers that have recorded some.
#[derive(Debug, Clone, Default)]
pub struct Seen(std::collections::HashMap<(Fqdn, QType), Answered>);

impl Seen {
    /// Notes what came back for a question; the latest counts.
    pub fn insert(&mut self, name: Fqdn, qtype: QType, answered: Answered) {
        self.0.insert((name, qtype), answered);
    }
}

impl Known for Seen {
    fn known(&self, query: &Query) -> Option<Answered> {
        self.0.get(&(query.qname.clone(), query.qtype)).cloned()
    }
}
