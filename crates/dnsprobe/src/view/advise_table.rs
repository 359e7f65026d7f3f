//! Advice for people: every setting with what it saves and breaks, then what to do, ready to paste.

use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, ContentArrangement};
use dnsprobe_lookup::Nanos;
use dnsprobe_resolv::Outcome;
use dnsprobe_resolv::whatif::{Change, Origin, Risk, Setting, Unknown};

use super::advise_json::{Advised, DOT_UNSAFE, best_for_workload, by_workload};
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
    if advised.is_empty() {
        text.push_str("No DNS lookups were seen.\n");
    }
    text
}

// Writing to a String cannot fail, here and below.

fn one(text: &mut String, it: &Advised, ui: &Ui) {
    head(text, it, ui);
    let _ = writeln!(text, "\n{}", settings(it, ui));
    causes(text, it, ui);
    risks(text, it, ui);
    dots(text, it, ui);
    verdict(text, it, ui);
}

fn head(text: &mut String, it: &Advised, ui: &Ui) {
    let weighed = &it.weighed;
    let client = it.client.map(|client| client.to_string());
    let title = match (&it.title, client) {
        (Some(title), Some(client)) => format!("{} ({client})", escape(title)),
        (Some(title), None) => escape(title),
        (None, client) => client.unwrap_or_default(),
    };
    let resolvers: Vec<String> = match &weighed.resolvers[..] {
        [(only, _)] => vec![only.id.to_string()],
        several => several.iter().map(|(it, lookups)| format!("{} {lookups}", it.id)).collect(),
    };
    let line = format!(
        "{title}: {}, {} at ndots:{}, {}",
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
    table.set_header(vec!["SETTING", "QUESTIONS", "SAVED", "TIME", "P50", "P99", "RESULTS"]);
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
    let names = |count: usize, what: &str| match count {
        0 => None,
        1 => Some(format!("1 name {what}")),
        count => Some(format!("{count} names {what}")),
    };
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

/// Why settings are not safe; those of the search list with `-v`.
fn causes(text: &mut String, it: &Advised, ui: &Ui) {
    let outlook = &it.weighed.outlook;
    let more = ui.detail == Detail::More;
    let suffixes = outlook.without_suffix.iter().filter(|_| more);
    for setting in outlook.settings.iter().chain(suffixes) {
        if setting.is_safe() || setting.saved_questions <= 0 {
            continue;
        }
        let most = if more { usize::MAX } else { MOST_NAMES };
        let mut lines: Vec<String> = setting.changes.iter().take(most).map(change_words).collect();
        if setting.changes.len() > most {
            lines.push(format!("{} more changes; -v lists all", setting.changes.len() - most));
        }
        lines.extend(unknown_words(&setting.unknown, most));
        for line in lines {
            let line = format!("! {}: {line}", setting_name(setting, it));
            let _ = writeln!(text, "{}", wrapped(&line, ui, Paint::Warn));
        }
    }
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
fn unknown_words(unknown: &[Unknown], most: usize) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&Unknown>)> = Vec::new();
    for it in unknown {
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
        let line = format!(
            "`{}` saves {saves} and {} in {}",
            escape(&dot.write),
            duration(Nanos(dot.saves_ns)),
            plural(dot.lookups, "lookup")
        );
        let _ = writeln!(text, "{}", wrapped(&line, ui, Paint::Good));
    }
    if dots.len() > most {
        let _ = writeln!(text, "    {} more; -v lists all", dots.len() - most);
    }
    let _ = writeln!(text, "{}", wrapped(&format!("unsafe where {DOT_UNSAFE}"), ui, Paint::Warn));
}

fn verdict(text: &mut String, it: &Advised, ui: &Ui) {
    text.push('\n');
    let Some(best) = it.recommended() else {
        let why = if it.weighed.outlook.settings.iter().any(|it| it.saved_questions > 0) {
            "No ndots that would save questions is safe by what was seen."
        } else {
            "No ndots would save a question."
        };
        let _ = writeln!(text, "{why}");
        return;
    };
    let share = 100.0 * best.saved_questions as f64 / it.weighed.questions.max(1) as f64;
    let line = format!(
        "fix: ndots:{} saves {} of {} ({share:.0} %) and {}, and changes no result.",
        best.ndots,
        best.saved_questions,
        plural(it.weighed.questions, "question"),
        duration(Nanos(best.saved_ns)),
    );
    for line in filled(&line, ui.width) {
        let _ = writeln!(text, "{}", ui.out.paint(Paint::Good, &line));
    }
    let yaml = patch::patch(best.ndots, &it.conf);
    let workload = it.workload.as_ref();
    let _ = writeln!(text, "\n# ndots.yaml, for: {}\n{yaml}", patch::kubectl(workload));
    let _ = write!(text, "# or in kustomization.yaml\n{}", patch::kustomize(&yaml, workload));
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
