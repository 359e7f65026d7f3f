//! Which pod is that, and what passes through its network namespace?
