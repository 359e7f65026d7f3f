//! BIND's nslookup, host and dig, 9.18 and 9.20.

use super::Resolver;
use crate::name::{Escapes, WIRE_MAX};
use crate::profile::parse::{
    AddressSyntax, BadEnv, BadLabel, BadNameserver, BareSearch, Comments, DeadlyList, Defaults, DomainRule,
    Duplicates, EnvRules, HostAliases, HostnameDomain, Indent, LastWord, LeadingBlanks, LocalDomain,
    LongLines, Mapped, Matching, NameserverRules, NumberSyntax, OptionRule, OptionRules, ParseRules,
    Repeated, ResOptions, RootWord, Scope, SearchRules, Target, Trailing, Unprintable,
};
use crate::profile::planning::{
    BeyondAscii, FirstSuffix, LeadingDot, Literal, NameCase, NameCheck, NameRules, PlanRules, RepeatedName,
    RootSuffix, SearchWhen, Special, SpecialDoes, SpecialName, Unencodable,
};
use crate::profile::schedule::{AfterTcp, EachRules, LameRule, Order, Schedule, Tries};
use crate::profile::{
    AddrConfigRule, AskRules, Owners, PairRule, Passes, Report, Shape, Socket, StepTable, ThenFailure,
    ThenName, VerdictRules,
};
use crate::{Outcome, Profile, QType, Version};

const BLANKS: &[u8] = b" \t\r\x0b\x0c";

/// `lib/irs/resconf.c`; what it cannot parse makes the tools refuse the file.
const PARSE: ParseRules = ParseRules {
    indent: Indent::Allowed,
    comments: Comments::WordStart,
    blanks: BLANKS,
    long_lines: LongLines::Read,
    unprintable: Unprintable::Read,
    search: SearchRules {
        separators: BLANKS,
        leading_blanks: LeadingBlanks::Skipped,
        bare: BareSearch::TakesNextLine,
        lines: Repeated::LastWins,
        duplicates: Duplicates::Kept,
        root: RootWord::Kept,
        bad_label: BadLabel::Kept,
        max: Some(8),
        value_limit: None,
        deadly: DeadlyList::None,
    },
    domain: DomainRule::OneWordOrRefuse,
    nameservers: NameserverRules {
        max: Some(3),
        syntax: AddressSyntax::Aton,
        duplicates: Duplicates::Kept,
        bad: BadNameserver::Refused,
        trailing: Trailing::Refused,
        scope: Scope::NumberUnlessLinkLocal,
        mapped: Mapped::PassedOver,
        when_none: &["::1", "127.0.0.1"],
    },
    options: OptionRules {
        matching: Matching::Word,
        repeated: Repeated::LastWins,
        known: &[
            OptionRule::number("ndots:", Target::Ndots, NumberSyntax::StrictOrRefuse, 0, 255),
            OptionRule::number("timeout:", Target::Timeout, NumberSyntax::NonZeroOrRefuse, 0, u32::MAX),
            OptionRule::number("attempts:", Target::Attempts, NumberSyntax::NonZeroOrRefuse, 0, u32::MAX),
        ],
    },
    hostname_domain: HostnameDomain::Never,
    env: EnvRules {
        local_domain: LocalDomain::Ignored,
        res_options: ResOptions::Ignored,
        bad: BadEnv::Ignored,
        host_aliases: HostAliases::Ignored,
    },
    defaults: Defaults { ndots: 1, timeout_ms: 5000, attempts: 3 },
    last_word: LastWord::Ignored,
};

/// `bin/dig/dighost.c`, `recv_done`: only NXDOMAIN goes on.
const STEPS: StepTable = StepTable { next: &[Outcome::NxDomain], skip_to_as_is: &[] };

/// `dig.c`, `parse_args`: a word that is a type or class is no name.
const TYPE_WORDS: &[Special] = &[Special { name: SpecialName::TypeOrClass, does: SpecialDoes::RootServers }];

const ACCEPTED: &[Outcome] = &[
    Outcome::Answer,
    Outcome::NoData,
    Outcome::Cname,
    Outcome::NxDomain,
    Outcome::Refused,
    Outcome::FormErr,
    Outcome::NotImp,
];
const ACCEPTED_BY_DIG: &[Outcome] = &[
    Outcome::Answer,
    Outcome::NoData,
    Outcome::Cname,
    Outcome::NxDomain,
    Outcome::Refused,
    Outcome::FormErr,
    Outcome::NotImp,
    Outcome::ServFail,
];

pub(super) fn nslookup(resolver: &Resolver) -> Profile {
    let mut profile = dig(resolver);
    profile.plan.search = SearchWhen::BelowNdots;
    profile.plan.name.literal = Literal::Reverse;
    profile.plan.name.special = &[];
    profile.ask.edns = None;
    if let Schedule::Each(rules) = &mut profile.schedule {
        // dig takes SERVFAIL for an answer (+fail), the others ask the next server.
        rules.accept = ACCEPTED;
    }
    // nslookup.c, printmessage: AAAA after an answer to A.
    profile.ask.then = &[QType::Aaaa];
    profile
}

pub(super) fn host(resolver: &Resolver) -> Profile {
    let mut profile = nslookup(resolver);
    profile.ask.then = if resolver.version >= Version::new(9, 20, 0) {
        &[QType::Aaaa, QType::Other(15), QType::Other(65)]
    } else {
        &[QType::Aaaa, QType::Other(15)]
    };
    // Whichever of its questions fails, host.c says so last and its exit status with it.
    profile.verdict.pair = PairRule::FirstBad;
    // host.c takes its number of tries from -R alone.
    if let Schedule::Each(rules) = &mut profile.schedule {
        rules.tries = Tries::Fixed(2);
    }
    profile
}

pub(super) fn dig(resolver: &Resolver) -> Profile {
    Profile {
        resolver: *resolver,
        parse: PARSE,
        plan: PlanRules {
            search: if resolver.api == "dig" { SearchWhen::Never } else { SearchWhen::BelowNdots },
            first_suffix: FirstSuffix::BelowNdots,
            root_suffix: RootSuffix::AsIs,
            leading_dot: LeadingDot::Kept,
            join_limit: usize::MAX,
            octets_max: WIRE_MAX,
            bad_label: Unencodable::Stop,
            unencodable: Unencodable::Skip,
            repeated: RepeatedName::Kept,
            name: NameRules {
                check: NameCheck::Word,
                literal: Literal::Name,
                case: NameCase::Kept,
                beyond_ascii: BeyondAscii::Kept,
                escapes: Escapes::Decimal,
                special: TYPE_WORDS,
            },
        },
        ask: AskRules {
            unspec: &[QType::A],
            unspec_one_by_one: &[QType::A],
            shape: Shape::Sequential,
            passes: Passes::One,
            then: &[],
            then_name: ThenName::ChainEnd,
            then_failure: ThenFailure::Ignored,
            socket: Socket::Each,
            edns: Some(1232),
            addrconfig: AddrConfigRule::NoEffect,
        },
        verdict: VerdictRules {
            pair: PairRule::AddressesElseWorst,
            suffix: STEPS,
            as_is_first: STEPS,
            report: Report::Last,
            owners: Owners::Any,
        },
        schedule: Schedule::Each(EachRules {
            lame: LameRule::Accepted,
            order: Order::SameThenNext,
            accept: ACCEPTED_BY_DIG,
            after_tcp: AfterTcp::Sticks,
            ..EachRules::PLAIN
        }),
    }
}
