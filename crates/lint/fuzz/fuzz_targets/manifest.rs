//! Any bytes as a manifest: what `tests/holds` promises.

#![no_main]

#[path = "../../tests/holds/mod.rs"]
mod holds;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| holds::holds(bytes));
