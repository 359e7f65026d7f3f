//! Throws damaged manifests at the linter until the time is up: `cargo run --release -p dnsprobe-lint --example hammer --
//! SECONDS [SEED_FILE...]`. A panic ends it with the text that caused it; so does a fix that breaks a text's encoding.

use dnsprobe_lint::{Config, Found, Input, Safety, apply, judge, scan};
use std::time::{Duration, Instant};

/// Pieces that matter to YAML readers, Kubernetes and our own finders.
const PIECES: [&str; 40] = [
    "---\n",
    "...\n",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "<<: *a\n",
    "!!str ",
    "|\n",
    ">-\n",
    "\"",
    "'",
    "# ",
    "# dnsprobe: ignore DP101\n",
    "\t",
    "\r\n",
    "\u{feff}",
    "ü",
    "\u{1f600}",
    "{{ .Values.x }}",
    "dnsPolicy: None\n",
    "dnsConfig:\n",
    "options:\n",
    "nameservers: [",
    "searches:\n",
    "ndots:2",
    "://",
    "https://a.example.com.",
    "@tcp(",
    "svc.cluster.local",
    "apiVersion: v1\nkind: List\nitems:\n",
    "containers:\n",
    "\0",
    "? ",
    "%YAML 1.2\n",
    "~",
];

/// xorshift64*: repeatable, and good enough to choose places.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(mixed).unwrap_or_default() % end.max(1)
    }
}

fn damaged(seed: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=dice.below(6) {
        let at = dice.below(bytes.len() + 1);
        let end = (at + dice.below(12)).min(bytes.len());
        match dice.below(4) {
            0 => drop(bytes.drain(at..end)),
            1 => drop(bytes.splice(at..at, PIECES[dice.below(PIECES.len())].bytes())),
            2 => {
                let piece = bytes[at..end].to_vec();
                let to = dice.below(bytes.len() + 1);
                drop(bytes.splice(to..to, piece));
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << dice.below(8);
                }
            }
        }
    }
    bytes
}

fn lint(bytes: &[u8]) {
    let facts = [scan(Input { path: "x.yaml", bytes, found: Found::Named })];
    let report = judge(&facts, &Config::default());
    if let Ok(text) = std::str::from_utf8(bytes) {
        for diagnostic in &report.diagnostics {
            assert!(text.get(diagnostic.span.bytes()).is_some(), "{diagnostic:?}");
        }
        let _ = apply(text, &report.diagnostics, Safety::Suggested);
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(10);
    let seeds: Vec<Vec<u8>> = arguments.filter_map(|path| std::fs::read(path).ok()).collect();
    let seeds =
        if seeds.is_empty() { vec![b"apiVersion: v1\nkind: Pod\nspec: {}\n".to_vec()] } else { seeds };
    let (start, mut dice, mut rounds) = (Instant::now(), Dice(0x9E37_79B9_7F4A_7C15), 0_u64);
    while start.elapsed() < Duration::from_secs(seconds) {
        let bytes = damaged(&seeds[dice.below(seeds.len())], &mut dice);
        if std::panic::catch_unwind(|| lint(&bytes)).is_err() {
            println!("after {rounds} rounds:\n{}", String::from_utf8_lossy(&bytes));
            std::process::exit(1);
        }
        rounds += 1;
    }
    println!("{rounds} texts, no panic");
}
