//! The client against simulated gateways, one behaviour a file: in memory, in virtual time.

// Clippy sees the helpers as part of tests only where this is said.
#[cfg(test)]
#[path = "../common/pair/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared by test binaries that each use a part of it")]
mod pair;

#[cfg(test)]
mod conflict_policies;
#[cfg(test)]
mod description_fallbacks;
#[cfg(test)]
mod every_scenario;
#[cfg(test)]
mod lossy_link;
#[cfg(test)]
mod main_job;
#[cfg(test)]
mod permanent_lease_only;
#[cfg(test)]
mod same_port_required;
