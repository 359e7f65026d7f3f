//! dnspython 2 (`dns/resolver.py`).

use super::Resolver;
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
    RootSuffix, SearchWhen, Unencodable,
};
use crate::profile::schedule::{AfterTcp, EachRules, Icmp, Lifetime, Schedule, Source, Tries};
use crate::profile::{
    AddrConfigRule, AskRules, Owners, PairRule, Passes, Report, Shape, Socket, StepTable, ThenFailure,
    ThenName, VerdictRules,
};
use crate::{Outcome, Profile, QType};

const BLANKS: &[u8] = b" \t\r\x0b\x0c";

/// `Resolver.read_resolv_conf`.
const PARSE: ParseRules = ParseRules {
    indent: Indent::Allowed,
    comments: Comments::FirstColumn,
    blanks: BLANKS,
    long_lines: LongLines::Read,
    unprintable: Unprintable::Read,
    search: SearchRules {
        separators: BLANKS,
        leading_blanks: LeadingBlanks::Skipped,
        bare: BareSearch::Keeps,
        lines: Repeated::LastWins,
        duplicates: Duplicates::Kept,
        root: RootWord::Kept,
        bad_label: BadLabel::Refused,
        max: None,
        value_limit: None,
        deadly: DeadlyList::None,
    },
    domain: DomainRule::FirstWordNotRoot,
    nameservers: NameserverRules {
        max: None,
        syntax: AddressSyntax::Strict,
        duplicates: Duplicates::Kept,
        bad: BadNameserver::Refused,
        trailing: Trailing::Ignored,
        scope: Scope::Any,
        mapped: Mapped::Used,
        when_none: &[],
    },
    options: OptionRules {
        matching: Matching::Within,
        repeated: Repeated::LastWins,
        known: &[
            OptionRule::flag("rotate", Flag::Rotate),
            OptionRule::flag("edns0", Flag::Edns0),
            OptionRule::number("timeout", Target::Timeout, NumberSyntax::Python, 0, u32::MAX),
            OptionRule::number("ndots", Target::Ndots, NumberSyntax::Python, 0, u32::MAX),
        ],
    },
    hostname_domain: HostnameDomain::WhenEmptyNotRoot,
    env: EnvRules {
        local_domain: LocalDomain::Ignored,
        res_options: ResOptions::Ignored,
        bad: BadEnv::Ignored,
        host_aliases: HostAliases::Ignored,
    },
    defaults: Defaults { ndots: 1, timeout_ms: 2000, attempts: 1 },
    last_word: LastWord::Read,
};

/// `_Resolution.query_result`: only NXDOMAIN goes on.
const STEPS: StepTable = StepTable { next: &[Outcome::NxDomain], skip_to_as_is: &[] };

pub(super) fn profile(resolver: &Resolver) -> Profile {
    let by_name = resolver.api == "resolve_name";
    Profile {
        resolver: *resolver,
        parse: PARSE,
        plan: PlanRules {
            search: if by_name { SearchWhen::Never } else { SearchWhen::Always },
            first_suffix: FirstSuffix::WhenAppended,
            root_suffix: RootSuffix::AsIs,
            leading_dot: LeadingDot::Kept,
            join_limit: usize::MAX,
            octets_max: WIRE_MAX,
            bad_label: Unencodable::Abort,
            unencodable: Unencodable::Abort,
            repeated: RepeatedName::Kept,
            name: NameRules {
                check: NameCheck::Encodable,
                literal: Literal::Name,
                case: NameCase::Kept,
                beyond_ascii: BeyondAscii::Translated,
                escapes: Escapes::Decimal,
                special: &[],
            },
        },
        ask: AskRules {
            unspec: &[QType::Aaaa],
            unspec_one_by_one: &[QType::Aaaa],
            shape: Shape::Sequential,
            passes: Passes::One,
            // resolve_name asks for AAAA, then for A of the same name.
            then: if by_name { &[QType::A] } else { &[] },
            then_name: ThenName::Candidate,
            then_failure: if by_name { ThenFailure::FailsLookup } else { ThenFailure::Ignored },
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
        schedule: Schedule::Each(EachRules {
            tries: Tries::Lifetime,
            strikes_off: &[
                Outcome::ServFail,
                Outcome::Refused,
                Outcome::FormErr,
                Outcome::NotImp,
                Outcome::Unknown,
            ],
            // resolve_name gives each of its two lookups what one transmission gets.
            lifetime: if by_name { Lifetime::StepTimeout } else { Lifetime::Lookup(5_000_000) },
            icmp: Icmp::Unnoticed,
            after_tcp: AfterTcp::Udp,
            backoff_us: 100_000,
            source: Source::Checked,
            ..EachRules::PLAIN
        }),
    }
}
