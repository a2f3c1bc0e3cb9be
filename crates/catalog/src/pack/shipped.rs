//! The packs that are part of the program, each read when it is first asked for.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use backstay_model::SettingName;
use backstay_model::name::EngineKind;
use serde::Deserialize;

use crate::pack::{NoPack, Pack, PackChoice, PackFit, Texts};

struct Shipped {
    engine: EngineKind,
    major: u32,
    texts: Texts<'static>,
    exact: &'static Lazy,
    carried: &'static Lazy,
}

type Lazy = LazyLock<Result<Pack, NoPack>>;

macro_rules! postgresql {
    ($($major:literal)*) => {
        &[$({
            const TEXTS: Texts<'static> = Texts {
                settings: include_str!(concat!("../../packs/postgresql/", $major, "/settings.json")),
                constraints: include_str!(concat!("../../packs/postgresql/", $major, "/constraints.json")),
                overrides: include_str!("../../packs/postgresql/overrides.toml"),
                effects: include_str!("../../packs/postgresql/effects.toml"),
            };
            static EXACT: Lazy = LazyLock::new(|| Pack::load(EngineKind::Postgresql, $major, TEXTS));
            static CARRIED: Lazy = LazyLock::new(|| EXACT.as_ref().map(Pack::carried).map_err(Clone::clone));
            Shipped {
                engine: EngineKind::Postgresql,
                major: $major,
                texts: TEXTS,
                exact: &EXACT,
                carried: &CARRIED,
            }
        }),*]
    };
}

/// Oldest first.
static SHIPPED: &[Shipped] = postgresql!(14 15 16 17 18);

/// The pack for `engine` at `major`, or that of the nearest older major version, carried over: with
/// half the weight of evidence ([`Pack::carried`]).
///
/// # Errors
/// `Missing` when nothing is shipped at this version or below, `Corrupt` when the pack cannot be read.
pub fn pack(engine: EngineKind, major: u32) -> Result<PackChoice, NoPack> {
    let fitting = SHIPPED
        .iter()
        .filter(|s| s.engine == engine && s.major <= major);
    let Some(shipped) = fitting.max_by_key(|s| s.major) else {
        return Err(NoPack::Missing {
            engine,
            major,
            known: known(),
        });
    };
    let (pack, fit) = if shipped.major == major {
        (shipped.exact, PackFit::Exact)
    } else {
        let from = shipped.major;
        (shipped.carried, PackFit::Carried { from })
    };
    let pack = pack.as_ref().map_err(Clone::clone)?;
    Ok(PackChoice { pack, fit })
}

/// Engine and major version of every pack that is part of the program, oldest first. None is read.
pub fn packs() -> impl Iterator<Item = (EngineKind, u32)> {
    SHIPPED.iter().map(|s| (s.engine, s.major))
}

/// Everything that the packs are made of, in a fixed order: equal texts, equal packs. None is read.
pub fn texts() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().flat_map(|shipped| {
        let Texts {
            settings,
            constraints,
            overrides,
            effects,
        } = shipped.texts;
        [settings, constraints, overrides, effects]
    })
}

/// What there is, for a person: `postgresql 14, 15, 16`.
fn known() -> String {
    let mut engines: BTreeMap<EngineKind, Vec<String>> = BTreeMap::new();
    for (engine, major) in packs() {
        engines.entry(engine).or_default().push(major.to_string());
    }
    let words = engines
        .iter()
        .map(|(engine, majors)| format!("{engine} {}", majors.join(", ")));
    words.collect::<Vec<_>>().join("; ")
}

/// Where else a setting exists that a major version does not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Elsewhere {
    /// The first major version that has it; it is newer than the one asked about.
    NewIn(u32),
    /// The first major version that no longer has it; it is not newer than the one asked about.
    RemovedIn(u32),
}

impl std::fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NewIn(major) => write!(f, "new in {major}"),
            Self::RemovedIn(major) => write!(f, "removed in {major}"),
        }
    }
}

/// Whether another major version of `engine` has the setting that `major` lacks; `None` when none has
/// it, or `major` has it itself.
#[must_use]
pub fn elsewhere(engine: EngineKind, major: u32, setting: &SettingName) -> Option<Elsewhere> {
    let (majors, names) = NAMES.get(&engine)?;
    let having = names.get(setting)?;
    let newest = *majors.last()?;
    if having.contains(&major.min(newest)) {
        return None;
    }
    if let Some(last) = having.iter().rev().find(|m| **m < major) {
        return majors
            .iter()
            .find(|m| *m > last)
            .map(|m| Elsewhere::RemovedIn(*m));
    }
    having
        .iter()
        .find(|m| **m > major)
        .map(|m| Elsewhere::NewIn(*m))
}

/// Major versions in order, and for each setting those that have it.
type Names = (Vec<u32>, BTreeMap<SettingName, Vec<u32>>);

/// Only the names: telling that a setting is of another version must not load the packs of all.
static NAMES: LazyLock<BTreeMap<EngineKind, Names>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct File {
        settings: Vec<Named>,
    }
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let mut found: BTreeMap<EngineKind, Names> = BTreeMap::new();
    for shipped in SHIPPED {
        let (majors, names) = found.entry(shipped.engine).or_default();
        // A damaged pack says so when it is asked for.
        let Ok(file) = serde_json::from_str::<File>(shipped.texts.settings) else {
            continue;
        };
        majors.push(shipped.major);
        for setting in file.settings {
            let name = SettingName::new(&setting.name);
            names.entry(name).or_default().push(shipped.major);
        }
    }
    found
});
