//! hickory-resolver 0.24 to 0.26, with resolv-conf 0.7.

use super::{Resolver, Version};
use crate::conf::Flag;
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
use crate::profile::schedule::{
    AfterTcp, Cache, EachRules, Icmp, LoneCname, Order, Retransmit, Schedule, Source, Tries,
};
use crate::profile::{
    AddrConfigRule, AskRules, Owners, PairRule, Passes, Report, Shape, Socket, StepTable, ThenFailure,
    ThenName, VerdictRules,
};
use crate::{Outcome, Profile, QType};

const BLANKS: &[u8] = b" \t\r\x0b\x0c";

/// resolv-conf 0.7, `grammar.rs`.
const PARSE: ParseRules = ParseRules {
    indent: Indent::Allowed,
    comments: Comments::Anywhere,
    blanks: BLANKS,
    long_lines: LongLines::Read,
    unprintable: Unprintable::Read,
    search: SearchRules {
        separators: BLANKS,
        leading_blanks: LeadingBlanks::Skipped,
        bare: BareSearch::Clears,
        lines: Repeated::LastWins,
        duplicates: Duplicates::Kept,
        root: RootWord::Dropped,
        bad_label: BadLabel::CommaDropped,
        max: None,
        value_limit: None,
        deadly: DeadlyList::None,
    },
    domain: DomainRule::BeforeSearch,
    nameservers: NameserverRules {
        max: None,
        syntax: AddressSyntax::Strict,
        duplicates: Duplicates::Kept,
        bad: BadNameserver::Ignored,
        trailing: Trailing::Ignored,
        scope: Scope::Any,
        mapped: Mapped::Used,
        when_none: &[],
    },
    options: OptionRules {
        matching: Matching::Word,
        repeated: Repeated::LastWins,
        known: &[
            OptionRule::number("ndots:", Target::Ndots, NumberSyntax::StrictU32, 0, u32::MAX),
            OptionRule::number("timeout:", Target::Timeout, NumberSyntax::StrictU32, 0, u32::MAX),
            OptionRule::number("attempts:", Target::Attempts, NumberSyntax::StrictU32, 0, u32::MAX),
            OptionRule::flag("edns0", Flag::Edns0),
            OptionRule::nothing("rotate"),
            OptionRule::nothing("use-vc"),
            OptionRule::nothing("single-request"),
            OptionRule::nothing("single-request-reopen"),
            OptionRule::nothing("no-tld-query"),
            OptionRule::nothing("no-reload"),
            OptionRule::nothing("trust-ad"),
        ],
    },
    hostname_domain: HostnameDomain::Always,
    env: EnvRules {
        local_domain: LocalDomain::Ignored,
        res_options: ResOptions::Ignored,
        bad: BadEnv::Ignored,
        host_aliases: HostAliases::Ignored,
    },
    defaults: Defaults { ndots: 1, timeout_ms: 5000, attempts: 2 },
    last_word: LastWord::Read,
};

/// `lookup_ip.rs`: whatever gives no address goes on.
const STEPS: StepTable = StepTable {
    next: &[
        Outcome::NoData,
        Outcome::Cname,
        Outcome::NxDomain,
        Outcome::ServFail,
        Outcome::Refused,
        Outcome::FormErr,
        Outcome::NotImp,
        Outcome::Lame,
        Outcome::Truncated,
        Outcome::Timeout,
        Outcome::Unreachable,
        Outcome::Unknown,
    ],
    skip_to_as_is: &[],
};

/// The reverse name of `::1`.
const LOOPBACK_REVERSED: &str = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa";

/// `caching_client.rs`: names of special use (RFC 6761).
const SPECIAL: &[Special] = &[
    Special { name: SpecialName::Is("localhost"), does: SpecialDoes::Loopback },
    Special { name: SpecialName::Below("localhost"), does: SpecialDoes::Loopback },
    Special { name: SpecialName::Is("127.in-addr.arpa"), does: SpecialDoes::Loopback },
    Special { name: SpecialName::Below("127.in-addr.arpa"), does: SpecialDoes::Loopback },
    Special { name: SpecialName::Is(LOOPBACK_REVERSED), does: SpecialDoes::Loopback },
    Special { name: SpecialName::Is("onion"), does: SpecialDoes::LeftOut },
    Special { name: SpecialName::Below("onion"), does: SpecialDoes::LeftOut },
    Special { name: SpecialName::Is("invalid"), does: SpecialDoes::LeftOut },
    Special { name: SpecialName::Below("invalid"), does: SpecialDoes::LeftOut },
];

pub(super) fn profile(resolver: &Resolver) -> Profile {
    // 0.26 asks for both at once; before, IPv6 only where there was no IPv4 address.
    let both = resolver.version >= Version::new(0, 26, 0);
    Profile {
        resolver: *resolver,
        parse: PARSE,
        plan: PlanRules {
            search: SearchWhen::Always,
            first_suffix: FirstSuffix::WhenAppended,
            root_suffix: RootSuffix::Skip,
            leading_dot: LeadingDot::Kept,
            join_limit: usize::MAX,
            octets_max: WIRE_MAX,
            bad_label: Unencodable::Skip,
            unencodable: Unencodable::Skip,
            repeated: RepeatedName::EarlierDropped,
            name: NameRules {
                check: NameCheck::Idna,
                literal: Literal::WalkedThenReturned,
                case: NameCase::Lowered,
                beyond_ascii: BeyondAscii::Translated,
                escapes: Escapes::Octal,
                special: SPECIAL,
            },
        },
        ask: AskRules {
            unspec: if both { &[QType::Aaaa, QType::A] } else { &[QType::A, QType::Aaaa] },
            unspec_one_by_one: if both { &[QType::Aaaa, QType::A] } else { &[QType::A, QType::Aaaa] },
            shape: if both { Shape::Together } else { Shape::UntilFound },
            passes: Passes::One,
            then: &[],
            then_name: ThenName::Candidate,
            then_failure: ThenFailure::Ignored,
            socket: Socket::Each,
            edns: None,
            addrconfig: AddrConfigRule::NoEffect,
        },
        verdict: VerdictRules {
            pair: PairRule::AddressesElseWorst,
            suffix: STEPS,
            as_is_first: STEPS,
            report: Report::Last,
            owners: Owners::Any,
        },
        // name_server_pool.rs, udp_client_stream.rs.
        schedule: Schedule::Each(EachRules {
            order: Order::TwoAtOnce,
            tries: Tries::AttemptsAndOne,
            icmp: Icmp::Unnoticed,
            after_tcp: AfterTcp::Udp,
            retransmit: Some(Retransmit { min_us: 333_000, per_failure_us: 179_000, sends: 3 }),
            lone_cname: LoneCname::Followed,
            ends_pass: &[
                Outcome::ServFail,
                Outcome::Refused,
                Outcome::FormErr,
                Outcome::NotImp,
                Outcome::Unknown,
            ],
            cache: Cache::Kept,
            source: Source::Checked,
            ..EachRules::PLAIN
        }),
    }
}
