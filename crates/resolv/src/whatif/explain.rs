//! Which model asks exactly what was seen?

use std::net::IpAddr;

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
    // What it was not answered itself must not help it.
    let nothing = Knowledge::default();
    variants(seen, conf.origin).into_iter().find_map(|variant| {
        let explained = with_variant(seen, conf, variant, &nothing)?;
        let same = asks_the_same(
            &explained.now.simulation,
            &explained.settings,
            &explained.asked,
            seen.other_type(),
        );
        (same && explained.now.unknown.is_empty()).then_some(explained)
    })
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
    let profile = variant.resolver.profile();
    let mut settings = conf.settings(&profile)?;
    variant.apply(&mut settings, &seen.asked);
    let asked = match variant.silence {
        Silence::Lost => seen.asked.clone(),
        Silence::Refused => with_refusals(&seen.asked, &settings)?,
    };
    let request =
        Request { name: name::unescape(&seen.name), family: variant.family, addrconfig: AddrConfig::Ignored };
    let now = replay(&profile, &settings, &request, &asked, seen.other_type(), knowledge);
    Some(Explained { variant, profile, settings, request, asked, now })
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

/// Everything worth a try, the likeliest first.
fn variants(seen: &Observation, origin: Origin) -> Vec<Variant> {
    let lossy = seen.asked.iter().any(|asked| asked.latency_us.is_none_or(|us| us > 900_000));
    let timeouts = if origin == Origin::Traffic && lossy { &TIMEOUTS_MS[..] } else { &TIMEOUTS_MS[..1] };
    let mut variants = Vec::new();
    for resolver in resolvers(seen) {
        for (servers, pair, silence) in quirks(resolver.id) {
            for timeout_ms in timeouts.iter().copied() {
                for family in families(seen) {
                    variants.push(Variant { resolver, family, servers, pair, silence, timeout_ms });
                }
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

/// The families that fit the types seen.
fn families(seen: &Observation) -> Vec<Family> {
    if seen.other_type().is_some() {
        return vec![Family::Inet];
    }
    vec![Family::Unspec, Family::Inet, Family::Inet6]
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
    let ids = match seen.told {
        Told::Inferred => vec![first.id, ResolverId::Glibc, ResolverId::Musl, ResolverId::Go],
        Told::Given | Told::Detected => vec![first.id],
    };
    for id in ids {
        let versions = if seen.told == Told::Detected { &[][..] } else { turning_points(id) };
        let versions = std::iter::once(if id == first.id { first.version } else { id.default_version() })
            .chain(versions.iter().copied());
        for version in versions {
            for api in id.apis() {
                add(Resolver { id, version, api: api.word });
            }
        }
    }
    list
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
