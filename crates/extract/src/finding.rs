//! What one source says about a pair or a family of settings.

use backstay_model::dependency::{Evidence, EvidenceKind};
use backstay_model::{EdgeKind, Severity};

/// One claim by one source.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Finding {
    /// What depends.
    pub(crate) from: String,
    /// On what.
    pub(crate) to: String,
    /// How; `None` when only that they belong together.
    pub(crate) kind: Option<EdgeKind>,
    /// The rule, in the expression language.
    pub(crate) rule: Option<String>,
    /// What happens when it is violated, where the source says so.
    pub(crate) severity: Option<Severity>,
    /// The source.
    pub(crate) source: EvidenceKind,
    /// Where it can be looked up again.
    pub(crate) anchor: String,
    /// Natural logarithm of the likelihood ratio.
    pub(crate) log_lr: f64,
    /// How well the source tells the kind: larger beats smaller.
    pub(crate) grip: u8,
}

impl Finding {
    /// What it says, as evidence.
    pub(crate) fn evidence(&self) -> Evidence {
        Evidence {
            kind: self.source,
            anchor: self.anchor.clone(),
            log_lr: self.log_lr,
            observed_at: None,
        }
    }

    /// The two names, sorted.
    pub(crate) fn pair(&self) -> (&str, &str) {
        let (a, b) = (self.from.as_str(), self.to.as_str());
        if a <= b { (a, b) } else { (b, a) }
    }
}
