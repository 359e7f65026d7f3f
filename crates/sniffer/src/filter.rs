//! The kernel's filter: a classic BPF program that lets only DNS through.

/// How many different ports one program holds.
pub const MAX_PORTS: usize = 32;
