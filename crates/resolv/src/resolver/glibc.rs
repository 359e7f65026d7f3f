//! GNU libc's `getaddrinfo`, 2.26 to 2.42.

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
    RootSuffix, SearchWhen, Unencodable,
};
use crate::profile::schedule::{AfterError, LameRule, PairedRules, Schedule};
use crate::profile::{
    AddrConfigRule, AskRules, Owners, PairRule, Passes, Report, Shape, Socket, StepTable, ThenFailure,
    ThenName, VerdictRules,
};
use crate::{Outcome, Profile, QType};

/// Since this version a `-` in front clears a flag.
const CLEARING: Version = Version::new(2, 41, 0);

/// `resolv/res_init.c`, `res_setoptions`; of two words with one prefix the longer comes first.
const OPTIONS: &[OptionRule] = &[
    OptionRule::number("ndots:", Target::Ndots, NumberSyntax::Strtol, 0, 15),
    OptionRule::number("timeout:", Target::Timeout, NumberSyntax::Strtol, 0, 30),
    OptionRule::number("attempts:", Target::Attempts, NumberSyntax::Strtol, 0, 5),
    OptionRule::flag("rotate", Flag::Rotate),
    OptionRule::flag("edns0", Flag::Edns0),
    OptionRule::flag("single-request-reopen", Flag::SingleRequestReopen),
    OptionRule::flag("single-request", Flag::SingleRequest),
    OptionRule::flag("no_tld_query", Flag::NoTldQuery),
    OptionRule::flag("no-tld-query", Flag::NoTldQuery),
    OptionRule::unseen("no-reload"),
    OptionRule::flag("use-vc", Flag::UseVc),
    OptionRule::flag("trust-ad", Flag::TrustAd).since(Version::new(2, 31, 0)),
    OptionRule::flag("no-aaaa", Flag::NoAaaa).since(Version::new(2, 36, 0)),
    OptionRule::flag("strict-error", Flag::StrictError).since(Version::new(2, 41, 0)),
    OptionRule::clears("-rotate", Flag::Rotate).since(CLEARING),
    OptionRule::clears("-edns0", Flag::Edns0).since(CLEARING),
    OptionRule::clears("-single-request-reopen", Flag::SingleRequestReopen).since(CLEARING),
    OptionRule::clears("-single-request", Flag::SingleRequest).since(CLEARING),
    OptionRule::clears("-no_tld_query", Flag::NoTldQuery).since(CLEARING),
    OptionRule::clears("-no-tld-query", Flag::NoTldQuery).since(CLEARING),
    OptionRule::unseen("-no-reload").since(CLEARING),
    OptionRule::clears("-use-vc", Flag::UseVc).since(CLEARING),
    OptionRule::clears("-trust-ad", Flag::TrustAd).since(CLEARING),
    OptionRule::clears("-no-aaaa", Flag::NoAaaa).since(CLEARING),
    OptionRule::clears("-strict-error", Flag::StrictError).since(CLEARING),
];

/// `resolv/res_init.c`, `res_vinit_1`.
const PARSE: ParseRules = ParseRules {
    indent: Indent::Ignored,
    comments: Comments::FirstColumn,
    blanks: b" \t",
    long_lines: LongLines::Read,
    unprintable: Unprintable::Read,
    search: SearchRules {
        separators: b" \t",
        leading_blanks: LeadingBlanks::Skipped,
        bare: BareSearch::Keeps,
        lines: Repeated::LastWins,
        duplicates: Duplicates::Kept,
        root: RootWord::Kept,
        bad_label: BadLabel::Kept,
        max: None,
        value_limit: None,
        deadly: DeadlyList::CutOffEarly,
    },
    domain: DomainRule::FirstWord,
    nameservers: NameserverRules {
        max: Some(3),
        syntax: AddressSyntax::Aton,
        duplicates: Duplicates::Kept,
        bad: BadNameserver::Ignored,
        trailing: Trailing::Ignored,
        scope: Scope::Any,
        mapped: Mapped::Used,
        when_none: &["127.0.0.1"],
    },
    options: OptionRules { matching: Matching::Prefix, repeated: Repeated::LastWins, known: OPTIONS },
    hostname_domain: HostnameDomain::WhenEmpty,
    env: EnvRules {
        local_domain: LocalDomain::AllWords,
        res_options: ResOptions::Applied,
        bad: BadEnv::Ignored,
        host_aliases: HostAliases::Searched,
    },
    defaults: Defaults { ndots: 1, timeout_ms: 5000, attempts: 2 },
    last_word: LastWord::Read,
};

/// `resolv/res_query.c`, `__res_context_search`: a suffix, and the name as-is at the end.
const SUFFIX: StepTable = StepTable {
    next: &[Outcome::NoData, Outcome::NxDomain, Outcome::ServFail],
    skip_to_as_is: &[
        Outcome::Refused,
        Outcome::NotImp,
        Outcome::Lame,
        Outcome::FormErr,
        Outcome::Truncated,
        Outcome::Timeout,
        Outcome::Unknown,
    ],
};

/// The same function: a name tried as-is first goes on after every failure.
const AS_IS_FIRST: StepTable = StepTable {
    next: &[
        Outcome::NoData,
        Outcome::NxDomain,
        Outcome::ServFail,
        Outcome::Refused,
        Outcome::NotImp,
        Outcome::Lame,
        Outcome::FormErr,
        Outcome::Truncated,
        Outcome::Timeout,
        Outcome::Unreachable,
        Outcome::Unknown,
    ],
    skip_to_as_is: &[],
};

pub(super) fn profile(resolver: &Resolver) -> Profile {
    let since = |minor| resolver.version >= Version::new(2, minor, 0);
    let mut parse = PARSE;
    if !since(26) {
        // Six suffixes before 2.26 (resolv.h, MAXDNSRCH).
        parse.search.max = Some(6);
        // The cache of files that the list is compared with came with 2.26.
        parse.search.deadly = DeadlyList::None;
    }
    Profile {
        resolver: *resolver,
        parse,
        plan: PlanRules {
            search: SearchWhen::Always,
            first_suffix: FirstSuffix::WhenAppended,
            root_suffix: RootSuffix::ReplacesAsIsLast,
            leading_dot: LeadingDot::Dropped,
            join_limit: usize::MAX,
            octets_max: WIRE_MAX,
            bad_label: Unencodable::SkipToAsIs,
            unencodable: Unencodable::SkipToAsIs,
            repeated: RepeatedName::Kept,
            name: NameRules {
                // nss_dns/dns-host.c, check_name, since 2.29.
                check: if since(29) { NameCheck::Hostname } else { NameCheck::Encodable },
                literal: Literal::Aton,
                case: NameCase::Kept,
                beyond_ascii: BeyondAscii::Kept,
                escapes: Escapes::Decimal,
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
            socket: Socket::Candidate,
            edns: None,
            addrconfig: AddrConfigRule::OnRequest,
        },
        verdict: VerdictRules {
            pair: PairRule::AnyRecords,
            suffix: SUFFIX,
            as_is_first: AS_IS_FIRST,
            report: Report::Glibc,
            owners: Owners::HostNames,
        },
        schedule: Schedule::Paired(PairedRules {
            lame: LameRule::WithoutAdditional,
            // Bug 30081, fixed in 2.38 and in the release branches back to 2.36.
            after_error: if since(36) { AfterError::NextServer } else { AfterError::WaitsForOther },
            edns0_size: 1200,
        }),
    }
}
