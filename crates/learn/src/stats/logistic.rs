//! Logistic regression, isotonic regression and Platt scaling.
