//! One packet socket in one network namespace.
