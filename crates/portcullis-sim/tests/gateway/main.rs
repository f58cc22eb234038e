//! The gateway in memory, asked by bytes alone.

// Clippy sees the helpers as part of tests only where this is said.
#[cfg(test)]
mod actions;
#[cfg(test)]
mod announcements;
#[cfg(test)]
mod description;
#[cfg(test)]
mod home;
#[cfg(test)]
mod lease;
#[cfg(test)]
mod nat_pmp;
#[cfg(test)]
mod pcp;
#[cfg(test)]
mod pcp_options;
#[cfg(test)]
mod pinhole;
#[cfg(test)]
mod port_control;
#[cfg(test)]
mod port_control_oddities;
#[cfg(test)]
mod quirks;
#[cfg(test)]
mod search;
#[cfg(test)]
mod transport;
#[cfg(test)]
mod version_two;
