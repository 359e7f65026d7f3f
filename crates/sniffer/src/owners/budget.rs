//! How much may be looked at.

use std::time::{Duration, Instant};

/// Steps allowed for each second; one step is about a system call, one or two microseconds.
const EACH_SECOND: u32 = 20_000;
/// Steps saved up at most.
const MOST: u32 = 10_000;

/// Steps that are left. Time brings them back.
#[derive(Debug)]
pub(super) struct Budget {
    left: u32,
    filled: Instant,
}

impl Budget {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: MOST, filled: now }
    }

    /// Takes as many steps, or says that they are not left.
    pub(super) fn take(&mut self, steps: u32) -> bool {
        let enough = self.left >= steps;
        self.left -= if enough { steps } else { 0 };
        enough
    }

    /// Adds what time has brought.
    pub(super) fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).min(Duration::from_secs(1));
        let brought = u32::try_from(passed.as_micros() * u128::from(EACH_SECOND) / 1_000_000);
        let brought = brought.unwrap_or(EACH_SECOND);
        if brought > 0 {
            self.left = (self.left + brought).min(MOST);
            self.filled = now;
        }
    }

    /// Whether so little is left that nobody could be told.
    pub(super) fn is_spent(&self) -> bool {
        self.left < MOST / 10
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_comes_back_with_time_up_to_a_limit() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        assert!(budget.take(MOST) && !budget.take(1) && budget.is_spent());
        budget.fill(start + Duration::from_millis(100));
        assert!(budget.take(EACH_SECOND / 10) && !budget.take(1));
        budget.fill(start + Duration::from_secs(3_600));
        assert!(!budget.take(MOST + 1) && budget.take(MOST));
    }

    #[test]
    fn moments_too_short_for_a_step_add_up() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        assert!(budget.take(MOST));
        for micros in 0..=1_000 {
            budget.fill(start + Duration::from_micros(micros));
        }
        assert!(budget.take(EACH_SECOND / 1_000));
    }
}
