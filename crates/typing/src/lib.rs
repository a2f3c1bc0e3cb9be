//! What a sentence says about two settings: kind of dependency, direction and rule.
#![deny(missing_docs)]
