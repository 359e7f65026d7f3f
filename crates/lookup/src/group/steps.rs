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
