//! The real binary, as another program would use it: its documents, its exit statuses, its signals.
//!
//! Every test talks to a simulated gateway on loopback, in this process or in the binary's own.

mod address;
mod close;
mod completions;
mod discover;
mod exit_status;
mod inspect;
mod keep;
mod list;
mod open;
mod program;
mod simulate;
mod streams;
mod usage;
