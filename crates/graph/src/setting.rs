//! The values of the settings of a target through time.

use backstay_model::{Author, ChangeSetId, Timestamp, Value};
use serde::{Deserialize, Serialize};

/// One entry of the history of a setting: what it was set to, by whom, when.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SettingVersion {
    /// The value; `None` when the entry was taken away.
    pub value: Option<Value>,
    /// Who set it.
    pub author: Author,
    /// The change set; `None` for a first observation.
    pub change_set: Option<ChangeSetId>,
    /// First moment it holds: when it was changed.
    pub changed_at: Timestamp,
    /// First moment it no longer holds; the open end while it does.
    pub valid_to: Timestamp,
}

/// How a setting stands at one moment. There is none when nothing is set.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SettingState {
    /// The value.
    pub value: Value,
    /// When it was set.
    pub changed_at: Timestamp,
    /// Who set it.
    pub author: Author,
    /// The change set; `None` for a first observation.
    pub change_set: Option<ChangeSetId>,
    /// First moment it no longer holds; the open end while it does.
    pub valid_to: Timestamp,
}

impl SettingVersion {
    /// The state this version gives; `None` when it has no value.
    #[must_use]
    pub fn state(self) -> Option<SettingState> {
        let Self {
            value,
            author,
            change_set,
            changed_at,
            valid_to,
        } = self;
        Some(SettingState {
            value: value?,
            changed_at,
            author,
            change_set,
            valid_to,
        })
    }
}
