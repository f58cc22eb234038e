//! Simulated years: schedules of trouble, each of minutes to a week, that follow from a seed; what the client promises is
//! checked after every step.
//!
//! There are two kinds of schedules: one client and its troubles, and several processes of two hosts
//! ([`processes`]). `PORTCULLIS_KIND` chooses `troubles` or `processes`; without it, both are run.
//!
//! `PORTCULLIS_SCHEDULES` says how many schedules are run, `PORTCULLIS_FIRST_SEED` with which seed they begin, and
//! `PORTCULLIS_MINUTES` after how long no new one is begun. A schedule that fails is named by its seed;
//! `PORTCULLIS_SEED` runs that one alone, and tells what happens in it.

// Clippy sees the helpers as part of tests only where this is said.
#[cfg(test)]
#[path = "../common/pair/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared by test binaries that each use a part of it")]
mod pair;

#[cfg(test)]
mod budget;
#[cfg(test)]
mod gateways;
#[cfg(test)]
mod measure;
#[cfg(test)]
mod observer;
#[cfg(test)]
mod processes;
#[cfg(test)]
mod random;
#[cfg(test)]
mod run;
#[cfg(test)]
mod schedule;
#[cfg(test)]
mod trouble;
#[cfg(test)]
mod world;
