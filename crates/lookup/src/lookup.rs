//! The lookup: what an application waited for, with every transmission it took.

use std::net::IpAddr;
use std::rc::Rc;

use dnsprobe_resolv::{Outcome, QType, Transport};

use crate::time::{Nanos, Timestamp};

/// One name that an application asked for, from the first query to the last answer it waited for.
#[derive(Debug, Clone, PartialEq)]
pub struct Lookup {
    /// The name as typed, as far as the wire can tell (escaped presentation form, RFC 4343 section 2.1).
    pub name: Rc<str>,
    /// When the first query left; `None` where nothing was sent (offline).
    pub start: Option<Timestamp>,
    /// Who asked; `None` offline.
    pub client: Option<IpAddr>,
    /// The resolver that asked.
    pub resolver: ResolverSeen,
    /// One candidate each, in the order they were begun.
    pub steps: Vec<Step>,
    /// What the application got.
    pub outcome: Outcome,
    /// The addresses it got.
    pub addresses: Vec<IpAddr>,
    /// What it got instead, such as `EAI_NONAME: Name or service not known`; `None` where only packets were seen.
    pub error: Option<String>,
    /// From the first query to the last answer waited for; `None` where a timeout ended it unseen.
    pub latency: Option<Nanos>,
    /// False where the packets cannot decide which of several overlapping lookups of this name a question belongs to.
    pub certain: bool,
    /// True when the capture began or ended inside this lookup.
    pub partial: bool,
    /// True where the name is read as if it had been typed with a trailing dot, which nothing but a guess at the file says;
    /// `name` is without it then.
    pub doubtful_dot: bool,
    /// What deserves a look.
    pub findings: Vec<Finding>,
}

/// One candidate of a lookup.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The absolute name, with its trailing dot.
    pub candidate: Rc<str>,
    /// The search domain as appended, without dots at the ends; `None` for the as-is candidate.
    pub suffix: Option<Rc<str>>,
    /// What the candidate came to.
    pub outcome: Outcome,
    /// What it added to the lookup's latency; `None` where that was not seen.
    pub added: Option<Nanos>,
    /// True for a candidate that did not answer, in a lookup that was answered.
    pub wasted: bool,
    /// Every transmission, in wire order.
    pub questions: Vec<Question>,
    /// What the resolver did next and why, in words; `None` where only packets were seen.
    pub why: Option<String>,
}

/// One transmission of a question, and its answer if any.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The absolute name asked for, as on the wire.
    pub qname: Rc<str>,
    /// The type asked for.
    pub qtype: QType,
    /// Where it was sent.
    pub server: IpAddr,
    /// Over what.
    pub transport: Transport,
    /// The pass over the nameservers, from 1.
    pub round: u32,
    /// What came back.
    pub outcome: Outcome,
    /// When it left; `None` offline.
    pub sent: Option<Timestamp>,
    /// From the query to its answer; `None` without an answer.
    pub latency: Option<Nanos>,
    /// Where the first alias of the answer points, with its trailing dot.
    pub alias: Option<Rc<str>>,
    /// How much of that an embedded server (Docker's) waited for the real one; `None` where there is none between, or
    /// where it knew the answer itself.
    pub upstream: Option<Nanos>,
}

/// Which resolver a lookup is attributed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolverSeen {
    /// Id as in `--resolver`, such as `glibc`; where nothing decides, the one whose rules are applied.
    pub id: &'static str,
    /// Version, where known.
    pub version: Option<String>,
    /// The call that is modelled, such as `getaddrinfo`.
    pub api: Option<String>,
    /// How we know.
    pub from: ResolverFrom,
    /// What packets say so, for an inferred one.
    pub evidence: Option<&'static str>,
}

impl ResolverSeen {
    /// Its id, if anything says which resolver it is.
    pub fn known_id(&self) -> Option<&str> {
        let undecided = self.from == ResolverFrom::Inferred && self.evidence.is_none();
        (!undecided).then_some(self.id)
    }
}

/// How a resolver came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResolverFrom {
    /// The user said so.
    Given,
    /// Read from the target's files.
    Detected,
    /// Concluded from packets.
    Inferred,
    /// Nothing said otherwise.
    Assumed,
}

impl Lookup {
    /// One without a name or a question, for another to be put in its place.
    pub fn of_nothing() -> Self {
        let resolver =
            ResolverSeen { id: "", version: None, api: None, from: ResolverFrom::Assumed, evidence: None };
        Self {
            name: Rc::default(),
            start: None,
            client: None,
            resolver,
            steps: Vec::new(),
            outcome: Outcome::Unknown,
            addresses: Vec::new(),
            error: None,
            latency: None,
            certain: false,
            partial: false,
            doubtful_dot: false,
            findings: Vec::new(),
        }
    }

    /// How much of its latency an embedded server took for itself: of every candidate the longest of what its questions
    /// waited beyond the real server's answer. `None` where no such server is between.
    pub fn embedded(&self) -> Option<Nanos> {
        let own = |question: &Question| Some(Nanos(question.latency?.0 - question.upstream?.0));
        let steps = self.steps.iter().filter_map(|step| step.questions.iter().filter_map(own).max());
        steps.reduce(|sum, step| sum + step)
    }
}

impl ResolverFrom {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Detected => "detected",
            Self::Inferred => "inferred",
            Self::Assumed => "assumed",
        }
    }
}

/// Sums over one lookup.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    /// Transmissions.
    pub questions: u64,
    /// Transmissions in wasted steps.
    pub wasted_questions: u64,
    /// The lookup's latency.
    pub latency: Option<Nanos>,
    /// The wasted steps' share of it; `None` where that is not known.
    pub added_by_search: Option<Nanos>,
}

impl Lookup {
    /// Sums over the steps.
    pub fn totals(&self) -> Totals {
        let wasted = self.steps.iter().filter(|step| step.wasted);
        Totals {
            questions: self.steps.iter().map(|step| step.questions.len() as u64).sum(),
            wasted_questions: wasted.clone().map(|step| step.questions.len() as u64).sum(),
            latency: self.latency,
            added_by_search: wasted.map(|step| step.added).sum(),
        }
    }

    /// Whether a suffixed candidate answered that should not have.
    pub fn is_hijacked(&self) -> bool {
        self.findings.iter().any(|finding| finding.code == FindingCode::SuffixAnswered)
    }

    /// Whether the server walked the search list itself and answered the first candidate with an alias to the one that
    /// exists: `CoreDNS` with `autopath` (1.11 `plugin/autopath/autopath.go`).
    pub fn is_autopath(&self) -> bool {
        let Some(step) = self.steps.last().filter(|_| self.outcome == Outcome::Answer) else { return false };
        let Some(suffix) = &step.suffix else { return false };
        let mut aliases = step.questions.iter().filter_map(|question| question.alias.as_ref()).peekable();
        if aliases.peek().is_none() {
            return false;
        }
        let typed = self.name.trim_end_matches('.').to_ascii_lowercase();
        let zone = last_labels(suffix.trim_end_matches('.'));
        aliases.any(|alias| {
            let alias = alias.trim_end_matches('.').to_ascii_lowercase();
            let Some(rest) = alias.strip_prefix(typed.as_str()) else { return false };
            rest.is_empty() || (rest.starts_with('.') && last_labels(&rest[1..]) == zone)
        })
    }

    /// The name to type, trailing dot included, to ask at once for what is meant: the candidate that answered, or the
    /// name as it stands where a suffix answered that should not have.
    pub fn absolute_name(&self) -> Option<&str> {
        let answered = self.steps.last().filter(|_| self.outcome == Outcome::Answer)?;
        let suffix = answered.suffix.as_ref().filter(|_| self.is_hijacked());
        let cut = suffix.and_then(|suffix| answered.candidate.strip_suffix('.')?.strip_suffix(&**suffix));
        Some(cut.unwrap_or(&answered.candidate))
    }
}

impl Lookup {
    /// Takes the trailing dot off a name that has as many other dots as this or more: whether it was typed is not known where
    /// the file is not.
    pub fn doubt_the_dot(&mut self, fewer_are_searched: u32) {
        let Some(bare) = self.name.strip_suffix('.').filter(|bare| !bare.is_empty()) else { return };
        let dots = bare.bytes().filter(|byte| *byte == b'.').count();
        if dots >= usize::try_from(fewer_are_searched).unwrap_or(usize::MAX) {
            self.name = bare.into();
            self.doubtful_dot = true;
        }
    }

    /// The name with the dot that explains what was asked.
    pub(crate) fn name_as_read(&self) -> String {
        let dot = if self.doubtful_dot { "." } else { "" };
        format!("{}{dot}", self.name)
    }
}

/// The last two labels, which a cluster's suffixes have in common.
fn last_labels(name: &str) -> &str {
    name.rmatch_indices('.').nth(1).map_or(name, |(at, _)| &name[at + 1..])
}

/// Something in a lookup that deserves a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind; the code is API.
    pub code: FindingCode,
    /// One sentence with the evidence and what to do.
    pub message: String,
    /// The transmissions that it rests on, in wire order; the first few of many.
    pub evidence: Vec<Evidence>,
}

/// One transmission that a finding rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The absolute name asked for.
    pub qname: Rc<str>,
    /// The type asked for.
    pub qtype: QType,
    /// Where it was sent.
    pub server: IpAddr,
    /// What came back.
    pub outcome: Outcome,
    /// When it left; `None` offline.
    pub sent: Option<Timestamp>,
    /// From the query to its answer; `None` without an answer.
    pub latency: Option<Nanos>,
}

/// The kinds of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FindingCode {
    /// Candidates were tried for nothing before the one that answered.
    SearchWaste,
    /// A dotted name was answered by a suffixed candidate: the wrong host may have been reached.
    SuffixAnswered,
    /// A question never got an answer.
    Unanswered,
    /// A question was sent again after the resolver's timeout.
    Stall,
    /// A question was sent again sooner than that.
    Resent,
    /// A server failed.
    ServFail,
    /// A server refused.
    Refused,
    /// An answer was cut off and asked for again over TCP.
    TruncatedToTcp,
    /// NODATA on a suffixed candidate ended the search, as musl does.
    NodataStopsMusl,
    /// Two servers disagree.
    ServerDiffers,
    /// A name under a suffix of the cluster was sent to a server outside.
    SuffixLeak,
    /// A message could not be read.
    Malformed,
    /// The questions are not those that the resolver's plan has at the settings in force.
    DepartsFromPlan,
}

impl FindingCode {
    /// The code used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SearchWaste => "search-waste",
            Self::SuffixAnswered => "suffix-answered",
            Self::Unanswered => "unanswered",
            Self::Stall => "stall",
            Self::Resent => "resent",
            Self::ServFail => "servfail",
            Self::Refused => "refused",
            Self::TruncatedToTcp => "truncated-to-tcp",
            Self::NodataStopsMusl => "nodata-stops-musl",
            Self::ServerDiffers => "server-differs",
            Self::SuffixLeak => "suffix-leak",
            Self::Malformed => "malformed",
            Self::DepartsFromPlan => "departs-from-plan",
        }
    }
}
