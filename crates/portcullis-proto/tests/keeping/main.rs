//! Mappings that are kept, against simulated gateways that restart, forget, refuse and go silent: in memory, in
//! virtual time.

// Clippy sees the helpers as part of tests only where this is said.
#[cfg(test)]
#[path = "../common/pair/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared by test binaries that each use a part of it")]
mod pair;

#[cfg(test)]
mod announcements;
#[cfg(test)]
mod asked;
#[cfg(test)]
mod ending;
#[cfg(test)]
mod gateway_goes;
#[cfg(test)]
mod gateway_restarts;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod lifetimes;
#[cfg(test)]
mod moved;
#[cfg(test)]
mod network_changes;
#[cfg(test)]
mod renewal;
#[cfg(test)]
mod renumbering;
mod returning;
#[cfg(test)]
mod send_times;
#[cfg(test)]
mod vpn;
