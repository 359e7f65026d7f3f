//! Which model asks exactly what was seen?

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;

use super::replay::replay_alone;
use super::{Asked, Conf, Knowledge, Observation, Origin, Replay, Told, asks_the_same, replay};
use crate::conf::{Flag, Nameserver};
use crate::walk::AddrConfig;
use crate::{Family, Profile, QType, Reply, Request, Resolver, ResolverId, Settings, Version, name};

/// A model with what a process remembers from lookups before, which no file shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    /// Resolver, version and call.
    pub resolver: Resolver,
    /// The addresses wanted.
    pub family: Family,
    /// The order of nameservers.
    pub servers: Servers,
    /// Whether A and AAAA go out together.
    pub pair: Pair,
    /// What it means that nothing came back.
    pub silence: Silence,
    /// For how long an answer is waited for, in ms, where not as the settings say.
    pub timeout_ms: Option<u64>,
}

/// The order of nameservers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Servers {
    /// That of the file.
    AsListed,
    /// That in which this lookup asked them: `rotate` and c-ares remember where they were.
    AsAsked,
}

/// Whether A and AAAA go out together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair {
    /// As the settings say.
    AsSet,
    /// One after another: glibc remembers for a thread's whole life that a pair lost an answer (2.36
    /// `resolv/res_send.c`, `send_dg`, `RES_SNGLKUP`).
    OneByOne,
    /// The same from a socket each (`RES_SNGLKUPREOP`).
    OneByOneReopened,
}

/// What it means that nothing came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// The question or its answer was lost.
    Lost,
    /// Where the next server was asked at once, ICMP said that nobody listens; a capture of a port holds no ICMP.
    Refused,
}

/// A lookup with the model that asks exactly what was seen.
#[derive(Debug, Clone)]
pub struct Explained {
    /// The model.
    pub variant: Variant,
    /// Its profile.
    pub profile: Profile,
    /// The settings in force, as it takes them.
    pub settings: Settings,
    /// What it is asked for.
    pub request: Request,
    /// The transmissions, as the variant takes them.
    pub asked: Vec<Asked>,
    /// The lookup walked at the settings in force.
    pub now: Replay,
}

/// The first model that asks exactly what was seen, the likeliest ones first; `None` when none does.
pub fn explain(seen: &Observation, conf: &Conf) -> Option<Explained> {
    first_that_fits(seen, &Models::new(conf), &resolvers(seen))
}

/// The models with the settings in force, each read once.
pub(super) struct Models<'a> {
    conf: &'a Conf,
    read: RefCell<HashMap<Resolver, Option<Model>>>,
}

/// A resolver and what it takes from the file.
#[derive(Debug, Clone)]
pub(super) struct Model {
    profile: Profile,
    settings: Settings,
}

impl<'a> Models<'a> {
    pub(super) fn new(conf: &'a Conf) -> Self {
        Self { conf, read: RefCell::new(HashMap::new()) }
    }

    /// `None` when the resolver refuses the file.
    fn of(&self, resolver: Resolver) -> Option<Model> {
        let mut read = self.read.borrow_mut();
        let model = read.entry(resolver).or_insert_with(|| {
            let profile = resolver.profile();
            let settings = self.conf.settings(&profile)?;
            Some(Model { profile, settings })
        });
        model.clone()
    }
}

/// How far to look for a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Every resolver there is a model of.
    Everybody,
    /// The likely ones.
    Likely,
}

/// As [`explain`]; where its packets leave open who asked, by these first, and where nobody likely asks so, by any of
/// the others. A name asked as it stands may have been typed with its dot: so it is taken sooner than as another
/// resolver's.
pub(super) fn explain_among(
    seen: &Observation,
    models: &Models<'_>,
    favourites: &[ResolverId],
    reach: Reach,
) -> Option<Explained> {
    let of = |id: ResolverId| in_all_ways(id, id.default_version()).collect::<Vec<Resolver>>();
    let dotted = dotted(seen);
    if seen.told == Told::Open {
        for id in favourites {
            let plain = first_that_fits(seen, models, &of(*id));
            let explained = plain.or_else(|| first_that_fits(dotted.as_ref()?, models, &of(*id)));
            if explained.is_some() {
                return explained;
            }
        }
    }
    let likely = resolvers(seen);
    let own = likely.iter().take_while(|it| it.id == seen.resolver.id).copied().collect::<Vec<_>>();
    let own = first_that_fits(seen, models, &own)
        .or_else(|| first_that_fits(dotted.as_ref()?, models, &own))
        .or_else(|| first_that_fits(seen, models, &likely[own.len()..]));
    if own.is_some() || seen.told == Told::Given || reach == Reach::Likely {
        return own;
    }
    let others = ResolverId::ALL.into_iter().filter(|id| likely.iter().all(|it| it.id != *id));
    first_that_fits(seen, models, &others.flat_map(of).collect::<Vec<_>>())
}

/// The same lookup of a name typed with its dot, where that asks the same.
fn dotted(seen: &Observation) -> Option<Observation> {
    let [only] = &seen.candidates[..] else { return None };
    let name = format!("{}.", seen.name);
    (only.as_str().eq_ignore_ascii_case(&name)).then(|| Observation { name, ..seen.clone() })
}

/// How well a resolver explains a lookup in any of its versions and calls: 2 as it seems to be typed, 1 if it was typed
/// with a dot, 0 not at all.
pub(super) fn fit(seen: &Observation, models: &Models<'_>, id: ResolverId) -> u64 {
    let ways: Vec<Resolver> = in_all_ways(id, id.default_version()).collect();
    let fits = |seen: &Observation| first_that_fits(seen, models, &ways).is_some();
    if fits(seen) {
        return 2;
    }
    u64::from(dotted(seen).is_some_and(|dotted| fits(&dotted)))
}

fn first_that_fits(seen: &Observation, models: &Models<'_>, resolvers: &[Resolver]) -> Option<Explained> {
    resolvers.iter().find_map(|resolver| {
        let model = models.of(*resolver)?;
        variants(seen, models.conf.origin, *resolver)
            .into_iter()
            .find_map(|variant| exactly(seen, model.clone(), variant))
    })
}

/// The lookup as this model makes it, where it asks exactly what was seen. What the lookup was not answered itself must
/// not help it.
fn exactly(seen: &Observation, model: Model, variant: Variant) -> Option<Explained> {
    let prepared = Prepared::new(seen, model, variant)?;
    let Prepared { settings, request, asked, profile } = &prepared;
    let now = replay_alone(profile, settings, request, asked, seen.other_type())?;
    asks_the_same(&now.simulation, settings, asked, seen.other_type())
        .then(|| prepared.explained(variant, now))
}

/// What the resolver that a lookup is attributed to would have asked at the settings in force, with the answers that the
/// lookup got; `None` when it refuses the file.
pub fn expected(seen: &Observation, conf: &Conf) -> Option<Explained> {
    let has = |qtype: QType| seen.asked.iter().any(|asked| asked.qtype == qtype);
    let family = match (has(QType::A), has(QType::Aaaa)) {
        (true, false) => Family::Inet,
        (false, true) => Family::Inet6,
        _ => Family::Unspec,
    };
    with_variant(seen, conf, Variant::plain(seen.resolver, family), &Knowledge::default())
}

/// The lookup as this model makes it at the settings in force, whatever was seen; `None` when it refuses the file.
pub(super) fn with_variant(
    seen: &Observation,
    conf: &Conf,
    variant: Variant,
    knowledge: &Knowledge,
) -> Option<Explained> {
    let prepared = Prepared::new(seen, Models::new(conf).of(variant.resolver)?, variant)?;
    let Prepared { profile, settings, request, asked } = &prepared;
    let now = replay(profile, settings, request, asked, seen.other_type(), knowledge);
    Some(prepared.explained(variant, now))
}

/// Everything that a walk begins with.
struct Prepared {
    profile: Profile,
    settings: Settings,
    request: Request,
    asked: Vec<Asked>,
}

impl Prepared {
    /// `None` where the variant is none: nothing was refused, or the order of nameservers is the usual one.
    fn new(seen: &Observation, model: Model, variant: Variant) -> Option<Self> {
        let Model { profile, mut settings } = model;
        let listed = settings.nameservers.clone();
        variant.apply(&mut settings, &seen.asked);
        if variant.servers == Servers::AsAsked
            && settings.nameservers == listed
            && !settings.flags.has(Flag::Rotate)
        {
            return None;
        }
        let asked = match variant.silence {
            Silence::Lost => seen.asked.clone(),
            Silence::Refused => with_refusals(&seen.asked, &settings)?,
        };
        let name = name::unescape(&seen.name);
        let request = Request { name, family: variant.family, addrconfig: AddrConfig::Ignored };
        Some(Self { profile, settings, request, asked })
    }

    fn explained(self, variant: Variant, now: Replay) -> Explained {
        let Self { profile, settings, request, asked } = self;
        Explained { variant, profile, settings, request, asked, now }
    }
}

impl Variant {
    /// The usual case of a resolver.
    pub(super) fn plain(resolver: Resolver, family: Family) -> Self {
        let (servers, pair, silence) = (Servers::AsListed, Pair::AsSet, Silence::Lost);
        Self { resolver, family, servers, pair, silence, timeout_ms: None }
    }

    /// Puts what is remembered into the settings.
    fn apply(self, settings: &mut Settings, asked: &[Asked]) {
        if self.servers == Servers::AsAsked {
            let mut order: Vec<IpAddr> = Vec::new();
            let listed = settings.nameservers.iter().map(|it| it.address);
            for server in asked.iter().map(|asked| asked.server).chain(listed) {
                if !order.contains(&server) {
                    order.push(server);
                }
            }
            settings.nameservers = order.into_iter().map(Nameserver::at).collect();
            settings.flags.clear(Flag::Rotate);
        }
        settings.timeout_ms = self.timeout_ms.unwrap_or(settings.timeout_ms);
        match self.pair {
            Pair::AsSet => {}
            Pair::OneByOne => settings.flags.set(Flag::SingleRequest),
            Pair::OneByOneReopened => settings.flags.set(Flag::SingleRequestReopen),
        }
    }
}

/// The same transmissions with refusals where the next server was asked sooner than by a timeout; `None` where there is
/// no such.
fn with_refusals(asked: &[Asked], settings: &Settings) -> Option<Vec<Asked>> {
    let soon = settings.timeout_ms.saturating_mul(500);
    let mut changed = asked.to_vec();
    let mut found = false;
    for (index, one) in changed.iter_mut().enumerate().filter(|(_, one)| one.reply.is_none()) {
        let same = |later: &&Asked| later.qname == one.qname && later.qtype == one.qtype;
        let next = asked[index + 1..].iter().find(same);
        if next.is_some_and(|next| next.server != one.server && next.sent_us - one.sent_us < soon) {
            one.reply = Some(Reply::Unreachable);
            one.latency_us = Some(0);
            found = true;
        }
    }
    found.then_some(changed)
}

/// Timeouts that people set, in ms.
const TIMEOUTS_MS: [Option<u64>; 4] = [None, Some(1_000), Some(2_000), Some(3_000)];

/// Everything of a resolver worth a try, the likeliest first.
fn variants(seen: &Observation, origin: Origin, resolver: Resolver) -> Vec<Variant> {
    let lossy = seen.asked.iter().any(|asked| asked.latency_us.is_none_or(|us| us > 900_000));
    let timeouts = if origin == Origin::Traffic && lossy { &TIMEOUTS_MS[..] } else { &TIMEOUTS_MS[..1] };
    let mut variants = Vec::new();
    for (servers, pair, silence) in quirks(resolver.id) {
        for timeout_ms in timeouts.iter().copied() {
            for family in families(seen) {
                variants.push(Variant { resolver, family, servers, pair, silence, timeout_ms });
            }
        }
    }
    variants
}

fn quirks(id: ResolverId) -> Vec<(Servers, Pair, Silence)> {
    let lost =
        [(Servers::AsListed, Pair::AsSet, Silence::Lost), (Servers::AsAsked, Pair::AsSet, Silence::Lost)];
    let refused = lost.map(|(servers, pair, _)| (servers, pair, Silence::Refused));
    // Haste tells of a refusal; but musl asks all servers at once.
    let mut quirks = if id == ResolverId::Musl { [lost, refused].concat() } else { [refused, lost].concat() };
    if matches!(id, ResolverId::Glibc | ResolverId::Getent) {
        quirks.push((Servers::AsListed, Pair::OneByOne, Silence::Lost));
        quirks.push((Servers::AsListed, Pair::OneByOneReopened, Silence::Lost));
        quirks.push((Servers::AsAsked, Pair::OneByOne, Silence::Lost));
    }
    quirks
}

/// The families that fit the types seen; both where a resolver may stop after the first of a pair.
fn families(seen: &Observation) -> Vec<Family> {
    let has = |qtype: QType| seen.asked.iter().any(|asked| asked.qtype == qtype);
    match (has(QType::A), has(QType::Aaaa)) {
        _ if seen.other_type().is_some() => vec![Family::Inet],
        (true, false) => vec![Family::Unspec, Family::Inet],
        (false, true) => vec![Family::Unspec, Family::Inet6],
        _ => vec![Family::Unspec],
    }
}

/// The resolver that it seems to be, in its other calls and versions, then the resolvers that most programs have.
fn resolvers(seen: &Observation) -> Vec<Resolver> {
    let first = seen.resolver;
    let mut list = vec![first];
    if seen.told == Told::Given {
        return list;
    }
    let mut add = |resolver: Resolver| {
        if !list.contains(&resolver) {
            list.push(resolver);
        }
    };
    for id in [first.id, ResolverId::Glibc, ResolverId::Musl, ResolverId::Go] {
        let version = if id == first.id { first.version } else { id.default_version() };
        in_all_ways(id, version).for_each(&mut add);
    }
    list
}

/// A resolver in all its calls, in this version first and then in those that ask otherwise.
fn in_all_ways(id: ResolverId, version: Version) -> impl Iterator<Item = Resolver> {
    let versions = std::iter::once(version).chain(turning_points(id).iter().copied());
    versions.flat_map(move |version| id.apis().iter().map(move |api| Resolver { id, version, api: api.word }))
}

/// The versions in which a model begins to ask otherwise, beside the default one.
fn turning_points(id: ResolverId) -> &'static [Version] {
    const GLIBC: &[Version] = &[Version::new(2, 31, 0), Version::new(2, 41, 0)];
    const MUSL: &[Version] = &[Version::new(1, 1, 24), Version::new(1, 2, 1), Version::new(1, 2, 3)];
    const GO: &[Version] = &[Version::new(1, 17, 0), Version::new(1, 19, 0), Version::new(1, 22, 0)];
    const C_ARES: &[Version] =
        &[Version::new(1, 18, 0), Version::new(1, 20, 0), Version::new(1, 28, 0), Version::new(1, 31, 0)];
    const BIND: &[Version] = &[Version::new(9, 20, 0)];
    const HICKORY: &[Version] = &[Version::new(0, 24, 0), Version::new(0, 25, 0)];
    match id {
        ResolverId::Glibc | ResolverId::Getent => GLIBC,
        ResolverId::Musl => MUSL,
        ResolverId::Go => GO,
        ResolverId::CAres => C_ARES,
        ResolverId::BindNslookup | ResolverId::BindHost | ResolverId::BindDig => BIND,
        ResolverId::Hickory => HICKORY,
        _ => &[],
    }
}
