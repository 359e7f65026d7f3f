//! What a lookup costs under the settings a pod gets.

use crate::config::Libc;
use dnsprobe_resolv::pod::Predicted;
use dnsprobe_resolv::{Candidate, Family, Profile, Resolver, ResolverId, Settings, Situation, conf, plan};

/// Names a lookup asks and the packets they take with A and AAAA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Candidates up to the one that answers.
    pub(crate) names: usize,
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = if self.names == 1 { "" } else { "s" };
        write!(f, "{} name{plural} ({} packets with A and AAAA)", self.names, self.packets())
    }
}

impl Cost {
    /// One question for A and one for AAAA per name.
    pub(crate) fn packets(self) -> usize {
        2 * self.names
    }

    /// Names asked in vain.
    pub(crate) fn wasted(self) -> usize {
        self.names.saturating_sub(1)
    }
}

/// Dots inside a name.
pub(crate) fn dots(host: &str) -> u32 {
    u32::try_from(host.matches('.').count()).unwrap_or(u32::MAX)
}

/// What the pod's libc makes of the settings it gets; glibc's reading where the libc is unknown.
#[derive(Debug)]
pub(crate) struct Reading {
    profile: Profile,
    settings: Settings,
}

impl Reading {
    pub(crate) fn of(predicted: &Predicted, libc: Option<Libc>) -> Option<Reading> {
        let id = if libc == Some(Libc::Musl) { ResolverId::Musl } else { ResolverId::Glibc };
        let profile = Resolver::new(id).profile();
        let file = predicted.to_resolv_conf();
        let settings = conf::interpret(Some(file.as_bytes()), &Situation::default(), &profile).ok()?;
        Some(Reading { profile, settings })
    }

    /// `ndots` in force.
    pub(crate) fn ndots(&self) -> u32 {
        self.settings.ndots
    }

    /// What a name costs until `answered` is asked; `None` when it is never asked.
    pub(crate) fn until_answered(&self, host: &str, answered: &str) -> Option<Cost> {
        let plan = plan(host.as_bytes(), &self.settings, &self.profile, Family::Unspec);
        let is_it = |candidate: &Candidate| candidate.fqdn.as_str().trim_end_matches('.') == answered;
        plan.candidates.iter().position(is_it).map(|at| Cost { names: at + 1 })
    }
}
