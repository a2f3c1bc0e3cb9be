//! Any text as a rule: reading ends, what was read is written so that it reads back, and it can be
//! evaluated on every version's built-in configuration.
#![no_main]

use backstay_catalog::expr::{eval, normalise, parse, quantity, slack};
use backstay_catalog::{Candidate, pack};
use backstay_model::name::EngineKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(rule) = parse(text) else {
        return;
    };
    assert_eq!(parse(&rule.to_string()).as_ref(), Ok(&rule), "{rule}");
    let Ok(choice) = pack(EngineKind::Postgresql, 18) else {
        panic!("the pack is shipped");
    };
    let candidate = Candidate::new(choice.pack);
    std::hint::black_box(eval(&rule, &candidate));
    std::hint::black_box(quantity(&rule, &candidate));
    assert!(slack(&rule, &candidate).is_none_or(|s| !s.margin.is_nan()), "{rule}");
    let once = normalise(rule);
    assert_eq!(normalise(once.clone()), once);
});
