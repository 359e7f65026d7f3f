//! The command.

mod demo;
mod measure;

fn main() {}
