//! Fitting the weights of evidence groups to labelled pairs.
