//! What a plan for the standard pod file costs: `cargo bench -p dnsprobe-resolv`. Allocations are counted beside the time.

use divan::{AllocProfiler, Bencher, black_box};
use dnsprobe_resolv::{Family, Resolver, Situation, conf, plan};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

const POD_FILE: &[u8] = b"nameserver 10.96.0.10\n\
    search default.svc.cluster.local svc.cluster.local cluster.local\n\
    options ndots:5\n";

/// How large a hostile file is, in bytes.
const HOSTILE: usize = 10 << 20;

const RESOLVERS: [&str; 6] = ["glibc", "musl", "go", "c-ares", "bind-nslookup", "hickory"];

fn main() {
    divan::main();
}

/// Every candidate of a name, the file having been read.
#[divan::bench(args = RESOLVERS)]
fn plan_of_a_name(bencher: Bencher<'_, '_>, resolver: &str) {
    let profile = Resolver::parse(resolver).map(|resolver| resolver.profile()).ok();
    let Some(profile) = profile else { return };
    let situation = Situation { hostname: "pod-0".to_owned(), ..Situation::default() };
    let Ok(settings) = conf::interpret(Some(POD_FILE), &situation, &profile) else { return };
    bencher.bench_local(|| plan(black_box(b"www.example.com"), &settings, &profile, Family::Unspec));
}

/// The file read, and then the plan.
#[divan::bench(args = RESOLVERS)]
fn file_and_plan(bencher: Bencher<'_, '_>, resolver: &str) {
    let profile = Resolver::parse(resolver).map(|resolver| resolver.profile()).ok();
    let Some(profile) = profile else { return };
    let situation = Situation { hostname: "pod-0".to_owned(), ..Situation::default() };
    bencher.bench_local(|| {
        let settings = conf::interpret(Some(black_box(POD_FILE)), &situation, &profile).ok()?;
        Some(plan(black_box(b"www.example.com"), &settings, &profile, Family::Unspec))
    });
}

/// Ten megabytes that are no `resolv.conf`, read and planned.
#[divan::bench(args = ["nul", "one search", "one options", "options lines", "search lines", "nameservers", "keywords"], consts = [0, 1, 2, 3, 4, 5, 6, 7])]
fn hostile_file<const R: usize>(bencher: Bencher<'_, '_>, kind: &str) {
    let resolver =
        ["glibc", "musl", "go", "c-ares", "bind-nslookup", "busybox-nslookup", "hickory", "netty"][R];
    let piece: &[u8] = match kind {
        "nul" => b"\0",
        "one search" => b"search a.test,b ",
        "one options" => b"options ndots:1 ",
        "options lines" => b"options x y:1 z\n",
        "search lines" => b"search a a.a # \n",
        "nameservers" => b"nameserver 1.1.1\n",
        _ => b"x\n",
    };
    let file = piece.repeat(HOSTILE / piece.len());
    let Some(profile) = Resolver::parse(resolver).map(|resolver| resolver.profile()).ok() else { return };
    bencher.bench_local(|| {
        let settings = conf::interpret(Some(black_box(&file)), &Situation::default(), &profile).ok()?;
        Some(plan(black_box(b"www.example.com"), &settings, &profile, Family::Unspec))
    });
}
