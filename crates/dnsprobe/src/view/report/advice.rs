//! The advice of the report: every setting as a bar, what it would break, the patch.

use std::fmt::Write as _;

use dnsprobe_lookup::Nanos;
use dnsprobe_lookup::findings::doubtful_suffix;
use dnsprobe_resolv::whatif::{Setting, Stands};

use super::super::advise_json::{Advised, DOT_UNSAFE, best_for_workload, by_workload};
use super::super::patch;
use super::super::text::{duration, plural};
use super::html::{percent, text, thousands};

/// Clients shown; those with the most lookups.
const MOST_CLIENTS: usize = 12;
/// Names under one heading.
const MOST_NAMES: usize = 8;

/// The whole section.
pub(super) fn section(advised: &[Advised]) -> String {
    let mut html = String::new();
    for (workload, pods) in by_workload(advised) {
        if pods.len() < 2 {
            continue;
        }
        let what = match best_for_workload(&pods) {
            Some((ndots, saved)) => format!("ndots:{ndots} is safe for all and saves {saved} questions"),
            None => "no ndots is safe for all and saves questions".to_owned(),
        };
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            html,
            "<div class=\"panel\"><h3>{}, {} pods</h3>{what}</div>",
            text(&workload.title()),
            pods.len()
        );
    }
    for it in advised.iter().take(MOST_CLIENTS) {
        html.push_str(&client(it));
    }
    if advised.len() > MOST_CLIENTS {
        let more = plural((advised.len() - MOST_CLIENTS) as u64, "more client");
        let _ = writeln!(html, "<p class=\"note\">{more}; dnsprobe advise -o json has them all</p>");
    }
    html
}

fn client(it: &Advised) -> String {
    let weighed = &it.weighed;
    let client = it.client.map(|client| client.to_string()).unwrap_or_default();
    let title = it.title.as_ref().map_or_else(|| client.clone(), |title| format!("{title} ({client})"));
    let resolvers: Vec<&str> = weighed.resolvers.iter().map(|(resolver, _)| resolver.id.as_str()).collect();
    let check = weighed.self_check().map_or_else(String::new, |check| {
        let class = if check < 1.0 { "warn" } else { "good" };
        format!(" <span class=\"badge {class}\">self-check {:.1} %</span>", check * 100.0)
    });
    let mut html = format!(
        "<div class=\"panel\"><h3>{}{check}</h3><p class=\"meta\">{}; {}; {}</p>",
        text(&title),
        text(&resolvers.join(", ")),
        plural(weighed.lookups, "lookup"),
        if weighed.search.is_empty() {
            "no search list".to_owned()
        } else {
            format!("search {}", text(&weighed.search.join(" ")))
        },
    );
    let most = weighed.outlook.settings.iter().map(|it| it.questions).max().unwrap_or(1);
    for setting in &weighed.outlook.settings {
        html.push_str(&bar(setting, it, most.max(weighed.questions)));
    }
    html.push_str(&verdict(it));
    html.push_str(&risks(it));
    html.push_str(&dots(it));
    html.push_str("</div>\n");
    html
}

fn bar(setting: &Setting, it: &Advised, most: u64) -> String {
    let best = it.weighed.outlook.recommended == Some(setting.ndots);
    let now = setting.stands == Stands::InForce;
    let class = match (best, setting.is_safe()) {
        (true, _) => " best",
        (false, true) => "",
        (false, false) => " unsafe",
    };
    let badge = match (now, best, setting.is_safe()) {
        (true, ..) => "<span class=\"badge\">now</span>".to_owned(),
        (_, true, _) => "<span class=\"badge good\">advised</span>".to_owned(),
        (_, _, true) => "<span class=\"badge good\">safe</span>".to_owned(),
        _ => format!("<span class=\"badge warn\">{}</span>", not_safe(setting)),
    };
    let saved = if now {
        String::new()
    } else {
        format!(
            " <small>saves {} and {}</small>",
            setting.saved_questions,
            text(&duration(Nanos(setting.saved_ns)))
        )
    };
    format!(
        "<div class=\"row{class}\"><span class=\"name\">ndots:{} {badge}</span><span class=\"num\">{} questions{saved}\
         </span><span class=\"stack\"><i style=\"width:{}\"></i></span></div>",
        setting.ndots,
        thousands(setting.questions),
        percent(setting.questions as f64, most as f64),
    )
}

fn not_safe(setting: &Setting) -> String {
    let mut parts = Vec::new();
    if !setting.changes.is_empty() {
        parts.push(format!("{} changed", setting.changes.len()));
    }
    if !setting.unknown.is_empty() {
        parts.push(format!("{} unknown", setting.unknown.len()));
    }
    parts.join(", ")
}

fn verdict(it: &Advised) -> String {
    let mut html = String::new();
    match it.recommended() {
        Some(best) => {
            let yaml = patch::patch(best.ndots, &it.conf, it.workload.as_ref());
            let _ = write!(
                html,
                "<p><b>Set ndots:{}.</b> It saves {} of {} and {} and changes no result.</p><pre class=\"command\">{}</pre>\
                 <pre># ndots.yaml\n{}</pre><details><summary>as a patch of kustomization.yaml</summary><pre>{}</pre></details>",
                best.ndots,
                best.saved_questions,
                plural(it.weighed.questions, "question"),
                text(&duration(Nanos(best.saved_ns))),
                text(&patch::kubectl(it.workload.as_ref())),
                text(&yaml),
                text(&patch::kustomize(&yaml, it.workload.as_ref())),
            );
        }
        None => html.push_str("<p>No other ndots is known to be both safe and cheaper by what was seen.</p>"),
    }
    let refused: String = it
        .weighed
        .outlook
        .settings
        .iter()
        .filter(|setting| !setting.is_safe() && setting.saved_questions >= 0)
        .map(refusal)
        .collect();
    if !refused.is_empty() {
        let _ = write!(html, "<details><summary>why not lower</summary><ul>{refused}</ul></details>");
    }
    html
}

fn refusal(setting: &Setting) -> String {
    let mut html = String::new();
    for change in setting.changes.iter().take(MOST_NAMES) {
        let _ = write!(
            html,
            "<li>ndots:{}: <code>{}</code> would be {} instead of {}: {}</li>",
            setting.ndots,
            text(&change.name),
            change.to,
            change.from,
            text(&change.why)
        );
    }
    let names: Vec<String> = setting
        .unknown
        .iter()
        .filter_map(|it| it.name.as_ref())
        .take(MOST_NAMES)
        .map(|name| format!("<code>{}</code>", text(name)))
        .collect();
    if !names.is_empty() {
        let rest = setting.unknown.len() - names.len();
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        let _ = write!(
            html,
            "<li>ndots:{}: what would be answered was never seen for {}{rest}</li>",
            setting.ndots,
            names.join(", ")
        );
    }
    html
}

/// What each ndots would break, by resolver.
fn risks(it: &Advised) -> String {
    let risks = &it.weighed.outlook.risks;
    if risks.iter().all(|risk| risk.breaks.is_empty()) {
        return String::new();
    }
    let mut ids: Vec<_> = risks.iter().map(|risk| risk.resolver).collect();
    ids.dedup();
    let mut rows = String::new();
    for id in ids {
        let _ = write!(rows, "<tr><td>{id}</td>");
        for risk in risks.iter().filter(|risk| risk.resolver == id) {
            let _ = match risk.breaks.len() {
                0 => write!(rows, "<td>-</td>"),
                names => write!(rows, "<td class=\"bad\">{names}</td>"),
            };
        }
        rows.push_str("</tr>");
    }
    format!(
        "<details><summary>the risk by resolver: names not found any more</summary><table><tr><th>if asked by</th>\
         <th>ndots:1</th><th>2</th><th>3</th><th>4</th><th>5</th></tr>{rows}</table><p class=\"meta\">musl asks a name \
         with that many dots as it stands and stops there, where glibc and Go go on with the search list.</p></details>"
    )
}

fn dots(it: &Advised) -> String {
    let dots = &it.weighed.outlook.dots;
    if dots.is_empty() {
        return String::new();
    }
    let mut items = String::new();
    for dot in dots.iter().take(MOST_NAMES) {
        let _ = write!(
            items,
            "<li><code>{}</code> saves {} and {} in {}{}</li>",
            text(&dot.write),
            plural(dot.saves_questions.unsigned_abs(), "question"),
            text(&duration(Nanos(dot.saves_ns))),
            plural(dot.lookups, "lookup"),
            doubtful_suffix(&dot.name, &dot.write, &it.weighed.search).map_or_else(String::new, |suffix| {
                format!(", if the host is meant that {} answered for", text(&suffix))
            }),
        );
    }
    format!(
        "<details><summary>or write names in full, with the trailing dot</summary><ul>{items}</ul><p class=\"meta\">Unsafe \
         where {}.</p></details>",
        text(DOT_UNSAFE)
    )
}
