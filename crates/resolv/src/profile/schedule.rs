//! To whom a resolver sends, and when it sends again.

use super::Profile;
use crate::Settings;

/// One second in microseconds.
pub(crate) const SECOND_US: u64 = 1_000_000;

/// To whom a resolver sends, and when it sends again.
#[derive(Debug, Clone, Copy)]
pub enum Schedule {
    /// The questions of a candidate travel together, to one nameserver after another.
    Paired(PairedRules),
}

/// The schedule of glibc (`resolv/res_send.c`, `__res_context_send` and `send_dg`).
#[derive(Debug, Clone, Copy)]
pub struct PairedRules {
    /// When an empty answer counts for nothing.
    pub lame: LameRule,
    /// What the timeout of a half-answered pair leads to.
    pub fallback: Fallback,
}

/// What a half-answered pair leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// The same server is asked one by one, then from new ports.
    OneByOne,
}

/// When an empty answer counts for nothing. All: NOERROR, no answer, AA and RA clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LameRule {
    /// Never.
    Accepted,
    /// Always.
    Always,
    /// Only without any additional record, an OPT record included.
    WithoutAdditional,
}

impl Profile {
    /// After how many µs without an answer an unanswered question is sent again, counted from its transmission to the
    /// nameserver of this index.
    pub fn resend_after_us(&self, settings: &Settings, server: usize) -> u64 {
        match self.schedule {
            Schedule::Paired(_) => paired_timeout_us(settings, server),
        }
    }

    /// How often one question is sent to one nameserver at most while nobody answers.
    pub fn attempts(&self, settings: &Settings) -> u32 {
        match self.schedule {
            Schedule::Paired(_) => settings.attempts,
        }
    }

    /// Whether every question goes to all nameservers at once.
    pub fn asks_all_servers(&self) -> bool {
        match self.schedule {
            Schedule::Paired(_) => false,
        }
    }
}

/// `timeout` doubled for each server in the list, parted among them; never under a second (glibc `send_dg`).
pub(crate) fn paired_timeout_us(settings: &Settings, server: usize) -> u64 {
    let base = settings.timeout_ms.checked_shl(u32::try_from(server).unwrap_or(63)).unwrap_or(u64::MAX);
    let share = if server > 0 { base / settings.nameservers.len().max(1) as u64 } else { base };
    // The C code computes in whole seconds.
    (share / 1000).max(1) * SECOND_US
}
