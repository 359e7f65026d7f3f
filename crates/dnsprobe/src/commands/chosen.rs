//! The resolver that is explained, and how it came to be known.

use std::fmt::Write as _;

use dnsprobe_lookup::{ResolverFrom, ResolverSeen};
use dnsprobe_resolv::conf::Note;
use dnsprobe_resolv::resolver::{Overrides, ResolverError, go_hands_over, hosts_without_dns};
use dnsprobe_resolv::{Resolver, ResolverId, Settings, Situation};
use dnsprobe_sniffer::{Detected, Detection};

use crate::error::CommandError;
use crate::view::Detail;

/// The resolver that is explained.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    /// The model; of a version that stands for others where the version is not known.
    pub(crate) resolver: Resolver,
    /// How it came to be known.
    from: ResolverFrom,
    /// Whether the version is known, too.
    version: Version,
    /// What says so.
    evidence: String,
    /// Whether there was a program that is not recognised.
    program: Program,
    /// The libc that a Go program with cgo hands some lookups to.
    libc: Option<Box<Chosen>>,
    /// What the call puts in the place of what the file says, and the call as it was given.
    call: Option<(Overrides, String)>,
    /// Why Go does so with the lookup that is explained.
    handed_over: Option<String>,
}

/// Whether there was a program that is not recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    NotRecognised,
    RecognisedOrNone,
}

/// Whether a version is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Known,
    Unknown,
}

/// The word for whatever is found.
pub(crate) const AUTO: &str = "auto";

/// The resolver that `--resolver` names for the packets of others; `None` for `auto`.
pub(crate) fn by_the_user(word: &str) -> Result<Option<Resolver>, CommandError> {
    if word == AUTO {
        return Ok(None);
    }
    Resolver::parse(word).map(Some).map_err(unknown)
}

/// An id or version that has no model.
pub(crate) fn unknown(error: ResolverError) -> CommandError {
    CommandError::new(error).hint("`dnsprobe explain --list-resolvers` shows them with their versions")
}

impl Chosen {
    pub(crate) fn new(resolver: Resolver, from: ResolverFrom, evidence: String) -> Self {
        Self {
            resolver,
            from,
            version: Version::Known,
            evidence,
            program: Program::RecognisedOrNone,
            libc: None,
            call: None,
            handed_over: None,
        }
    }

    /// The same with another call, as in `--api`.
    pub(crate) fn with_api(self, word: &str) -> Result<Self, ResolverError> {
        let (resolver, overrides) = self.resolver.with_call(word)?;
        Ok(Self { resolver, call: Some((overrides, word.to_owned())), ..self })
    }

    /// By the user.
    pub(crate) fn given(resolver: Resolver) -> Self {
        Self::new(resolver, ResolverFrom::Given, String::new())
    }

    /// Without anything that says so.
    pub(crate) fn assumed(why: String) -> Self {
        Self::new(Resolver::new(ResolverId::Glibc), ResolverFrom::Assumed, why)
    }

    /// From the target's files.
    pub(crate) fn detected(found: Detection) -> Self {
        match found {
            Detection::Known(found) => Self::known(found),
            Detection::Unknown(why) => {
                let program = Program::NotRecognised;
                Self { program, ..Self::assumed(format!("unknown: {why}")) }
            }
        }
    }

    fn known(found: Detected) -> Self {
        let Detected { id, version, mut evidence, others } = found;
        let word = version.as_ref().map(|version| format!("{id}@{version}"));
        let exact = word.and_then(|word| Resolver::parse(&word).ok());
        let Some(resolver) = exact.or_else(|| Resolver::parse(id).ok()) else {
            return Self::assumed(format!("{evidence}, of which there is no model"));
        };
        let mut libc = None;
        for other in others {
            if resolver.id == ResolverId::Go {
                let detected = Detected {
                    id: other.id,
                    version: other.version,
                    evidence: other.evidence,
                    others: Vec::new(),
                };
                libc = Some(Box::new(Self::known(detected)));
            } else {
                let version = other.version.map(|version| format!(" {version}")).unwrap_or_default();
                // Writing to a String cannot fail.
                let _ = write!(
                    evidence,
                    "; it also has {}{version} ({}): --resolver {} shows that plan",
                    other.id, other.evidence, other.id
                );
            }
        }
        let version = if exact.is_some() { Version::Known } else { Version::Unknown };
        if version == Version::Unknown {
            let _ = write!(evidence, "; the plan is that of {} {}", resolver.id, resolver.version);
        }
        let program = Program::RecognisedOrNone;
        Self {
            resolver,
            from: ResolverFrom::Detected,
            version,
            evidence,
            program,
            libc,
            call: None,
            handed_over: None,
        }
    }

    /// The resolver that really makes the lookup of this name.
    pub(crate) fn for_name(&self, name: &str, file: Option<&[u8]>, situation: &Situation) -> Self {
        let Some(libc) = &self.libc else { return self.clone() };
        match go_hands_over(file, situation, name.as_bytes(), self.resolver.version) {
            Some(why) => {
                let evidence = format!("{}; Go hands lookups to {}: {why}", self.evidence, libc.evidence);
                Self { evidence, handed_over: Some(why), ..(**libc).clone() }
            }
            None => self.clone(),
        }
    }

    /// Changes the settings of the file as the call does.
    pub(crate) fn apply_call(&self, settings: &mut Settings) {
        if let Some((overrides, _)) = &self.call {
            overrides.apply(settings);
        }
    }

    /// What there is to say beside the file about the lookup that is explained.
    pub(crate) fn notes(&self, situation: &Situation) -> Vec<Note> {
        let id = self.resolver.id;
        let by_nsswitch =
            matches!(id, ResolverId::Glibc | ResolverId::Getent | ResolverId::Go | ResolverId::Java);
        let silent = by_nsswitch && hosts_without_dns(&situation.nsswitch);
        let over = self.handed_over.as_ref();
        let over = over.map(|why| format!("Go hands this lookup to the libc, as {why}"));
        let silent = silent.then(|| format!("nsswitch.conf has `files` alone for hosts: {id} asks nobody"));
        over.into_iter()
            .chain(silent)
            .chain(self.resolver.outside())
            .map(|what| Note { line: 0, column: 0, what })
            .collect()
    }

    /// What says so, as far as it is to be shown: always where the program was not recognised.
    pub(crate) fn evidence(&self, detail: Detail) -> &str {
        match (detail, self.program) {
            (Detail::More, _) | (Detail::Normal, Program::NotRecognised) => &self.evidence,
            _ => "",
        }
    }

    /// As it is shown. What only stands for an unknown version is none.
    pub(crate) fn seen(&self) -> ResolverSeen {
        let version = (self.version == Version::Known).then(|| self.resolver.version.to_string());
        ResolverSeen {
            id: self.resolver.id.as_str(),
            version,
            api: Some(self.call.as_ref().map_or(self.resolver.api, |(_, words)| words).to_owned()),
            from: self.from,
            // Of a pod that does not run yet there is nothing else to infer from.
            evidence: (self.from == ResolverFrom::Inferred).then_some("the images' names, or --libc"),
        }
    }
}

#[cfg(test)]
mod tests {
    use dnsprobe_resolv::conf::Nsswitch;
    use dnsprobe_sniffer::Other;

    use super::*;

    fn found(id: &'static str, version: Option<&str>, others: Vec<Other>) -> Chosen {
        let version = version.map(str::to_owned);
        Chosen::detected(Detection::Known(Detected { id, version, evidence: "x".to_owned(), others }))
    }

    fn other(id: &'static str, version: Option<&str>) -> Other {
        Other { id, version: version.map(str::to_owned), evidence: "y".to_owned() }
    }

    #[test]
    fn a_version_that_was_not_detected_is_not_shown_as_detected() {
        let seen = found("musl", None, Vec::new()).seen();
        assert_eq!((seen.id, seen.version, seen.from), ("musl", None, ResolverFrom::Detected));
        let seen = found("musl", Some("1.2.3"), Vec::new()).seen();
        assert_eq!(seen.version.as_deref(), Some("1.2.3"));
    }

    #[test]
    fn a_program_that_is_not_recognised_is_said_to_be_unknown_without_being_asked() {
        let chosen = Chosen::detected(Detection::Unknown("it is static".to_owned()));
        assert_eq!(chosen.evidence(Detail::Normal), "unknown: it is static");
        assert_eq!(chosen.seen().from, ResolverFrom::Assumed);
        assert_eq!(Chosen::assumed("no target".to_owned()).evidence(Detail::Normal), "");
    }

    #[test]
    fn c_ares_beside_the_libc_is_said() {
        let chosen = found("glibc", Some("2.36"), vec![other("c-ares", Some("1.18.1"))]);
        assert_eq!(chosen.evidence, "x; it also has c-ares 1.18.1 (y): --resolver c-ares shows that plan");
    }

    #[test]
    fn go_with_cgo_is_the_libc_where_go_says_so() {
        let chosen = found("go", Some("1.22.3"), vec![other("glibc", Some("2.36"))]);
        let plain = Situation::default();
        assert_eq!(chosen.for_name("web", None, &plain).resolver.id, ResolverId::Go);
        let set = Situation { res_options: Some("ndots:1".to_owned()), ..Situation::default() };
        let handed = chosen.for_name("web", None, &set);
        assert_eq!(handed.seen().version.as_deref(), Some("2.36"));
        assert!(handed.evidence.ends_with("RES_OPTIONS is set"), "{}", handed.evidence);
        let said = |chosen: &Chosen, situation: &Situation| -> Vec<String> {
            chosen.notes(situation).into_iter().map(|note| note.what).collect()
        };
        assert_eq!(said(&handed, &set), ["Go hands this lookup to the libc, as RES_OPTIONS is set"]);
        assert!(said(&chosen.for_name("web", None, &plain), &plain).is_empty());
        let files = Situation { nsswitch: Nsswitch::Found(b"hosts: files".to_vec()), ..Situation::default() };
        assert_eq!(said(&chosen, &files), ["nsswitch.conf has `files` alone for hosts: go asks nobody"]);
    }

    #[test]
    fn go_with_cgo_is_the_libc_where_nsswitch_says_so() {
        let chosen = found("go", Some("1.22.3"), vec![other("musl", Some("1.2.5"))]);
        let nsswitch = Nsswitch::Found(b"hosts: files resolve dns\n".to_vec());
        let handed = chosen.for_name("web", None, &Situation { nsswitch, ..Situation::default() });
        assert_eq!(handed.resolver.id, ResolverId::Musl);
    }
}
