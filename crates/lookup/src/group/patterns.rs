//! The candidates of typed names. What stands behind a name is planned once for all names that have nothing odd about them
//! and as many dots: planning each name of a flood that repeats none would cost more than all the rest.

use std::cell::OnceCell;
use std::rc::Rc;

use dnsprobe_resolv::profile::planning::SpecialName;
use dnsprobe_resolv::{Family, Phase, Profile, Settings, name, plan};
use smallvec::SmallVec;

use crate::map::Map;
use crate::message::QName;

/// A label that no rule is about.
const LABEL: &str = "n";
/// Longer candidates may be too long for some resolver.
const LONG: usize = 200;
/// RFC 1035 section 2.3.4.
const LONGEST_LABEL: usize = 63;

/// A name that an application may have typed, with the candidates that follow from it.
#[derive(Debug)]
pub(crate) struct TypedName {
    /// As typed, in presentation form; with a trailing dot where that is part of it.
    pub(crate) name: Rc<str>,
    /// The candidates in the order of the walk.
    pub(crate) walk: Walk,
    /// Where in the walk the question stands that this was looked up for.
    pub(crate) entry: usize,
    /// How much of `name` its candidates begin with.
    stem: usize,
    /// Of the candidates' names.
    fingerprints: SmallVec<[u64; 4]>,
    /// The candidates' names as they were asked for: the same ones come again.
    asked: SmallVec<[OnceCell<QName>; 4]>,
}

/// Candidates without what they begin with.
type Walk = Rc<[Place]>;

/// One candidate without what it begins with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// What stands behind the name, in presentation form and lower case.
    behind: Box<str>,
    pub(crate) suffix: Option<Rc<str>>,
    phase: Phase,
}

impl TypedName {
    /// An absolute name with nothing after it.
    pub(crate) fn absolute(name: &QName) -> Self {
        let place = Place { behind: name.folded().into(), suffix: None, phase: Phase::AsIsLast };
        Self::new(name.as_str().trim_end_matches('.'), 0, &Rc::from([place]), 0)
    }

    fn new(name: &str, stem: usize, walk: &Walk, entry: usize) -> Self {
        let mut text = name[..stem].to_ascii_lowercase();
        let fingerprint = |place: &Place| {
            text.truncate(stem);
            text.push_str(&place.behind);
            QName::fingerprint_of(&text)
        };
        let fingerprints = walk.iter().map(fingerprint).collect();
        let asked = walk.iter().map(|_| OnceCell::new()).collect();
        Self { name: name.into(), walk: Rc::clone(walk), entry, stem, fingerprints, asked }
    }

    /// Whether the candidate at an index has this name, if the walk is that long.
    pub(crate) fn is_at(&self, index: usize, name: &QName) -> bool {
        if self.fingerprints.get(index) != Some(&name.fingerprint()) {
            return false;
        }
        let asked = &self.asked[index];
        if let Some(known) = asked.get() {
            return known == name;
        }
        // Names of one fingerprint are hardly ever different.
        let is_at = self.is(&self.walk[index], name);
        if is_at {
            asked.get_or_init(|| name.clone());
        }
        is_at
    }

    /// The first candidate that has this name.
    pub(crate) fn place_of(&self, name: &QName) -> Option<&Place> {
        (0..self.walk.len()).find(|index| self.is_at(*index, name)).map(|index| &self.walk[index])
    }

    /// Whether there is nothing more to try after a position.
    pub(crate) fn is_exhausted(&self, position: u16) -> bool {
        usize::from(position) + 1 >= self.walk.len()
    }

    /// Those of all candidates' names.
    pub(crate) fn fingerprints(&self) -> &[u64] {
        &self.fingerprints
    }

    /// Bytes that it takes, about, with a walk of its own.
    pub(crate) fn weight(&self) -> usize {
        let place = |it: &Place| if self.stem > 0 { 0 } else { size_of::<Place>() + it.behind.len() + 64 };
        let walk: usize = self.walk.iter().map(place).sum();
        size_of::<Self>() + self.name.len() + 64 + self.fingerprints.len() * 2 * size_of::<u64>() + walk
    }

    fn is(&self, place: &Place, name: &QName) -> bool {
        let stem = &self.name.as_bytes()[..self.stem];
        let (begin, behind) = name.folded().as_bytes().split_at_checked(self.stem).unwrap_or_default();
        begin.eq_ignore_ascii_case(stem) && behind == place.behind.as_bytes()
    }
}

/// The walks of one `resolv.conf`.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    known: Map<Form, Vec<Walk>>,
}

/// What decides how a name is walked that has nothing odd about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Form {
    dots: usize,
    absolute: bool,
}

impl Patterns {
    /// The walks of a typed name that hold this question, each once: most resolvers walk alike.
    pub(super) fn walks(
        &mut self,
        typed: &str,
        qname: &QName,
        resolvers: &[(Profile, Settings)],
    ) -> Vec<TypedName> {
        let bare = typed.strip_suffix('.').unwrap_or(typed);
        let usual = |(profile, settings): &(Profile, Settings)| is_usual(bare, profile, settings);
        if !is_plain(bare) || !resolvers.iter().all(usual) {
            return holding(qname, typed, 0, &planned(typed, 0, resolvers));
        }
        let form = Form::of(typed, bare, resolvers);
        let walks = self.known.entry(form).or_insert_with(|| form.walks(resolvers));
        holding(qname, typed, bare.len(), walks)
    }
}

/// Those of a name's walks that hold a question.
fn holding(qname: &QName, typed: &str, stem: usize, walks: &[Walk]) -> Vec<TypedName> {
    let Some((begin, behind)) = qname.folded().split_at_checked(stem) else { return Vec::new() };
    if !begin.eq_ignore_ascii_case(&typed[..stem]) {
        return Vec::new();
    }
    let holding = |walk: &Walk| {
        let entry = walk.iter().position(|place| *place.behind == *behind)?;
        Some(TypedName::new(typed, stem, walk, entry))
    };
    walks.iter().filter_map(holding).collect()
}

/// The walks of a name, each once, of whose candidates so much is left away as they begin with.
fn planned(typed: &str, stem: usize, resolvers: &[(Profile, Settings)]) -> Vec<Walk> {
    let mut walks: Vec<Walk> = Vec::new();
    for (profile, settings) in resolvers {
        let plan = plan(&name::unescape(typed), settings, profile, Family::Unspec);
        let places = plan.candidates.iter().map(|candidate| Place {
            behind: candidate.fqdn.to_lowercase()[stem..].into(),
            suffix: candidate.suffix.as_ref().map(|suffix| suffix.trim_matches('.').into()),
            phase: candidate.phase,
        });
        let walk: Walk = places.collect();
        if !walks.contains(&walk) {
            walks.push(walk);
        }
    }
    walks
}

impl Form {
    fn of(typed: &str, bare: &str, resolvers: &[(Profile, Settings)]) -> Self {
        // More than any `ndots` are as many as one more.
        let most = resolvers.iter().map(|(_, settings)| settings.ndots).max().unwrap_or(0).saturating_add(1);
        let dots = bare.bytes().filter(|byte| *byte == b'.').count();
        Self {
            dots: dots.min(usize::try_from(most).unwrap_or(usize::MAX)),
            absolute: bare.len() < typed.len(),
        }
    }

    /// The walks of names of this form: those of one of them, without it.
    fn walks(self, resolvers: &[(Profile, Settings)]) -> Vec<Walk> {
        let bare = vec![LABEL; self.dots + 1].join(".");
        let typed = if self.absolute { format!("{bare}.") } else { bare.clone() };
        planned(&typed, bare.len(), resolvers)
    }
}

/// Whether no resolver has a rule about a name: letters, digits and dashes where they may stand, in labels that are not too
/// long; nothing that could be an address.
fn is_plain(bare: &str) -> bool {
    let is_label = |label: &str| {
        let ends = [label.as_bytes().first(), label.as_bytes().last()];
        (1..=LONGEST_LABEL).contains(&label.len()) && !ends.contains(&Some(&b'-'))
    };
    let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    // An address begins with a digit and has no letters beyond those of hexadecimal numbers (inet_aton(3)).
    let in_no_address =
        |byte: u8| byte.is_ascii_alphabetic() && !matches!(byte.to_ascii_lowercase(), b'a'..=b'f' | b'x');
    let begins_with_a_letter = bare.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    (begins_with_a_letter || bare.bytes().any(in_no_address))
        && bare.bytes().all(may_stand)
        && bare.split('.').all(is_label)
}

/// Whether a resolver walks the search list with this name as with any other.
fn is_usual(bare: &str, profile: &Profile, settings: &Settings) -> bool {
    let longest = settings.search.iter().map(|suffix| suffix.as_bytes().len()).max().unwrap_or(0);
    // One label in front of which nothing matters; whole names would have to be looked for in every candidate.
    let by_its_end = |name: SpecialName| match name {
        SpecialName::Below(parent) | SpecialName::UndottedBelow(parent) => !parent.contains('.'),
        _ => false,
    };
    settings.aliases.is_empty()
        && bare.len() + longest + 2 <= LONG
        && profile.plan.name.special.iter().all(|it| by_its_end(it.name) && !it.name.covers(bare.as_bytes()))
}

#[cfg(test)]
mod tests {
    use dnsprobe_resolv::{Resolver, ResolverId, Situation, conf};
    use proptest::prelude::*;

    use super::*;

    fn read(file: &str, ids: &[ResolverId]) -> Vec<(Profile, Settings)> {
        let read = |id: &ResolverId| {
            let profile = Resolver::new(*id).profile();
            let settings = conf::interpret(Some(file.as_bytes()), &Situation::default(), &profile).ok()?;
            Some((profile, settings))
        };
        ids.iter().filter_map(read).collect()
    }

    /// Everything that is known of typed names, their candidates in full.
    fn said(typed: &[TypedName]) -> String {
        let full = |it: &TypedName, place: &Place| {
            let name = format!("{}{}", it.name[..it.stem].to_ascii_lowercase(), place.behind);
            let known = it.place_of(&QName::new(&name)).is_some_and(|found| found.behind == place.behind);
            format!("{name} {:?} {:?} {known}", place.suffix, place.phase)
        };
        let each = |it: &TypedName| {
            let places: Vec<String> = it.walk.iter().map(|place| full(it, place)).collect();
            format!("{} at {}: {places:?} {:?}", it.name, it.entry, it.fingerprints)
        };
        typed.iter().map(each).collect::<Vec<_>>().join("\n")
    }

    /// Labels of every kind that some rule is about, most often none.
    fn label() -> impl Strategy<Value = String> {
        prop_oneof![
            6 => "[a-z][a-z0-9]{0,8}",
            1 => "[A-Za-z0-9_-]{0,5}",
            1 => prop_oneof![
                Just("onion"), Just("local"), Just("localhost"), Just("svc"), Just("cluster"), Just("0x7f"),
                Just("127"), Just("xn--bcher-kva"), Just("a\\046b"), Just("\\255"), Just("*")
            ].prop_map(str::to_owned),
            1 => "[a-z]{58,70}",
        ]
    }

    fn name(most: usize) -> impl Strategy<Value = String> {
        let labels = prop_oneof![9 => 1..=most, 1 => 1..=40_usize];
        labels
            .prop_flat_map(|count| proptest::collection::vec(label(), count))
            .prop_map(|labels| labels.join("."))
    }

    fn file() -> impl Strategy<Value = String> {
        let suffix = prop_oneof![
            4 => name(3),
            1 => prop_oneof![Just("."), Just("cluster.local"), Just("Svc.Cluster.LOCAL."), Just("onion"), Just(".x")]
                .prop_map(str::to_owned),
        ];
        let ndots = prop_oneof![2 => Just(5), 1 => 0..20_u32];
        (proptest::collection::vec(suffix, 0..5), ndots)
            .prop_map(|(search, ndots)| format!("search {}\noptions ndots:{ndots}\n", search.join(" ")))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn a_name_is_walked_as_if_it_were_planned_alone(
            file in file(),
            names in proptest::collection::vec((name(6), any::<bool>()), 1..6),
            which in 0..ResolverId::ALL.len() + 4,
            place in 0..6_usize,
        ) {
            let all = [ResolverId::Glibc, ResolverId::Musl, ResolverId::Go];
            let resolvers = read(&file, ResolverId::ALL.get(which..=which).unwrap_or(&all));
            let mut patterns = Patterns::default();
            for (name, dotted) in names {
                let typed = if dotted { name + "." } else { name };
                let alone = planned(&typed, 0, &resolvers);
                let candidates: Vec<&Place> = alone.iter().flat_map(|walk| walk.iter()).collect();
                let asked = candidates.get(place).map_or("other.example.", |it| &*it.behind);
                let qname = QName::new(asked);
                let wanted = holding(&qname, &typed, 0, &alone);
                prop_assert_eq!(said(&patterns.walks(&typed, &qname, &resolvers)), said(&wanted));
            }
        }
    }

    #[test]
    fn names_alike_share_their_walk() {
        let file = "search shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n";
        let resolvers = read(file, &[ResolverId::Glibc, ResolverId::Musl, ResolverId::Go]);
        let mut patterns = Patterns::default();
        let mut walks = |typed: &str| {
            let qname = QName::new(&format!("{typed}.shop.svc.cluster.local"));
            patterns.walks(typed, &qname, &resolvers).pop().unwrap().walk
        };
        assert!(Rc::ptr_eq(&walks("www.example.com"), &walks("api.example.org")));
        assert!(!Rc::ptr_eq(&walks("web"), &walks("www.example.com")), "fewer dots");
    }
}
