//! Any text as the value of any setting; what is shown of a value reads back as the same.
#![no_main]

use backstay_catalog::units::{Unit, parse};
use backstay_catalog::{Quantity, pack};
use backstay_model::name::EngineKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &str)| {
    let (which, text) = input;
    std::hint::black_box(Unit::parse(text));
    std::hint::black_box(Quantity::parse_bytes(text));
    let Ok(choice) = pack(EngineKind::Postgresql, 18) else {
        panic!("the pack is shipped");
    };
    let settings = &choice.pack.settings;
    let Some(def) = settings.values().nth(usize::from(which) % settings.len()) else {
        return;
    };
    let Ok(value) = parse(def, text) else {
        return;
    };
    if matches!(value, Quantity::Bytes(_) | Quantity::Micros(_) | Quantity::Count(_) | Quantity::Bool(_)) {
        assert_eq!(parse(def, &value.to_string()).as_ref(), Ok(&value), "{} = {text}", def.name);
    }
});
