//! Any message: the decoder for usual messages, where it takes one, reads in it what the decoder for all of them reads, to
//! the case of every letter, whatever names it has seen before.

#![no_main]

use std::cell::RefCell;

use dnsprobe_lookup::message::{self, Names, general};
use libfuzzer_sys::fuzz_target;

thread_local! {
    /// Of all messages so far.
    static SEEN: RefCell<Names> = RefCell::default();
}

fuzz_target!(|bytes: &[u8]| {
    let expected = format!("{:?}", general::decode(bytes, &mut Names::default()));
    assert_eq!(format!("{:?}", message::decode(bytes, &mut Names::default())), expected);
    let decoded = SEEN.with_borrow_mut(|seen| format!("{:?}", message::decode(bytes, seen)));
    assert_eq!(decoded, expected);
});
