//! Any bytes as `resolv.conf`, `LOCALDOMAIN` and `RES_OPTIONS`, read by every resolver, planned and walked.

#![no_main]

use dnsprobe_resolv::answers::Offline;
use dnsprobe_resolv::conf::{self, syntax};
use dnsprobe_resolv::{Family, Request, Resolver, ResolverId, Situation, plan, simulate};
use libfuzzer_sys::fuzz_target;

/// Versions that read or walk differently, beside the default of each resolver.
const VERSIONS: [&str; 9] = [
    "glibc@2.25", "glibc@2.42", "musl@1.1.12", "musl@1.2.0", "musl@1.2.3", "go@1.19", "c-ares@1.18", "c-ares@1.28",
    "hickory@0.24",
];

fuzz_target!(|bytes: &[u8]| {
    let lines = syntax::lines(bytes).count();
    // What stands behind the first NUL is the environment.
    let (file, environment) = match bytes.iter().position(|&byte| byte == 0) {
        Some(at) => (&bytes[..at], Some(String::from_utf8_lossy(&bytes[at + 1..]).into_owned())),
        None => (bytes, None),
    };
    let situation = Situation {
        hostname: "pod-0.corp.test".to_owned(),
        res_options: environment.clone(),
        local_domain: environment,
        ..Situation::default()
    };
    let versions = VERSIONS.into_iter().filter_map(|text| Resolver::parse(text).ok());
    for resolver in ResolverId::ALL.into_iter().map(Resolver::new).chain(versions) {
        let profile = resolver.profile();
        let Ok(settings) = conf::interpret(Some(file), &situation, &profile) else { continue };
        assert!(settings.notes.len() <= 1000 && settings.notes.iter().all(|note| note.line <= lines));
        assert!(settings.notes.iter().all(|note| note.what.len() < 1000));
        assert!(!settings.nameservers.is_empty());
        let planned = plan(b"www.example.com", &settings, &profile, Family::Unspec);
        assert!(planned.candidates.len() <= settings.search.len() + 1);
        if settings.search.len() < 20 {
            simulate(&profile, &settings, &Request::new("www.example.com"), &Offline);
        }
    }
});
