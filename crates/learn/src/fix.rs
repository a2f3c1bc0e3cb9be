//! Fix pairs: X changed, trouble, Y changed, recovered.
