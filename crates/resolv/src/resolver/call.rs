//! A call as `--api` names it: one of the words of the table, and for dig the options that change what is searched.

use super::{Resolver, ResolverError, ResolverId};
use crate::conf::{Settings, Suffix};

/// dig takes no more dots (`bin/dig/dig.c`, `MAXNDOTS`).
const NDOTS_MAX: u32 = 65_535;

/// What a call puts in the place of what `resolv.conf` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    ndots: Option<u32>,
    domain: Option<Suffix>,
}

impl Overrides {
    /// Changes the settings as the call does.
    pub fn apply(&self, settings: &mut Settings) {
        if let Some(ndots) = self.ndots {
            settings.ndots = ndots;
        }
        if let Some(domain) = &self.domain {
            settings.search = vec![domain.clone()];
        }
    }
}

impl Resolver {
    /// The same resolver with another call, as in `--api`; dig's may have `+search`, `+nosearch`, `+ndots=N` and
    /// `+domain=NAME` in any order (BIND 9.18 `bin/dig/dig.c`, `plus_option`).
    pub fn with_call(self, words: &str) -> Result<(Self, Overrides), ResolverError> {
        let mut parts = words.split_whitespace();
        if self.id != ResolverId::BindDig || parts.next() != Some("dig") {
            return Ok((self.with_api(words)?, Overrides::default()));
        }
        let mut overrides = Overrides::default();
        let mut api = "dig";
        for part in parts {
            let bad = |what| ResolverError::BadDigOption { word: part.to_owned(), what };
            match part.split_once('=') {
                None if matches!(part, "+search" | "+defname") => api = "dig +search",
                None if matches!(part, "+nosearch" | "+nodefname") => api = "dig",
                Some(("+ndots", number)) => {
                    let number = number.parse().ok().filter(|ndots| *ndots <= NDOTS_MAX);
                    overrides.ndots =
                        Some(number.ok_or_else(|| bad("a number up to 65535 belongs behind it"))?);
                }
                Some(("+domain", name)) if !name.is_empty() => overrides.domain = Some(Suffix::new(name)),
                _ => return Err(bad("known are +search, +nosearch, +ndots=N and +domain=NAME")),
            }
        }
        // dighost.c, setup_system: a domain is searched whatever else is said.
        let api = if overrides.domain.is_some() { "dig +search" } else { api };
        Ok((Self { api, ..self }, overrides))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &str) -> Result<(&'static str, Overrides), String> {
        let dig = Resolver::new(ResolverId::BindDig);
        dig.with_call(words).map(|(dig, overrides)| (dig.api, overrides)).map_err(|error| error.to_string())
    }

    #[test]
    fn dig_takes_options_of_its_search() {
        assert_eq!(of("dig"), Ok(("dig", Overrides::default())));
        assert_eq!(of("dig +search +nosearch"), Ok(("dig", Overrides::default())));
        let ndots = Overrides { ndots: Some(3), domain: None };
        assert_eq!(of("dig +ndots=3"), Ok(("dig", ndots.clone())));
        assert_eq!(of("dig  +ndots=1 +search +ndots=3"), Ok(("dig +search", ndots)));
        let domain = Overrides { ndots: None, domain: Some(Suffix::new("x.test")) };
        assert_eq!(of("dig +domain=x.test +nosearch"), Ok(("dig +search", domain)));
    }

    #[test]
    fn what_dig_does_not_take_is_said() {
        for (words, expected) in [
            ("dig +ndots=65536", "`+ndots=65536`: a number up to 65535 belongs behind it"),
            ("dig +ndots", "`+ndots`: known are +search, +nosearch, +ndots=N and +domain=NAME"),
            ("dig +domain=", "`+domain=`: known are +search, +nosearch, +ndots=N and +domain=NAME"),
            ("axfr", "bind-dig has no call `axfr`; known are `dig +search`, `dig`"),
        ] {
            assert_eq!(of(words), Err(expected.to_owned()));
        }
        let glibc = Resolver::new(ResolverId::Glibc);
        assert!(glibc.with_call("dig +search").is_err());
    }

    #[test]
    fn settings_are_changed_as_the_call_says() {
        let settings = |words: &str| {
            let (dig, overrides) = Resolver::new(ResolverId::BindDig).with_call(words).unwrap();
            let file = b"nameserver 192.0.2.1\nsearch a.test b.test\noptions ndots:5\n";
            let mut settings =
                crate::conf::interpret(Some(file), &crate::Situation::default(), &dig.profile()).unwrap();
            overrides.apply(&mut settings);
            (settings.ndots, settings.search.len())
        };
        assert_eq!(settings("dig +search"), (5, 2));
        assert_eq!(settings("dig +search +ndots=0"), (0, 2));
        assert_eq!(settings("dig +domain=c.test"), (5, 1));
    }
}
