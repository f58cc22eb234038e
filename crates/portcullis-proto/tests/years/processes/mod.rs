//! Schedules of several processes: two hosts at one gateway, each with up to three processes at a time that open, keep,
//! close, fail, are killed and are begun anew, as a person types commands; and a stranger.
//!
//! The observer sees who changes what in the gateway's table, and what each process says.

mod command;
mod directory;
mod home;
pub(crate) mod invariant;
mod life;
pub(crate) mod plan;
mod process;
mod promises;
mod router;
mod scenes;
mod standing;
mod tell;

pub(crate) use home::Home;
