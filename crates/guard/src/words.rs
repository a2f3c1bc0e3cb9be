//! Values of changes as a person writes them: `8MB`, where the engine counts `8192` kilobytes.

use backstay_catalog::{pack, units};
use backstay_model::Change;
use backstay_model::name::EngineKind;

/// The old and the new value of a change, with their units.
#[must_use]
pub fn values(change: &Change) -> (String, String) {
    (
        readable(change, &change.old_text()),
        readable(change, &change.new_text()),
    )
}

/// `text` with the unit of its setting, where the newest knowledge has one; else as it is.
fn readable(change: &Change, text: &str) -> String {
    let newest = pack(EngineKind::Postgresql, u32::MAX).ok();
    let def = newest.and_then(|choice| choice.pack.def(change.key.name.as_str()));
    let quantity = def.and_then(|def| units::parse(def, text).ok());
    let shown = quantity.map_or_else(|| text.to_owned(), |q| q.to_string());
    if shown.is_empty() {
        "''".to_owned()
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstay_model::change::{Author, ChangeTime, Origin, Pending, Standing, TakesEffect};
    use backstay_model::{SettingKey, Timestamp, Value, ValueSource};

    #[test]
    fn sizes_have_their_unit_and_words_stay() {
        let standing = |text: &str| Standing {
            effective: Some(Value::text(text)),
            source: ValueSource::AutoFile,
            entry: None,
            waiting: None,
            pending_restart: Pending::No,
        };
        let change = |name: &str, old: &str, new: &str| Change {
            key: SettingKey::instance(name),
            old: standing(old),
            new: standing(new),
            time: ChangeTime {
                not_before: Timestamp(0),
                not_after: Timestamp(0),
                exact: None,
            },
            author: Author::Unknown,
            description: None,
            application: None,
            origin: Origin::Observed,
            takes_effect: TakesEffect::Now,
        };
        let shown = |name, old, new| values(&change(name, old, new));
        assert_eq!(
            shown("work_mem", "4096", "8192"),
            ("4MB".into(), "8MB".into())
        );
        assert_eq!(shown("jit", "on", "off"), ("on".into(), "off".into()));
        assert_eq!(shown("my.own", "1", "2"), ("1".into(), "2".into()));
        let (empty, _) = shown("synchronous_standby_names", "", "s1");
        assert_eq!(empty, "''");
    }
}
