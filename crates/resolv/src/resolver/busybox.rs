//! busybox nslookup, the big version (`FEATURE_NSLOOKUP_BIG`), 1.30 to 1.36.

use super::Resolver;
use crate::name::{Escapes, WIRE_MAX};
use crate::profile::parse::{
    AddressSyntax, BadEnv, BadLabel, BadNameserver, BareSearch, Comments, DeadlyList, Defaults, DomainRule,
    Duplicates, EnvRules, HostAliases, HostnameDomain, Indent, LastWord, LeadingBlanks, LocalDomain,
    LongLines, Mapped, Matching, NameserverRules, OptionRules, ParseRules, Repeated, ResOptions, RootWord,
    Scope, SearchRules, Trailing, Unprintable,
};
use crate::profile::planning::{
    BeyondAscii, FirstSuffix, LeadingDot, Literal, NameCase, NameCheck, NameRules, PlanRules, RepeatedName,
    RootSuffix, SearchWhen, Unencodable,
};
use crate::profile::schedule::{
    FloodAccept, FloodRules, FloodServers, FloodTcp, FloodTimes, Schedule, Source,
};
use crate::profile::{
    AddrConfigRule, AskRules, Owners, PairRule, Passes, Report, Shape, Socket, StepTable, ThenFailure,
    ThenName, VerdictRules,
};
use crate::{Profile, QType};

const BLANKS: &[u8] = b" \t\r\x0b\x0c";

/// `networking/nslookup.c`, `parse_resolvconf`; options are not read at all.
const PARSE: ParseRules = ParseRules {
    indent: Indent::Allowed,
    comments: Comments::FirstColumn,
    blanks: BLANKS,
    long_lines: LongLines::Parted(511),
    unprintable: Unprintable::Read,
    search: SearchRules {
        separators: BLANKS,
        leading_blanks: LeadingBlanks::EmptySuffix,
        bare: BareSearch::Keeps,
        lines: Repeated::LastWins,
        duplicates: Duplicates::Kept,
        root: RootWord::Kept,
        bad_label: BadLabel::Kept,
        max: None,
        value_limit: None,
        deadly: DeadlyList::None,
    },
    domain: DomainRule::AllWordsWithoutSearch,
    nameservers: NameserverRules {
        max: None,
        syntax: AddressSyntax::AtonWithPort,
        duplicates: Duplicates::Kept,
        bad: BadNameserver::LookedUp,
        trailing: Trailing::Ignored,
        scope: Scope::NumberUnlessLinkLocal,
        mapped: Mapped::Used,
        when_none: &["127.0.0.1"],
    },
    options: OptionRules { matching: Matching::Word, repeated: Repeated::LastWins, known: &[] },
    hostname_domain: HostnameDomain::WhenEmpty,
    env: EnvRules {
        local_domain: LocalDomain::Ignored,
        res_options: ResOptions::Ignored,
        bad: BadEnv::Ignored,
        host_aliases: HostAliases::Ignored,
    },
    defaults: Defaults { ndots: 1, timeout_ms: 5000, attempts: 2 },
    last_word: LastWord::Read,
};

/// Nothing ends the burst and nothing follows it.
const STEPS: StepTable = StepTable { next: &[], skip_to_as_is: &[] };

pub(super) fn profile(resolver: &Resolver) -> Profile {
    Profile {
        resolver: *resolver,
        parse: PARSE,
        plan: PlanRules {
            search: SearchWhen::Dotless,
            first_suffix: FirstSuffix::WhenAppended,
            root_suffix: RootSuffix::EmptyLabelUnlessAlone,
            leading_dot: LeadingDot::Kept,
            join_limit: usize::MAX,
            octets_max: WIRE_MAX,
            bad_label: Unencodable::Stop,
            unencodable: Unencodable::Stop,
            repeated: RepeatedName::Kept,
            name: NameRules {
                check: NameCheck::Word,
                literal: Literal::Reverse,
                case: NameCase::Kept,
                beyond_ascii: BeyondAscii::Kept,
                escapes: Escapes::Decimal,
                special: &[],
            },
        },
        ask: AskRules {
            unspec: &[QType::A, QType::Aaaa],
            unspec_one_by_one: &[QType::A, QType::Aaaa],
            shape: Shape::Burst,
            passes: Passes::One,
            then: &[],
            then_name: ThenName::Candidate,
            then_failure: ThenFailure::Ignored,
            socket: Socket::Channel,
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
        // send_queries.
        schedule: Schedule::Flood(FloodRules {
            servers: FloodServers::OneAfterAnother,
            accept: FloodAccept::Everything,
            tcp: FloodTcp::Never,
            fixed: Some(FloodTimes { total_ms: 5000, sends: 2 }),
            // Its socket is connected.
            source: Source::Unchecked,
        }),
    }
}
