//! Notes on what is kept, but means something else than it says, or is overruled by what follows.

use super::Reader;
use crate::Profile;
use crate::conf::Situation;
use crate::conf::options::Zeros;
use crate::conf::settings::Shown;
use crate::conf::syntax::{Line, Word};
use crate::name::{Fqdn, WIRE_MAX};
use crate::profile::parse::{DomainRule, HostAliases, HostnameDomain, LocalDomain, Repeated, ResOptions};
use crate::profile::planning::{LeadingDot, RootSuffix, SearchWhen, Unencodable};
use crate::profile::schedule::{Order, Schedule, Tries};

/// What a zero for `timeout` and `attempts` means to this resolver's schedule.
pub(super) fn zeros(profile: &Profile) -> Zeros {
    match profile.schedule {
        Schedule::Paired(_) => Zeros {
            timeout: Some("waits one second all the same"),
            attempts: Some("asks nothing without an attempt"),
            unused: None,
        },
        Schedule::Flood(rules) if rules.fixed.is_none() => Zeros {
            timeout: Some("asks nothing without time"),
            attempts: Some("dies of it: it divides by the number of attempts"),
            unused: None,
        },
        Schedule::Flood(_) => Zeros::default(),
        Schedule::Each(rules) => Zeros {
            timeout: Some(match rules.order {
                Order::TwoAtOnce => "asks nothing without time",
                _ => "waits no time for an answer",
            }),
            attempts: Some("makes one attempt all the same"),
            unused: matches!(rules.tries, Tries::Fixed(_) | Tries::Lifetime)
                .then_some("does not use the number of attempts"),
        },
    }
}

impl Reader<'_> {
    /// Notes a suffix that is kept and not asked as it stands.
    pub(super) fn note_odd_suffix(&mut self, line: usize, word: Word<'_>) {
        if self.notes.is_full() {
            return;
        }
        let resolver = self.resolver;
        let shown = Shown(word.bytes);
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.*".contains(byte);
        if !word.bytes.iter().all(plain) {
            self.notes.add(line, word.column, format_args!("{resolver} takes `{shown}` for a suffix"));
        }
        if word.bytes == b"." {
            let what = match self.plan.root_suffix {
                RootSuffix::ReplacesAsIsLast | RootSuffix::AsIs => "asks the name as-is for it",
                RootSuffix::Skip => "passes over it",
                RootSuffix::Malformed => "sends a broken message for it",
                RootSuffix::EmptyLabel => self.without_message(),
                RootSuffix::EmptyLabelUnlessAlone => {
                    "asks the name as-is for it if it is alone, and fails otherwise"
                }
            };
            self.notes.add(line, word.column, format_args!("`.` is no suffix: {resolver} {what}"));
            return;
        }
        let bare = match self.plan.leading_dot {
            LeadingDot::Dropped => word.bytes.strip_prefix(b".").unwrap_or(word.bytes),
            LeadingDot::Kept => word.bytes,
        };
        if bare.len() < word.bytes.len() {
            let what = format_args!("{resolver} reads `{shown}` as `{}`", Shown(bare));
            self.notes.add(line, word.column, what);
        }
        let longest = &bare[..bare.len().min(4 * WIRE_MAX)];
        if !Fqdn::join_escaped(longest, None, self.plan.name.escapes).encodes_in(self.plan.octets_max) {
            let what = format_args!("`{shown}` fits no name: {resolver} {}", self.without_message());
            self.notes.add(line, word.column, what);
        }
    }

    /// What a suffix that cannot be used leads to.
    fn without_message(&self) -> &'static str {
        match self.plan.bad_label {
            Unencodable::Skip | Unencodable::SkipTakingTurn => "passes over it",
            Unencodable::SkipToAsIs => "passes over it and what follows",
            Unencodable::Stop => "ends the lookup there",
            Unencodable::Abort => "asks nothing at all",
        }
    }

    /// Notes a comment that begins inside a word, of a line cut to `content`.
    pub(super) fn note_glued_comment(&mut self, line: Line<'_>, content: &[u8]) {
        let glued = content.len() < line.content().len()
            && content.last().is_some_and(|byte| !self.rules.blanks.contains(byte));
        if glued {
            let what = format_args!("{} takes a comment to begin here", self.resolver);
            self.notes.add(line.number, content.len() + 1, what);
        }
    }

    /// Notes that the list of this line takes the place of the one before.
    pub(super) fn replaces_search(&mut self, line: usize, lines: Repeated) {
        let known = self.search.as_ref().is_some_and(|list| !list.is_empty());
        if known && lines == Repeated::AddUp {
            let what = format_args!("{} adds this list to that of line {}", self.resolver, self.search_at);
            self.notes.add(line, 0, what);
        } else if known && self.search_at > 0 {
            let what = format_args!("{} puts line {line} in the place of this list", self.resolver);
            self.notes.add(self.search_at, 0, what);
        }
        self.search_at = line;
    }

    /// The same for the domain of a `domain` line.
    pub(super) fn replaces_domain(&mut self, line: usize) {
        if self.domain.is_some() {
            let what = format_args!("{} puts line {line} in the place of this domain", self.resolver);
            self.notes.add(self.domain_at, 0, what);
        }
        self.domain_at = line;
    }

    /// Notes what stands beside something stronger, in the file and in the environment.
    pub(super) fn note_what_lost(&mut self, situation: &Situation) {
        let resolver = self.resolver;
        let listed = self.search.as_ref().is_some_and(|list| !list.is_empty());
        if self.domain.is_some() && listed && self.domain_at > 0 {
            let what = match self.rules.domain {
                DomainRule::BeforeSearch => "puts this domain before the search list",
                _ => "takes a `domain` only where there is no `search`",
            };
            self.notes.add(self.domain_at, 0, format_args!("{resolver} {what}"));
        }
        let used = if listed { self.search_at } else { self.domain_at };
        if self.plan.search == SearchWhen::Never && used > 0 {
            self.notes.add(used, 0, format_args!("{resolver} does not use the search list in this call"));
        }
        let own = situation.hostname.split_once('.').map(|(_, domain)| domain);
        let none = !listed && self.domain.is_none();
        let takes_own = match self.rules.hostname_domain {
            HostnameDomain::Never => false,
            HostnameDomain::WhenEmpty => none,
            HostnameDomain::WhenEmptyNotRoot => none && own.is_some_and(|own| !matches!(own, "" | ".")),
            HostnameDomain::Always => self.domain.is_none(),
        };
        let takes_own = takes_own && !self.domain_is_root;
        if let Some(own) = own.filter(|_| takes_own && self.plan.search != SearchWhen::Never) {
            let what = format_args!(
                "{resolver} searches `{}`, the domain of the host's name",
                Shown(own.as_bytes())
            );
            self.notes.add(0, 0, what);
        }
        let env = self.rules.env;
        let ignored = [
            ("LOCALDOMAIN", situation.local_domain.is_some() && env.local_domain == LocalDomain::Ignored),
            ("RES_OPTIONS", situation.res_options.is_some() && env.res_options == ResOptions::Ignored),
            ("HOSTALIASES", situation.host_aliases.is_some() && env.host_aliases == HostAliases::Ignored),
        ];
        for (name, _) in ignored.into_iter().filter(|(_, ignored)| *ignored) {
            self.notes.add(0, 0, format_args!("{resolver} ignores {name}"));
        }
    }
}
