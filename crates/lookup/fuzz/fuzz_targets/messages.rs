//! Any message: the decoder for usual messages, where it takes one, reads in it what the decoder for all of them reads, to
//! the case of every letter.

#![no_main]

use dnsprobe_lookup::message::{self, Names, general};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let decoded = message::decode(bytes, &mut Names::default());
    let expected = general::decode(bytes, &mut Names::default());
    assert_eq!(format!("{decoded:?}"), format!("{expected:?}"));
});
