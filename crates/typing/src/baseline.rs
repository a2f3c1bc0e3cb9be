//! The baseline: the first class of cue words that fits decides, and the owner depends on the mentioned.

use backstay_model::EdgeKind;

use crate::data::Label;
use crate::features::Features;

/// The classes in the order of the design note, exclusion and see-also first because they are surest.
const ORDER: [(&str, Label); 8] = [
    ("see", None),
    ("exclude", Some(EdgeKind::ConflictsWith)),
    ("need", Some(EdgeKind::Requires)),
    ("noeffect", Some(EdgeKind::Enables)),
    ("bound", Some(EdgeKind::BoundedBy)),
    ("fallback", Some(EdgeKind::Overrides)),
    ("ratio", Some(EdgeKind::ScalesWith)),
    ("pool", Some(EdgeKind::SharesResource)),
];

/// The label of the first class that is in the sentence.
pub(crate) fn read(features: Features) -> Label {
    let names = features.names();
    let fits = |(class, _): &&(&str, Label)| names.iter().any(|n| n == class);
    ORDER.iter().find(fits).and_then(|(_, label)| *label)
}
