//! What a lookup costs under the settings a pod gets.

use crate::config::Libc;
use dnsprobe_resolv::pod::Predicted;

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

/// `ndots` as the libc reads it from what the kubelet writes; glibc's where the libc is unknown.
pub(crate) fn effective_ndots(predicted: &Predicted, libc: Option<Libc>) -> u32 {
    let _ = libc;
    let value = predicted.options.iter().rev().find_map(|option| option.strip_prefix("ndots:"));
    value.and_then(|value| value.parse().ok()).unwrap_or(1u32).min(15)
}

/// What a name costs until `answered` is asked; `None` when it is never asked.
pub(crate) fn until_answered(
    host: &str,
    answered: &str,
    predicted: &Predicted,
    libc: Option<Libc>,
) -> Option<Cost> {
    let searched = predicted.searches.iter().map(|suffix| format!("{host}.{}", suffix.trim_end_matches('.')));
    let enough = dots(host) >= effective_ndots(predicted, libc);
    let mut candidates: Vec<String> = searched.collect();
    candidates.insert(if enough { 0 } else { candidates.len() }, host.to_owned());
    candidates.iter().position(|candidate| candidate == answered).map(|at| Cost { names: at + 1 })
}
