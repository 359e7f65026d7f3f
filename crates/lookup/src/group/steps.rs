//! The candidates of a lookup under construction, in memory that goes from one lookup to the next.

use std::ops::{Deref, DerefMut};

use super::open::OpenStep;
use crate::attempt::Asked;
use crate::time::Timestamp;

/// The candidates of a lookup, in the order they were begun.
///
/// A candidate is large: moving it to where it stays costs as much as working with it. So those of a lookup that is over
/// stay, empty, and are begun anew.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    /// Those that are begun, and empty ones behind them.
    all: Vec<OpenStep>,
    begun: usize,
}

impl Steps {
    /// Begins another candidate with its first question.
    pub(super) fn begin(&mut self, at: Timestamp, asked: Asked) {
        if self.begun == self.all.len() {
            self.all.push(OpenStep::of(asked.name.clone()));
        }
        self.begun += 1;
        if let Some(step) = self.last_mut() {
            step.begin(at, asked);
        }
    }

    /// Adds a candidate that was begun elsewhere.
    pub(super) fn push(&mut self, step: OpenStep) {
        self.all.insert(self.begun, step);
        self.begun += 1;
    }

    /// Takes out the last candidate.
    pub(super) fn pop(&mut self) -> Option<OpenStep> {
        self.begun = self.begun.checked_sub(1)?;
        Some(self.all.remove(self.begun))
    }

    /// Empties them, for another lookup.
    pub(super) fn clear(&mut self) {
        self.iter_mut().for_each(OpenStep::clear);
        self.begun = 0;
    }

    /// How many there is room for.
    pub(super) fn room(&self) -> usize {
        self.all.capacity()
    }
}

impl Deref for Steps {
    type Target = [OpenStep];

    fn deref(&self) -> &[OpenStep] {
        &self.all[..self.begun]
    }
}

impl DerefMut for Steps {
    fn deref_mut(&mut self) -> &mut [OpenStep] {
        &mut self.all[..self.begun]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::{Attempts, Event};
    use crate::datagram::{Carrier, Datagram, Endpoint};
    use crate::message::{Kind, Message, QName};
    use dnsprobe_resolv::QType;

    /// Questions for names, one after the other.
    fn asked(names: &[&str]) -> Vec<Asked> {
        let mut found = Vec::new();
        let mut attempts = Attempts::default();
        let source = Endpoint::new([10, 244, 1, 7].into(), 40_000);
        let destination = Endpoint::new([10, 96, 0, 10].into(), 53);
        let datagram = Datagram { source, destination, carrier: Carrier::Udp, payload: &[], cut: false };
        for (id, name) in (1..).zip(names) {
            let question = Some((QName::new(name), QType::A));
            let message = Message { id, question, edns: None, authentic_data: false, kind: Kind::Query };
            attempts.advance(message, &datagram, Timestamp(0), &mut found);
        }
        let questions = found.into_iter().filter_map(|found| match found.event {
            Event::Asked(asked) => Some(asked),
            _ => None,
        });
        questions.collect()
    }

    fn names(steps: &Steps) -> Vec<&str> {
        steps.iter().map(|step| step.name.as_str()).collect()
    }

    #[test]
    fn nothing_of_the_lookup_before_is_left() {
        let mut steps = Steps::default();
        for asked in asked(&["a.", "b.", "c."]) {
            steps.begin(Timestamp(1), asked);
        }
        assert_eq!(names(&steps), ["a.", "b.", "c."]);
        steps.clear();
        assert!(steps.is_empty());
        for asked in asked(&["d.", "e."]) {
            steps.begin(Timestamp(2), asked);
        }
        assert_eq!(names(&steps), ["d.", "e."]);
        for step in steps.iter() {
            let sent = |step: &OpenStep| step.sent.iter().map(|sent| sent.at).collect::<Vec<_>>();
            assert_eq!((sent(step), step.answers.len(), step.standings().len()), (vec![Timestamp(2)], 0, 1));
        }
    }

    #[test]
    fn a_candidate_from_elsewhere_comes_last_whatever_room_there_is() {
        let mut steps = Steps::default();
        for asked in asked(&["a.", "b.", "c."]) {
            steps.begin(Timestamp(1), asked);
        }
        let last = steps.pop().unwrap();
        steps.clear();
        for asked in asked(&["d."]) {
            steps.begin(Timestamp(2), asked);
        }
        steps.push(last);
        assert_eq!(names(&steps), ["d.", "c."]);
        assert_eq!(steps.pop().map(|step| step.name), Some(QName::new("c.")));
        assert_eq!(names(&steps), ["d."]);
    }
}
