use std::collections::BTreeSet;

use backstay_model::decision::SettingClass;

use super::*;
use crate::units::Quantity;

fn postgres() -> &'static Pack {
    pack(EngineKind::Postgresql, 15).unwrap().pack
}

#[test]
fn the_pack_loads_and_is_not_small() {
    let pack = postgres();
    assert!(pack.settings.len() > 350, "{}", pack.settings.len());
    assert!(pack.rules.len() > 200, "{}", pack.rules.len());
    let work_mem = pack.def("work_mem").unwrap();
    assert_eq!(work_mem.unit, Unit::parse("kB"));
    assert_eq!(work_mem.class, SettingClass::Reloadable);
    assert_eq!(
        pack.def("shared_buffers").unwrap().class,
        SettingClass::Restart
    );
    assert_eq!(pack.def("datestyle").unwrap().kind, ValueKind::List);
}
