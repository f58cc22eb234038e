//! The real binary, as another program would use it: its documents, its exit statuses, its signals.
//!
//! Every test talks to a simulated gateway on loopback, in this process or in the binary's own.

mod address;
mod close;
mod completions;
mod discover;
mod exit_status;
mod inspect;
mod journal;
mod journal_place;
mod keep;
mod list;
#[cfg(unix)]
mod notices;
mod open;
mod pinhole;
mod program;
mod protocol;
#[cfg(unix)]
mod running;
#[cfg(unix)]
mod several;
mod simulate;
mod streams;
mod usage;
mod watch;
