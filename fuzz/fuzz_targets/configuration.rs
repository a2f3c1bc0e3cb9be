//! Any text as a configuration file: lines and notes come of it, and every rule can be judged on them.
#![no_main]

use backstay_catalog::{Candidate, check, pack, parse_conf};
use backstay_model::name::EngineKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let (lines, _notes) = parse_conf(&text);
    let Ok(choice) = pack(EngineKind::Postgresql, 18) else {
        panic!("the pack is shipped");
    };
    let (candidate, _errors) = Candidate::new(choice.pack).with_conf(&lines);
    if !lines.is_empty() {
        std::hint::black_box(check(choice.pack, &candidate));
    }
});
