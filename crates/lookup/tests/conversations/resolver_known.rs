//! Who asks is known beside the packets: by what was found in files, or by the user's word.

use dnsprobe_lookup::{Lookup, Pipeline, ResolverFrom, SearchList};
use dnsprobe_resolv::{Outcome, QType, Resolver, ResolverId, Situation};

use super::wire::{Conversation, Say};
use super::{POD, external, known};

fn said_by_the_user(talk: &Conversation, conf: &[u8], resolver: &str) -> Vec<Lookup> {
    let mut pipeline = Pipeline::new(vec![53], SearchList::Known(Some(conf.to_vec())));
    pipeline.with_given(Resolver::parse(resolver).unwrap());
    let mut lookups = talk.play(&mut pipeline);
    lookups.sort_by_key(|lookup| lookup.start);
    lookups
}

#[test]
fn the_users_word_for_the_resolver_outweighs_the_packets() {
    let mut talk = Conversation::new();
    external(&mut talk, "www.example.com", 40_000);
    let seen = &said_by_the_user(&talk, POD, "musl@1.2.3")[0].resolver;
    assert_eq!((seen.id, seen.version.as_deref()), ("musl", Some("1.2.3")));
    assert_eq!((seen.from, seen.evidence), (ResolverFrom::Given, None));
}

#[test]
fn questions_are_grouped_by_the_walk_of_the_resolver_that_is_given() {
    let conf = b"search shop.svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:1\n";
    let mut talk = Conversation::new();
    talk.pair("api.vendor", 40_000, Say::NxDomain);
    talk.pair("api.vendor.shop.svc.cluster.local", 40_001, Say::NxDomain);
    let names = |resolver| -> Vec<String> {
        said_by_the_user(&talk, conf, resolver).into_iter().map(|lookup| lookup.name.to_string()).collect()
    };
    // glibc searches after the name as it stands; musl does not, so it was asked for a second name.
    assert_eq!(names("glibc"), ["api.vendor"]);
    assert_eq!(names("musl"), ["api.vendor", "api.vendor.shop.svc.cluster.local"]);
}

#[test]
fn what_a_pair_comes_to_is_judged_as_the_given_resolver_does() {
    let mut talk = Conversation::new();
    let name = "www.example.com.shop.svc.cluster.local";
    talk.ask(name, QType::A, 40_000, 7);
    talk.ask(name, QType::Aaaa, 40_000, 4_711);
    talk.wait_ms(1);
    talk.answer(name, QType::A, 40_000, 7, Say::Address);
    talk.answer(name, QType::Aaaa, 40_000, 4_711, Say::NxDomain);
    let outcome = |resolver| said_by_the_user(&talk, POD, resolver)[0].outcome;
    // musl takes NXDOMAIN for either type as the name's (1.2.5 src/network/lookup_name.c, name_from_dns).
    assert_eq!((outcome("glibc"), outcome("musl")), (Outcome::Answer, Outcome::NxDomain));
}

/// One candidate found at once: A answered, then AAAA from another port. glibc and BIND's nslookup both do that.
fn one_type_after_the_other(talk: &mut Conversation) {
    let name = "web.shop.svc.cluster.local";
    for (qtype, port, say) in [(QType::A, 40_000, Say::Address), (QType::Aaaa, 40_001, Say::NoData)] {
        talk.ask(name, qtype, port, port);
        talk.wait_ms(1);
        talk.answer(name, qtype, port, port, say);
    }
}

#[test]
fn what_is_detected_decides_between_look_alikes() {
    let mut talk = Conversation::new();
    one_type_after_the_other(&mut talk);
    let seen = |detected: &[ResolverId]| {
        let mut pipeline = Pipeline::new(vec![53], known());
        pipeline.with_resolvers(detected.to_vec());
        let resolver = talk.play(&mut pipeline)[0].resolver.clone();
        (resolver.id, resolver.from)
    };
    assert_eq!(seen(&[]), ("bind-nslookup", ResolverFrom::Inferred));
    assert_eq!(seen(&[ResolverId::Glibc]), ("glibc", ResolverFrom::Detected));
}

#[test]
fn a_sure_sign_stands_against_what_is_detected() {
    let mut talk = Conversation::new();
    external(&mut talk, "www.example.com", 40_000);
    let mut pipeline = Pipeline::new(vec![53], known());
    pipeline.with_resolvers(vec![ResolverId::Go]);
    let resolver = &talk.play(&mut pipeline)[0].resolver;
    assert_eq!((resolver.id, resolver.from), ("glibc", ResolverFrom::Inferred));
}

#[test]
fn the_environment_of_the_clients_is_read_with_the_file() {
    let names = |situation: Situation| -> Vec<String> {
        let mut talk = Conversation::new();
        talk.pair("db.shop.svc.cluster.local", 45_000, Say::Address);
        talk.wait_ms(100);
        // As it stands, then with what `LOCALDOMAIN` has in place of the list.
        talk.pair("api.vendor", 40_000, Say::NxDomain);
        talk.pair("api.vendor.corp.example", 40_001, Say::Address);
        let mut pipeline = Pipeline::new(vec![53], known());
        pipeline.with_situation(&situation);
        let mut lookups = talk.play(&mut pipeline);
        lookups.sort_by_key(|lookup| lookup.start);
        lookups.iter().skip(1).map(|lookup| lookup.name.to_string()).collect()
    };
    assert_eq!(names(Situation::default()), ["api.vendor.", "api.vendor.corp.example."]);
    let (options, domain) = (Some("ndots:1".to_owned()), Some("corp.example".to_owned()));
    let situation = Situation { res_options: options, local_domain: domain, ..Situation::default() };
    assert_eq!(names(situation), ["api.vendor"]);
}
