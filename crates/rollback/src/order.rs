//! The order of steps: whatever requires something is put back before that something.

use std::collections::BTreeSet;

use backstay_model::SettingKey;
use backstay_model::plan::PlanStep;

/// The steps in no useful order, because they require each other in a circle.
#[derive(Debug)]
pub(crate) struct Circle(pub(crate) Vec<PlanStep>);

/// `steps` so that each `before` comes ahead of its `after`, and otherwise in the order of their keys.
/// Pairs about settings without a step do not count.
pub(crate) fn arrange(
    steps: Vec<PlanStep>,
    requires: &[(SettingKey, SettingKey)],
) -> Result<Vec<PlanStep>, Circle> {
    let mut left = steps;
    left.sort_by(|a, b| a.key.cmp(&b.key));
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let open: BTreeSet<&SettingKey> = left.iter().map(|s| &s.key).collect();
        let waits = |key: &SettingKey| {
            requires
                .iter()
                .any(|(before, after)| after == key && before != key && open.contains(before))
        };
        let Some(next) = left.iter().position(|s| !waits(&s.key)) else {
            ordered.append(&mut left);
            return Err(Circle(ordered));
        };
        ordered.push(left.remove(next));
    }
    Ok(ordered)
}

/// The first pair whose order `steps` break.
pub(crate) fn broken<'a>(
    steps: &[PlanStep],
    requires: &'a [(SettingKey, SettingKey)],
) -> Option<&'a (SettingKey, SettingKey)> {
    let place = |key: &SettingKey| steps.iter().position(|s| s.key == *key);
    requires
        .iter()
        .find(|(before, after)| match (place(before), place(after)) {
            (Some(first), Some(second)) => first > second,
            _ => false,
        })
}
