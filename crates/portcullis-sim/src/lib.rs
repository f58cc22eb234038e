//! A simulated gateway.
