//! The learner: observations in, what is learnt out.
