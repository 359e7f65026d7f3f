//! netty 4.1, `DnsNameResolver`: read in its source, not yet compared with recordings.

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
    RootSuffix, SearchWhen, Unencodable,
};
use crate::profile::schedule::{EachRules, Schedule, Tries};
use crate::profile::{
    AddrConfigRule, AskRules, Owners, PairRule, Passes, Report, Shape, Socket, StepTable, ThenFailure,
    ThenName, VerdictRules,
};
use crate::{Outcome, Profile, QType};

const BLANKS: &[u8] = b" \t\r";

/// `UnixResolverDnsServerAddressStreamProvider.java`.
const PARSE: ParseRules = ParseRules {
    indent: Indent::Ignored,
    comments: Comments::FirstColumn,
    blanks: BLANKS,
    long_lines: LongLines::Read,
    unprintable: Unprintable::Read,
    search: SearchRules {
        separators: BLANKS,
        leading_blanks: LeadingBlanks::Skipped,
        bare: BareSearch::Keeps,
        lines: Repeated::AddUp,
        duplicates: Duplicates::Kept,
        root: RootWord::Kept,
        bad_label: BadLabel::Kept,
        max: None,
        value_limit: None,
        deadly: DeadlyList::None,
    },
    domain: DomainRule::WithoutSearch,
    nameservers: NameserverRules {
        max: None,
        syntax: AddressSyntax::Strict,
        duplicates: Duplicates::Kept,
        bad: BadNameserver::Ignored,
        trailing: Trailing::Ignored,
        scope: Scope::Any,
        mapped: Mapped::Used,
        when_none: &["127.0.0.1"],
    },
    options: OptionRules {
        matching: Matching::Word,
        // Only the first `options` line is read.
        repeated: Repeated::FirstWins,
        known: &[
            OptionRule::number("ndots:", Target::Ndots, NumberSyntax::Strict, 0, u32::MAX),
            OptionRule::number("timeout:", Target::Timeout, NumberSyntax::Strict, 0, u32::MAX),
            OptionRule::number("attempts:", Target::Attempts, NumberSyntax::Strict, 0, u32::MAX),
        ],
    },
    hostname_domain: HostnameDomain::Never,
    env: EnvRules {
        local_domain: LocalDomain::Ignored,
        res_options: ResOptions::Ignored,
        bad: BadEnv::Ignored,
        host_aliases: HostAliases::Ignored,
    },
    defaults: Defaults { ndots: 1, timeout_ms: 5000, attempts: 16 },
    last_word: LastWord::Read,
};

/// `DnsResolveContext.java`: a timeout or transport error stops, every other failure goes on.
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
        Outcome::Unknown,
    ],
    skip_to_as_is: &[],
};

pub(super) fn profile(resolver: &Resolver) -> Profile {
    Profile {
        resolver: *resolver,
        parse: PARSE,
        plan: PlanRules {
            search: SearchWhen::AlwaysAboveZero,
            first_suffix: FirstSuffix::WhenAppended,
            root_suffix: RootSuffix::AsIs,
            leading_dot: LeadingDot::Kept,
            join_limit: usize::MAX,
            octets_max: WIRE_MAX,
            bad_label: Unencodable::Skip,
            unencodable: Unencodable::Skip,
            repeated: RepeatedName::Kept,
            name: NameRules {
                check: NameCheck::Encodable,
                literal: Literal::Strict,
                case: NameCase::Kept,
                beyond_ascii: BeyondAscii::Kept,
                escapes: Escapes::None,
                special: &[],
            },
        },
        ask: AskRules {
            unspec: &[QType::A, QType::Aaaa],
            unspec_one_by_one: &[QType::A, QType::Aaaa],
            shape: Shape::Together,
            passes: Passes::One,
            then: &[],
            then_name: ThenName::Candidate,
            then_failure: ThenFailure::Ignored,
            socket: Socket::Channel,
            edns: Some(4096),
            addrconfig: AddrConfigRule::NoEffect,
        },
        verdict: VerdictRules {
            pair: PairRule::AddressesElseWorst,
            suffix: STEPS,
            as_is_first: STEPS,
            report: Report::Last,
            owners: Owners::Any,
        },
        schedule: Schedule::Each(EachRules { tries: Tries::Fixed(1), ..EachRules::PLAIN }),
    }
}
