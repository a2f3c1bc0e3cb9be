//! Any text as the text of any setting, in any version: it is judged, and the judgement is the reader's too.
#![no_main]

use backstay_catalog::pack::ValueKind;
use backstay_catalog::units::offered;
use backstay_catalog::{Judgement, pack};
use backstay_model::name::EngineKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u16, &str)| {
    let (major, which, text) = input;
    let Ok(choice) = pack(EngineKind::Postgresql, 14 + u32::from(major % 5)) else {
        panic!("the pack is shipped");
    };
    let spoken = |d: &&backstay_catalog::SettingDef| matches!(d.kind, ValueKind::Text | ValueKind::List);
    let spoken: Vec<_> = choice.pack.settings.values().filter(spoken).collect();
    let def = spoken[usize::from(which) % spoken.len()];
    let Some(judgement) = choice.pack.judge_text(&def.name, text) else {
        panic!("{} is a text", def.name);
    };
    if matches!(judgement, Judgement::Refused(_)) {
        assert!(offered(def, text).is_err(), "{} = {text}", def.name);
    }
});
