//! Advice for people: for each client what to do, then every setting with what it saves and breaks; at the end the patches,
//! ready to paste.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, ContentArrangement};
use dnsprobe_lookup::Nanos;
use dnsprobe_lookup::findings::doubtful_suffix;
use dnsprobe_resolv::Outcome;
use dnsprobe_resolv::whatif::{Change, Origin, Risk, Setting, Unknown};

use super::advise_json::{Advised, DOT_UNSAFE, best_for_workload, by_workload};
use super::patch::Workload;
use super::rows::{filled, wrapped};
use super::text::{Paint, duration, escape, plural};
use super::{Detail, Ui, patch, tables};

/// Names listed under one heading; `-v` lists all.
const MOST_NAMES: usize = 5;

/// Everything there is to say.
pub(crate) fn advised_table(advised: &[Advised], ui: &Ui) -> String {
    let mut text = String::new();
    for it in advised {
        if !text.is_empty() {
            text.push('\n');
        }
        one(&mut text, it, ui);
    }
    workloads(&mut text, advised, ui);
    patches(&mut text, advised, ui);
    if advised.is_empty() {
        text.push_str("No DNS lookups were seen.\n");
    }
    text
}

// Writing to a String cannot fail, here and below.

fn one(text: &mut String, it: &Advised, ui: &Ui) {
    head(text, it, ui);
    verdict(text, it, ui);
    let _ = writeln!(text, "\n{}", settings(it, ui));
    causes(text, it, ui);
    risks(text, it, ui);
    dots(text, it, ui);
}

/// The client in a word.
fn title(it: &Advised) -> String {
    let client = it.client.map(|client| client.to_string());
    match (&it.title, client) {
        (Some(title), Some(client)) => format!("{} ({client})", escape(title)),
        (Some(title), None) => escape(title),
        (None, client) => client.unwrap_or_default(),
    }
}

fn head(text: &mut String, it: &Advised, ui: &Ui) {
    let weighed = &it.weighed;
    let resolvers: Vec<String> = match &weighed.resolvers[..] {
        [(only, _)] => vec![only.id.to_string()],
        several => several.iter().map(|(it, lookups)| format!("{} {lookups}", it.id)).collect(),
    };
    let line = format!(
        "{}: {}, {} at ndots:{}, {}",
        title(it),
        plural(weighed.lookups, "lookup"),
        plural(weighed.questions, "question"),
        weighed.ndots,
        resolvers.join(", "),
    );
    for line in filled(&line, ui.width) {
        let _ = writeln!(text, "{}", ui.out.paint(Paint::Bold, &line));
    }
    let from = if it.conf.origin == Origin::File { "" } else { " (read from the traffic)" };
    let search = if weighed.search.is_empty() {
        "no search list".to_owned()
    } else {
        format!("search {}", escape(&weighed.search.join(" ")))
    };
    let _ = writeln!(text, "{}", wrapped(&format!("{search}{from}"), ui, Paint::Dim));
    let check = match weighed.self_check() {
        Some(_) => format!(
            "self-check: {:.1} %: of {} seen whole, {} asked exactly what the model asks",
            100.0 * weighed.explained as f64 / weighed.whole as f64,
            plural(weighed.whole, "lookup"),
            weighed.explained,
        ),
        None => "self-check: no lookup was seen from beginning to end".to_owned(),
    };
    let paint = if weighed.explained == weighed.whole { Paint::Dim } else { Paint::Warn };
    let _ = writeln!(text, "{}", wrapped(&check, ui, paint));
}

fn settings(it: &Advised, ui: &Ui) -> String {
    let mut table = tables::bare(ContentArrangement::Dynamic, ui);
    table.set_header(vec!["SETTING", "QUESTIONS", "SAVED", "TIME SAVED", "P50", "P99", "RESULTS"]);
    let outlook = &it.weighed.outlook;
    let tried = outlook.settings.iter().chain(&outlook.without_suffix);
    for setting in tried {
        let now = setting.dropped.is_none() && setting.ndots == it.weighed.ndots;
        let name = format!("{}{}", setting_name(setting, it), if now { " (now)" } else { "" });
        let share = 100.0 * setting.saved_questions as f64 / it.weighed.questions.max(1) as f64;
        let time = |ns: i64| if now { String::new() } else { duration(Nanos(ns)) };
        let results = results(setting);
        let paint = if setting.is_safe() { comfy_table::Color::Green } else { comfy_table::Color::Yellow };
        table.add_row(vec![
            Cell::new(name),
            Cell::new(setting.questions),
            Cell::new(if now { String::new() } else { format!("{share:.0} %") }),
            Cell::new(time(setting.saved_ns)),
            Cell::new(time(setting.saved_p50_ns)),
            Cell::new(time(setting.saved_p99_ns)),
            Cell::new(if now { "as they are".to_owned() } else { results }).fg(paint),
        ]);
    }
    for index in 1..6 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

fn results(setting: &Setting) -> String {
    let names = |count: usize, what: &str| (count > 0).then(|| format!("{count} {what}"));
    let parts = [names(setting.changes.len(), "changed"), names(setting.unknown.len(), "unknown")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "safe".to_owned() } else { parts.join(", ") }
}

/// A setting in a word; suffixes are told by their place in the list, which is shown above.
fn setting_name(setting: &Setting, it: &Advised) -> String {
    let place = |suffix: &String| it.weighed.search.iter().position(|it| it == suffix).map_or(0, |at| at + 1);
    match &setting.dropped {
        Some(suffix) => format!("without suffix {}", place(suffix)),
        None => format!("ndots:{}", setting.ndots),
    }
}

/// Why settings are not safe, the nearest first; what was told of one is not told again of the next. Those of the search
/// list with `-v`.
fn causes(text: &mut String, it: &Advised, ui: &Ui) {
    let outlook = &it.weighed.outlook;
    let more = ui.detail == Detail::More;
    // What costs more is of no interest, safe or not.
    let refused = |setting: &&Setting| !setting.is_safe() && (more || setting.saved_questions >= 0);
    let most = if more { usize::MAX } else { MOST_NAMES };
    let mut told: BTreeSet<String> = BTreeSet::new();
    let mut tried: Vec<&Setting> = outlook.settings.iter().filter(refused).collect();
    tried.sort_by_key(|setting| setting.ndots.abs_diff(it.weighed.ndots));
    for setting in tried {
        let is_new = |line: &String| !told.contains(line);
        let changes: Vec<&Change> =
            setting.changes.iter().filter(|change| is_new(&change_words(change))).collect();
        let unknown: Vec<&Unknown> = setting.unknown.iter().filter(|it| is_new(&unknown_key(it))).collect();
        let known = setting.changes.len() + setting.unknown.len() - changes.len() - unknown.len();
        let beside = match known {
            0 => String::new(),
            1 => " the same name, and".to_owned(),
            all => format!(" the same {all} names, and"),
        };
        for line in cause_lines(&changes, &unknown, most) {
            let line = format!("! {}:{beside} {line}", setting_name(setting, it));
            let _ = writeln!(text, "{}", wrapped(&line, ui, Paint::Warn));
        }
        told.extend(changes.into_iter().map(change_words));
        told.extend(unknown.into_iter().map(unknown_key));
    }
    for setting in outlook.without_suffix.iter().filter(|_| more).filter(refused) {
        let (changes, unknown): (Vec<_>, Vec<_>) =
            (setting.changes.iter().collect(), setting.unknown.iter().collect());
        for line in cause_lines(&changes, &unknown, most) {
            let line = format!("! {}: {line}", setting_name(setting, it));
            let _ = writeln!(text, "{}", wrapped(&line, ui, Paint::Warn));
        }
    }
}

fn cause_lines(changes: &[&Change], unknown: &[&Unknown], most: usize) -> Vec<String> {
    let mut lines: Vec<String> = changes.iter().copied().take(most).map(change_words).collect();
    if changes.len() > most {
        lines.push(format!("{} more changes; -v lists all", changes.len() - most));
    }
    lines.extend(unknown_words(unknown, most));
    lines
}

fn unknown_key(unknown: &Unknown) -> String {
    format!("{} {}", unknown_name(unknown), unknown_reason(unknown))
}

fn change_words(change: &Change) -> String {
    format!(
        "`{}` ({}) would be {} instead of {}: {}",
        escape(&change.name),
        plural(change.lookups, "lookup"),
        change.to,
        change.from,
        escape(&change.why),
    )
}

/// What is not known, the names together that have the same reason.
fn unknown_words(unknown: &[&Unknown], most: usize) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&Unknown>)> = Vec::new();
    for it in unknown.iter().copied() {
        let reason = unknown_reason(it);
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, names)) => names.push(it),
            None => reasons.push((reason, vec![it])),
        }
    }
    let line = |(reason, names): (&str, Vec<&Unknown>)| {
        let shown: Vec<String> = names.iter().take(most).map(|it| unknown_name(it)).collect();
        let rest = names.len() - shown.len();
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        format!("{} {reason}: {}{rest}", plural(names.len() as u64, "name"), shown.join(", "))
    };
    reasons.into_iter().map(line).collect()
}

fn unknown_reason(unknown: &Unknown) -> &'static str {
    match (unknown.asks.is_empty(), unknown.if_nxdomain) {
        (true, _) => "cannot be told from what was seen",
        (false, Some(Outcome::Answer)) => {
            "would ask what nobody was seen to ask; found as now only if that does not exist"
        }
        (false, _) => "would ask what nobody was seen to ask, and would NOT be found if that does not exist",
    }
}

fn unknown_name(unknown: &Unknown) -> String {
    match &unknown.name {
        Some(name) => format!("`{}` ({})", escape(name), plural(unknown.lookups, "lookup")),
        None => plural(unknown.lookups, "lookup"),
    }
}

/// What each `ndots` would break, by resolver.
fn risks(text: &mut String, it: &Advised, ui: &Ui) {
    let risks = &it.weighed.outlook.risks;
    if risks.iter().all(|risk| risk.breaks.is_empty()) {
        return;
    }
    let mut table = tables::bare(ContentArrangement::Dynamic, ui);
    table.set_header(vec!["NOT FOUND ANY MORE, IF ASKED BY", "NDOTS:1", "2", "3", "4", "5"]);
    let mut ids: Vec<_> = risks.iter().map(|risk| risk.resolver).collect();
    ids.dedup();
    for id in &ids {
        let of = risks.iter().filter(|risk| risk.resolver == *id);
        let cell =
            |risk: &Risk| if risk.breaks.is_empty() { "-".to_owned() } else { risk.breaks.len().to_string() };
        let cells = of.map(|risk| {
            let cell = Cell::new(cell(risk));
            if risk.breaks.is_empty() { cell } else { cell.fg(comfy_table::Color::Red) }
        });
        table.add_row(std::iter::once(Cell::new(id)).chain(cells).collect::<Vec<_>>());
    }
    for index in 1..6 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let _ = writeln!(text, "\n{}", table.trim_fmt());
    let worst = risks
        .iter()
        .filter(|risk| !risk.breaks.is_empty() && risk.ndots < it.weighed.ndots)
        .max_by_key(|risk| risk.ndots);
    if let Some(worst) = worst {
        let names: Vec<String> = worst.breaks.iter().take(3).map(|it| format!("`{}`", escape(it))).collect();
        let line = format!(
            "{} at ndots:{}: {} asked as-is only; it stops where glibc goes on with the list",
            worst.resolver,
            worst.ndots,
            names.join(", ")
        );
        let _ = writeln!(text, "{}", wrapped(&line, ui, Paint::Dim));
    }
}

fn dots(text: &mut String, it: &Advised, ui: &Ui) {
    let dots = &it.weighed.outlook.dots;
    if dots.is_empty() {
        return;
    }
    let most = if ui.detail == Detail::More { usize::MAX } else { MOST_NAMES };
    let _ = writeln!(text, "\nor write these names in full, with the trailing dot:");
    for dot in dots.iter().take(most) {
        let saves = plural(dot.saves_questions.unsigned_abs(), "question");
        let doubtful = doubtful_suffix(&dot.name, &dot.write, &it.weighed.search);
        let caution = doubtful.as_ref().map_or_else(String::new, |suffix| {
            format!(", if the host is meant that {} answered for", escape(suffix))
        });
        let line = format!(
            "`{}` saves {saves} and {} in {}{caution}",
            escape(&dot.write),
            duration(Nanos(dot.saves_ns)),
            plural(dot.lookups, "lookup")
        );
        let paint = if doubtful.is_some() { Paint::Warn } else { Paint::Good };
        let _ = writeln!(text, "{}", wrapped(&line, ui, paint));
    }
    if dots.len() > most {
        let _ = writeln!(text, "    {} more; -v lists all", dots.len() - most);
    }
    let _ = writeln!(text, "{}", wrapped(&format!("unsafe where {DOT_UNSAFE}"), ui, Paint::Warn));
}

/// What to do, in a line or two.
fn verdict(text: &mut String, it: &Advised, ui: &Ui) {
    let questions = it.weighed.questions;
    let share = |saved: i64| 100.0 * saved as f64 / questions.max(1) as f64;
    let (line, paint) = match it.recommended() {
        Some(best) => {
            let line = format!(
                "fix: ndots:{} saves {} of {} ({:.0} %) and {}, and changes no result.",
                best.ndots,
                best.saved_questions,
                plural(questions, "question"),
                share(best.saved_questions),
                duration(Nanos(best.saved_ns)),
            );
            (line, Paint::Good)
        }
        None if it.weighed.outlook.settings.iter().any(|it| it.saved_questions > 0) => {
            ("No ndots that would save questions is safe by what was seen.".to_owned(), Paint::Warn)
        }
        None if it.weighed.outlook.settings.iter().any(|it| !it.unknown.is_empty()) => {
            ("No ndots is known to save a question: what decides was never seen.".to_owned(), Paint::Warn)
        }
        None => ("No ndots would save a question.".to_owned(), Paint::Dim),
    };
    for line in filled(&line, ui.width) {
        let _ = writeln!(text, "{}", ui.out.paint(paint, &line));
    }
    let least = it.recommended().map_or(0, |best| best.saved_questions);
    let bold = it.weighed.outlook.settings.iter().filter(|it| !it.is_safe() && it.saved_questions > least);
    if let Some(bold) = bold.max_by_key(|it| (it.saved_questions, it.ndots)) {
        let line = format!(
            "ndots:{} would save {} ({:.0} %): {}, see below",
            bold.ndots,
            bold.saved_questions,
            share(bold.saved_questions),
            results(bold),
        );
        let _ = writeln!(text, "{}", wrapped(&line, ui, Paint::Warn));
    }
}

/// The patches, each once with those it is for: workloads where there are any, else clients.
fn patches(text: &mut String, advised: &[Advised], ui: &Ui) {
    let workloads = by_workload(advised);
    let mut patches: Vec<(Option<&Workload>, String, Vec<String>)> = Vec::new();
    for it in advised {
        let ndots = match &it.workload {
            Some(workload) => best_for_workload(&workloads[workload]).map(|(ndots, _)| ndots),
            None => it.weighed.outlook.recommended,
        };
        let Some(ndots) = ndots else { continue };
        let (workload, yaml) = (it.workload.as_ref(), patch::patch(ndots, &it.conf, it.workload.as_ref()));
        match patches.iter_mut().find(|(known, text, _)| (*known, text.as_str()) == (workload, &yaml)) {
            Some((.., clients)) => clients.push(title(it)),
            None => patches.push((workload, yaml, vec![title(it)])),
        }
    }
    for (workload, yaml, clients) in patches {
        let _ = writeln!(text, "\n# ndots.yaml, for: {}", patch::kubectl(workload));
        if advised.len() > 1 {
            for line in filled(&clients.join(", "), ui.width.saturating_sub(2)) {
                let _ = writeln!(text, "# {line}");
            }
        }
        let _ = write!(text, "{yaml}\n# or in kustomization.yaml\n{}", patch::kustomize(&yaml, workload));
    }
}

fn workloads(text: &mut String, advised: &[Advised], ui: &Ui) {
    for (workload, pods) in by_workload(advised) {
        if pods.len() < 2 {
            continue;
        }
        let what = format!("{} ({} pods)", escape(&workload.title()), pods.len());
        let line = match best_for_workload(&pods) {
            Some((ndots, saved)) => {
                format!("{what}: ndots:{ndots} is safe for all of them and saves {saved} questions")
            }
            None => format!("{what}: no ndots is safe for all of them and saves questions"),
        };
        for line in filled(&line, ui.width) {
            let _ = writeln!(text, "\n{}", ui.out.paint(Paint::Bold, &line));
        }
    }
}
