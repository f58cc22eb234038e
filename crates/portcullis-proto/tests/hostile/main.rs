//! The client among hostile devices, in memory and in virtual time: the rows of docs/ATTACKS.md, and the
//! budgets that none of them may break.

// Clippy sees the helpers as part of tests only where this is said.
#[cfg(test)]
#[path = "../common/pair/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared by test binaries that each use a part of it")]
mod pair;

#[cfg(test)]
mod bare;
#[cfg(test)]
mod budget;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod http;
#[cfg(test)]
mod port_control;
#[cfg(test)]
mod port_control_keeping;
#[cfg(test)]
mod random;
#[cfg(test)]
mod session;
#[cfg(test)]
mod session_keeping;
#[cfg(test)]
mod ssdp;
#[cfg(test)]
mod url;
#[cfg(test)]
mod xml;
