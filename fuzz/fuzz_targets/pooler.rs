//! Any text as the configuration of a pooler.
#![no_main]

use backstay_catalog::pooler::{parse, users_in};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let users = users_in(text);
    std::hint::black_box(parse(text, Some(users)));
});
