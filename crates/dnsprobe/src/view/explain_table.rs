//! An explanation for people: the verdict, the steps as they end, where the time went, the fix.

use std::fmt::Write as _;

use dnsprobe_lookup::{Nanos, ResolverFrom, ResolverSeen, Step};
use dnsprobe_resolv::advice::{Advice, AdviceKind};
use dnsprobe_resolv::answers::Offline;
use dnsprobe_resolv::{Outcome, Profile, Request, Settings, name, simulate};

use super::rows::{filled, steps_block, wrapped};
use super::text::{Paint, clock_time, duration, plural};
use super::{Detail, Explained, Held, Ui};

/// Widths of the columns behind the candidate: type, outcome, latency, added, total.
const COLUMNS: [usize; 5] = [7, 12, 9, 9, 9];

/// Writes explanations one after another.
pub(crate) struct ExplainTable {
    ui: Ui,
    /// What the steps so far added; `None` once one is not known.
    total: Option<Nanos>,
    first: bool,
    times: Times,
}

/// Whether the answers take a time that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    Known,
    Unknown,
}

impl ExplainTable {
    pub(crate) fn new(ui: Ui, times: Times) -> Self {
        Self { ui, total: Some(Nanos(0)), first: true, times }
    }

    /// The verdict and what it rests on; before anything is asked.
    pub(crate) fn begin(
        &mut self,
        request: &Request,
        profile: &Profile,
        settings: &Settings,
        seen: &ResolverSeen,
        evidence: &str,
        place: &str,
    ) -> String {
        let mut text = String::new();
        if !self.first {
            text.push('\n');
        }
        self.first = false;
        self.total = Some(Nanos(0));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", self.verdict(request, profile, settings, seen));
        if self.ui.detail > Detail::Less {
            for line in conf_words(settings, place) {
                let _ = writeln!(text, "{}", wrapped(&line, &self.ui, Paint::Dim));
            }
            if !evidence.is_empty() {
                let line = format!("resolver: {}", super::escape(evidence));
                let _ = writeln!(text, "{}", wrapped(&line, &self.ui, Paint::Dim));
            }
            for note in &settings.notes {
                let _ = writeln!(text, "{}", wrapped(&format!("! {note}"), &self.ui, Paint::Warn));
            }
        }
        text.push('\n');
        let _ = writeln!(
            text,
            "{}",
            self.dim(&self.line(["CANDIDATE", "TYPE", "OUTCOME", "LATENCY", "ADDED", "TOTAL"]))
        );
        text
    }

    /// One step that has ended.
    pub(crate) fn step(&mut self, step: &Step) -> String {
        self.total = self.total.zip(step.added).map(|(total, added)| total + added);
        let slowest = step.questions.iter().filter_map(|question| question.latency).max();
        let time = |time: Option<Nanos>| time.map_or_else(|| "-".to_owned(), duration);
        let line = self.line([
            &candidate_words(step),
            &types_words(step),
            &outcome_words(step),
            &time(slowest),
            &time(step.added),
            &time(self.total),
        ]);
        let paint = match step.outcome {
            Outcome::Answer => Paint::Good,
            Outcome::NxDomain | Outcome::NoData if step.suffix.is_some() => Paint::Bad,
            _ => Paint::Warn,
        };
        let mut text = self.ui.out.paint(paint, &line);
        text.push('\n');
        if self.ui.detail == Detail::More {
            for question in &step.questions {
                let latency =
                    question.latency.map_or_else(String::new, |time| format!(" {}", duration(time)));
                let line = format!(
                    "    {} {} to {} over {}, round {}: {}{latency}",
                    question.qtype,
                    question.qname,
                    question.server,
                    question.transport.as_str(),
                    question.round,
                    question.outcome,
                );
                let _ = writeln!(text, "{}", self.dim(&line));
            }
            if let Some(why) = &step.why {
                let _ = writeln!(text, "{}", self.dim(&format!("    {why}")));
            }
        }
        text
    }

    /// What came of it, and what to do.
    pub(crate) fn finished(&self, explained: &Explained<'_>) -> String {
        let palette = self.ui.out;
        let lookup = explained.lookup;
        let mut text = String::new();
        if explained.settings.is_none() {
            // The resolver refuses its file: there was no verdict before.
            let _ = writeln!(
                text,
                "{}",
                self.ui.out.paint(Paint::Bad, &format!("{}: nothing is asked.", lookup.name))
            );
        }
        if lookup.steps.len() > 1 && lookup.latency.is_some() && self.ui.detail > Detail::Less {
            let _ = writeln!(text, "\n{}", steps_block(&lookup.steps, &self.ui));
        }
        let _ = writeln!(text, "\n{}", self.result(explained));
        let totals = lookup.totals();
        if totals.wasted_questions > 0 {
            let time = totals.added_by_search.zip(lookup.latency);
            let time = time.map_or_else(String::new, |(wasted, all)| {
                format!(" and {} of {}", duration(wasted), duration(all))
            });
            let waste =
                format!("wasted: {} of {} questions{time}", totals.wasted_questions, totals.questions);
            let _ = writeln!(text, "{}", palette.paint(Paint::Bad, &waste));
        }
        for finding in
            lookup.findings.iter().filter(|it| it.code != dnsprobe_lookup::FindingCode::SearchWaste)
        {
            let line = format!("! {}: {}", finding.code.as_str(), finding.message);
            let _ = writeln!(text, "{}", wrapped(&line, &self.ui, Paint::Warn));
        }
        text.push_str(&explained.held.map(|held| self.held(held)).unwrap_or_default());
        text.push_str(&self.fixes(explained));
        text
    }

    /// What was really asked, held against the plan.
    fn held(&self, held: &Held) -> String {
        const MOST: usize = 5;
        let most = if self.ui.detail == Detail::More { usize::MAX } else { MOST };
        let mut text = String::new();
        let line = match held.lookups {
            0 => "observed: the capture has no lookup of it from beginning to end".to_owned(),
            all => format!("observed: {}, {} as planned", plural(all, "lookup"), held.as_planned),
        };
        let paint = if held.departing.is_empty() { Paint::Dim } else { Paint::Warn };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", self.ui.out.paint(paint, &line));
        for it in held.departing.iter().take(most) {
            let client = it.client.map(|client| client.to_string()).unwrap_or_default();
            let at = it.start.map(clock_time).unwrap_or_default();
            let line = format!("! {at} {client}: {}", super::escape(&it.message));
            let _ = writeln!(text, "{}", wrapped(&line, &self.ui, Paint::Warn));
        }
        if held.departing.len() > most {
            let _ = writeln!(text, "    {} more; -v lists all", held.departing.len() - most);
        }
        text
    }

    fn verdict(
        &self,
        request: &Request,
        profile: &Profile,
        settings: &Settings,
        seen: &ResolverSeen,
    ) -> String {
        let planned = simulate(profile, settings, request, &Offline);
        let all = planned.sent.len() as u64;
        let suffixed = planned.sent.iter().filter(|sent| sent.query.suffixed).count() as u64;
        let version = seen.version.as_deref().unwrap_or("");
        let how = match seen.from {
            ResolverFrom::Detected if seen.version.is_none() => " (detected, its version is not known)",
            ResolverFrom::Detected => " (detected)",
            ResolverFrom::Assumed => " (assumed; --resolver picks another)",
            ResolverFrom::Given | ResolverFrom::Inferred => "",
        };
        let typed = name::escape(&request.name);
        let space = if version.is_empty() { "" } else { " " };
        let who = format!("{}{space}{version}{how}", seen.id);
        let (text, paint) = match (all, suffixed) {
            (0, _) => (format!("`{typed}`: {who} asks nothing."), Paint::Bold),
            (all, 0) => {
                let count = plural(all, "question");
                (
                    format!("{typed}: {who} asks {count} at most, none because of the search list."),
                    Paint::Good,
                )
            }
            (all, suffixed) => {
                let count = plural(all, "question");
                let why = format!("ndots:{} and the search list", settings.ndots);
                (
                    format!("{typed}: {who} asks up to {count}, {suffixed} of them because of {why}."),
                    Paint::Bad,
                )
            }
        };
        filled(&text, self.ui.width)
            .iter()
            .map(|line| self.ui.out.paint(paint, line))
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn result(&self, explained: &Explained<'_>) -> String {
        let palette = self.ui.out;
        let lookup = explained.lookup;
        if lookup.outcome == Outcome::Answer {
            let addresses: Vec<String> = lookup.addresses.iter().map(ToString::to_string).collect();
            let after =
                lookup.latency.map_or_else(String::new, |latency| format!(" after {}", duration(latency)));
            return format!("→ {}{after}", palette.paint(Paint::Good, &addresses.join(", ")));
        }
        let why = explained.error.map_or_else(|| lookup.outcome.as_str().to_owned(), str::to_owned);
        let after =
            lookup.latency.map_or_else(String::new, |latency| format!(" after {}", duration(latency)));
        format!("→ {}{after}", palette.paint(Paint::Bad, &super::escape(&why)))
    }

    /// The safe fixes worth printing: the name to write, and the setting; for each the one that saves most.
    fn fixes(&self, explained: &Explained<'_>) -> String {
        if explained.lookup.is_hijacked() {
            let name = &explained.lookup.name;
            let line =
                format!("fix: write `{name}.` with a trailing dot: it asks for the host that is meant");
            let line = filled(&line, self.ui.width).join("\n     ");
            return format!("{}\n", self.ui.out.paint(Paint::Good, &line));
        }
        let safe = || explained.advice.iter().filter(|advice| advice.is_safe());
        let name = safe().find(|it| matches!(it.kind, AdviceKind::TrailingDot | AdviceKind::FullName(_)));
        let most =
            safe().filter(|it| matches!(it.kind, AdviceKind::Ndots(_))).map(|it| it.saves_questions).max();
        // Of the ndots that save as much, the largest changes least for other names.
        let setting = safe()
            .filter(|it| Some(it.saves_questions) == most)
            .filter_map(|it| if let AdviceKind::Ndots(ndots) = it.kind { Some((ndots, it)) } else { None })
            .max_by_key(|(ndots, _)| *ndots);
        let chosen = name.into_iter().chain(setting.map(|(_, advice)| advice));
        chosen.map(|advice| self.fix(advice, explained)).collect()
    }

    fn fix(&self, advice: &Advice, explained: &Explained<'_>) -> String {
        let palette = self.ui.out;
        let what = match &advice.kind {
            AdviceKind::TrailingDot => format!("write `{}.` with a trailing dot", explained.lookup.name),
            AdviceKind::FullName(name) => format!("write the full name `{name}`"),
            AdviceKind::Ndots(ndots) => format!("set ndots:{ndots} for the pod"),
            AdviceKind::DropSuffix(suffix) => format!("take {suffix} out of the search list"),
        };
        let questions = plural(advice.saves_questions.unsigned_abs(), "question");
        let saves = match advice.saves_us {
            Some(us) if us > 0 => format!("{questions} and {}", duration(Nanos::from_micros(us))),
            _ => questions,
        };
        let mut text = String::new();
        // Writing to a String cannot fail.
        let line = format!("fix: {what}: saves {saves}");
        let _ =
            writeln!(text, "{}", palette.paint(Paint::Good, &filled(&line, self.ui.width).join("\n     ")));
        if let Some(caution) = explained.profile.and_then(|profile| advice.kind.caution(profile)) {
            let _ = writeln!(text, "{}", wrapped(&format!("but {caution}"), &self.ui, Paint::Warn));
        }
        for line in advice.patch.iter().flat_map(|patch| patch.lines()) {
            let _ = writeln!(text, "       {}", palette.paint(Paint::Dim, line));
        }
        text
    }

    fn dim(&self, text: &str) -> String {
        self.ui.out.paint(Paint::Dim, text)
    }

    /// One line of the step table. A candidate too long for its column stands on a line of its own.
    fn line(&self, cells: [&str; 6]) -> String {
        let rest: usize = COLUMNS.iter().sum::<usize>() + 2;
        let width = self.ui.width.saturating_sub(rest).clamp(20, 64);
        let [candidate, types, outcome, times @ ..] = &cells;
        let mut line = format!("  {candidate:width$}");
        if candidate.chars().count() >= width {
            line = format!("  {candidate}\n  {:width$}", "");
        }
        let _ = write!(line, "{types:0$}{outcome:1$}", COLUMNS[0], COLUMNS[1]);
        let shown: &[&str] = if self.times == Times::Known { times } else { &[] };
        for (time, width) in shown.iter().zip(&COLUMNS[2..]) {
            let _ = write!(line, "{time:>width$}");
        }
        line.trim_end().to_owned()
    }
}

fn conf_words(settings: &Settings, place: &str) -> Vec<String> {
    let servers: Vec<String> =
        settings.nameservers.iter().map(|server| super::escape(&server.text)).collect();
    let search: Vec<String> =
        settings.search.iter().map(|suffix| super::escape(&suffix.to_string())).collect();
    let search = if search.is_empty() { "none".to_owned() } else { search.join(" ") };
    vec![
        format!("from {}", super::escape(place)),
        format!("nameserver {}", servers.join(" ")),
        format!("search {search}"),
        format!("ndots:{} timeout:{} attempts:{}", settings.ndots, settings.timeout_s(), settings.attempts),
    ]
}

/// The suffix as appended, or the name itself.
fn candidate_words(step: &Step) -> String {
    step.suffix.as_ref().map_or_else(|| step.candidate.to_string(), |suffix| format!(".{suffix}"))
}

fn types_words(step: &Step) -> String {
    let mut types: Vec<String> = Vec::new();
    for question in &step.questions {
        let word = question.qtype.to_string();
        if !types.contains(&word) {
            types.push(word);
        }
    }
    types.join("+")
}

/// The outcome, with how many transmissions it took where that was more than one each.
fn outcome_words(step: &Step) -> String {
    let mut different: Vec<_> =
        step.questions.iter().map(|question| (&question.qname, question.qtype)).collect();
    different.sort_unstable();
    different.dedup();
    let resent = step.questions.len() - different.len();
    if resent == 0 {
        step.outcome.to_string()
    } else {
        format!("{} ×{}", step.outcome, step.questions.len())
    }
}
