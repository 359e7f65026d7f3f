//! GNU libc's `getaddrinfo`, 2.26 to 2.42.

use super::Resolver;
use crate::conf::Flag;
use crate::profile::parse::{
    AddressSyntax, BadNameserver, BareSearch, Comments, Defaults, DomainRule, Duplicates, EnvRules,
    HostAliases, HostnameDomain, Indent, LocalDomain, Matching, NameserverRules, NumberSyntax, OptionRule,
    OptionRules, ParseRules, Repeated, ResOptions, SearchRules, Sets, Target,
};
use crate::profile::schedule::{Fallback, LameRule, PairedRules};
use crate::profile::{
    AskRules, NameCheck, PairRule, Passes, PlanRules, RootSuffix, Schedule, SearchWhen, Shape, Socket,
    StepTable, Unencodable, VerdictRules,
};
use crate::{Outcome, Profile, QType};

const fn number(word: &'static str, target: Target, max: u32) -> OptionRule {
    OptionRule { word, sets: Sets::Number { target, syntax: NumberSyntax::Strtol, min: 0, max } }
}

const fn flag(word: &'static str, flag: Flag) -> OptionRule {
    OptionRule { word, sets: Sets::Flag(flag) }
}

/// `resolv/res_init.c`, `res_setoptions`; the longer of two words with one prefix comes first.
const OPTIONS: &[OptionRule] = &[
    number("ndots:", Target::Ndots, 15),
    number("timeout:", Target::Timeout, 30),
    number("attempts:", Target::Attempts, 5),
    flag("rotate", Flag::Rotate),
    flag("edns0", Flag::Edns0),
    flag("single-request-reopen", Flag::SingleRequestReopen),
    flag("single-request", Flag::SingleRequest),
    flag("no_tld_query", Flag::NoTldQuery),
    flag("no-tld-query", Flag::NoTldQuery),
    OptionRule { word: "no-reload", sets: Sets::Nothing },
    flag("use-vc", Flag::UseVc),
    flag("trust-ad", Flag::TrustAd),
    flag("no-aaaa", Flag::NoAaaa),
    flag("strict-error", Flag::StrictError),
];

/// `resolv/res_init.c`, `res_vinit_1`.
const PARSE: ParseRules = ParseRules {
    indent: Indent::Ignored,
    comments: Comments::FirstColumn,
    blanks: b" \t",
    line_limit: None,
    search: SearchRules {
        separators: b" \t",
        bare: BareSearch::Keeps,
        lines: Repeated::LastWins,
        duplicates: Duplicates::Kept,
        max: None,
        value_limit: None,
    },
    domain: DomainRule::FirstWord,
    nameservers: NameserverRules {
        max: Some(3),
        syntax: AddressSyntax::Aton,
        bad: BadNameserver::Ignored,
        when_none: &["127.0.0.1"],
    },
    options: OptionRules { matching: Matching::Prefix, repeated: Repeated::LastWins, known: OPTIONS },
    hostname_domain: HostnameDomain::WhenEmpty,
    env: EnvRules {
        local_domain: LocalDomain::AllWords,
        res_options: ResOptions::Applied,
        host_aliases: HostAliases::Searched,
    },
    defaults: Defaults { ndots: 1, timeout_ms: 5000, attempts: 2 },
};

/// `resolv/res_query.c`, `__res_context_search`: on a suffix.
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
    Profile {
        resolver: *resolver,
        parse: PARSE,
        plan: PlanRules {
            search: SearchWhen::Always,
            root_suffix: RootSuffix::ReplacesAsIsLast,
            unencodable: Unencodable::SkipToAsIs,
            // nss_dns/dns-host.c, check_name, since 2.29.
            name_check: NameCheck::Hostname,
        },
        ask: AskRules {
            shape: Shape::Together,
            passes: Passes::One,
            socket: Socket::Candidate,
            edns: None,
            then: &[],
            unspec: &[QType::A, QType::Aaaa],
        },
        verdict: VerdictRules { pair: PairRule::AnyRecords, suffix: SUFFIX, as_is_first: AS_IS_FIRST },
        schedule: Schedule::Paired(PairedRules {
            lame: LameRule::WithoutAdditional,
            fallback: Fallback::OneByOne,
        }),
    }
}
