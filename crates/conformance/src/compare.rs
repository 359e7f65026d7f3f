//! Whether a prediction agrees with a recording.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::predict::Prediction;
use crate::vector::{Outcome, Question, Server, Vector};

/// How far a recording binds the prediction of its questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// The whole sequence, as every run gave the same one.
    Sequence,
    /// Consecutive questions for one name as a set, as their order is a race.
    Grouped,
    /// The distinct names, as the runs differed in more than order, or the client was killed.
    Names,
}

/// What a comparison came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comparison {
    /// What was compared.
    pub by: Agreement,
    /// Whether the questions agree.
    pub questions: bool,
    /// Whether the result agrees; not compared, and true, where the runs differed in it.
    pub result: bool,
}

impl Comparison {
    /// Whether everything compared agrees.
    pub fn agrees(self) -> bool {
        self.questions && self.result
    }
}

/// Compares by what the vector's runs had in common.
pub fn compare(vector: &Vector, prediction: &Prediction) -> Comparison {
    let killed = vector.result.as_ref().is_some_and(|result| result.killed);
    let stable = vector.set_stable && vector.result_stable && !killed;
    let by = match (stable, vector.order_stable) {
        (true, true) => Agreement::Sequence,
        (true, false) => Agreement::Grouped,
        (false, _) => Agreement::Names,
    };
    let questions = match by {
        Agreement::Sequence => sequence(&prediction.observed) == sequence(&vector.observed),
        Agreement::Grouped => grouped(&prediction.observed) == grouped(&vector.observed),
        Agreement::Names => names(&prediction.observed) == names(&vector.observed),
    };
    let result = match &vector.result {
        Some(recorded) if stable => same_result(recorded, &prediction.result),
        _ => true,
    };
    Comparison { by, questions, result }
}

type Key<'a> = (Option<&'a str>, Option<&'a str>, &'a Server, &'a str);

fn key(question: &Question) -> Key<'_> {
    let proto = question.proto.as_deref().unwrap_or("udp");
    (question.qname.as_deref(), question.qtype.as_deref(), &question.server, proto)
}

fn sequence(questions: &[Question]) -> Vec<Key<'_>> {
    questions.iter().map(key).collect()
}

fn grouped(questions: &[Question]) -> Vec<Vec<Key<'_>>> {
    let mut groups: Vec<Vec<Key<'_>>> = Vec::new();
    for group in questions.chunk_by(|left, right| left.qname == right.qname) {
        let mut keys = sequence(group);
        keys.sort_unstable();
        groups.push(keys);
    }
    groups
}

fn names(questions: &[Question]) -> BTreeSet<String> {
    questions.iter().filter_map(|question| question.qname.as_deref()).map(str::to_ascii_lowercase).collect()
}

/// Equal success and addresses; errors are compared where they are codes, not words.
fn same_result(recorded: &Outcome, predicted: &Outcome) -> bool {
    // Java writes IPv6 addresses without `::`.
    let plain = |text: &String| text.parse::<IpAddr>().map_or(text.clone(), |address| address.to_string());
    let addresses = |outcome: &Outcome| outcome.addrs.iter().map(plain).collect::<BTreeSet<_>>();
    if recorded.ok != predicted.ok {
        return false;
    }
    if recorded.ok {
        return addresses(recorded) == addresses(predicted);
    }
    match recorded.err.as_deref() {
        Some(code) if code.starts_with("EAI_") => predicted.err.as_deref() == Some(code),
        _ => true,
    }
}
