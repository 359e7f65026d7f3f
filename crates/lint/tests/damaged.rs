//! Damaged manifests: the same ones in every run, far fewer than the fuzz target tries.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise, in its helpers too")]

mod holds;

use std::path::Path;

use holds::holds;

/// Damaged texts made of every seed.
const ROUNDS: usize = 50;

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
        usize::try_from(mixed).unwrap() % end.max(1)
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

#[test]
fn damaged_manifests_are_linted_and_repaired_without_surprise() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/manifests");
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut seeds = 0;
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let seed = std::fs::read(entry.path()).unwrap();
        seeds += 1;
        for _ in 0..ROUNDS {
            let bytes = damaged(&seed, &mut dice);
            let held = std::panic::catch_unwind(|| holds(&bytes)).is_ok();
            assert!(held, "made from {}:\n{}", entry.path().display(), String::from_utf8_lossy(&bytes));
        }
    }
    assert!(seeds > 10, "{seeds}");
}
