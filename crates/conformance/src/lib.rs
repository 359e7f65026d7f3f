//! Compares the models of `dnsprobe-resolv` with recordings of real resolvers. Development only, no part of the
//! released binary.

pub mod compare;
pub mod kubelet;
pub mod predict;
pub mod record;
pub mod vector;

pub use compare::{Agreement, Comparison, compare};
pub use kubelet::PodVector;
pub use predict::{Prediction, predict};
pub use vector::{Vector, VectorError, read_lines, read_vectors};
