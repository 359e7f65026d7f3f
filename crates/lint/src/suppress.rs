//! Silences what someone asked to be silenced, and says which requests were in vain (DP003).

use crate::config::Config;
use crate::diagnostic::{Diagnostic, Fix, Safety};
use crate::engine::is_enabled;
use crate::manifest::{self, Facts, Ignore};
use crate::rules;
use std::collections::{HashMap, HashSet};

/// A request of one text, and the codes it silenced.
struct Request<'a> {
    ignore: &'a Ignore,
    used: HashSet<&'static str>,
}

/// Takes suppressed findings out and adds a finding for every request that had no effect.
pub(crate) fn apply(facts: &[Facts], config: &Config, found: &mut Vec<Diagnostic>) {
    let mut requests: HashMap<&str, Vec<Request<'_>>> = HashMap::new();
    for facts in facts {
        let Some(path) = facts.path.as_deref() else { continue };
        let of_text = facts.ignores.iter().map(|ignore| Request { ignore, used: HashSet::new() });
        if !facts.ignores.is_empty() {
            requests.entry(path).or_default().extend(of_text);
        }
    }
    found.retain(|diagnostic| {
        let of_text = requests.get_mut(&*diagnostic.path).map_or(&mut [][..], Vec::as_mut_slice);
        let mut silent = false;
        for request in of_text.iter_mut().filter(|request| covers(request.ignore, diagnostic)) {
            request.used.insert(diagnostic.code);
            silent = true;
        }
        !silent
    });
    for facts in facts {
        let Some(path) = &facts.path else { continue };
        let in_vain = requests.remove(&**path).unwrap_or_default();
        let message = |request: &Request<'_>| -> Vec<String> {
            let unused = request.ignore.codes.iter().filter(|code| !request.used.contains(code.as_str()));
            unused.filter_map(|code| in_vain_because(code, config)).collect()
        };
        for request in &in_vain {
            for message in message(request) {
                let fix =
                    Some(Fix { text: "remove it".to_owned(), safety: Safety::Suggested, edits: Vec::new() });
                found.push(Diagnostic { fix, ..manifest::bare(path, request.ignore.span, "DP003", message) });
            }
        }
    }
}

fn covers(ignore: &Ignore, diagnostic: &Diagnostic) -> bool {
    ignore.covers.contains(&diagnostic.span.start) && ignore.codes.iter().any(|code| code == diagnostic.code)
}

/// A rule that takes no part is silent anyway: a request to ignore it may be there for another run.
fn in_vain_because(code: &str, config: &Config) -> Option<String> {
    match rules::find(code) {
        None => Some(format!("there is no rule {code:?} to ignore")),
        Some(_) if is_enabled(code, config) => {
            Some(format!("{code} reports nothing here: the request to ignore it is unused"))
        }
        Some(_) => None,
    }
}
