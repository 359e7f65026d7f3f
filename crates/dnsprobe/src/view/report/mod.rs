//! The report: one HTML file that needs nothing else.

mod gallery;

pub(crate) use gallery::Gallery;
