//! The gateway in memory, asked by bytes alone.

// Clippy sees the helpers as part of tests only where this is said.
#[cfg(test)]
mod actions;
#[cfg(test)]
mod description;
#[cfg(test)]
mod home;
#[cfg(test)]
mod lease;
#[cfg(test)]
mod pinhole;
#[cfg(test)]
mod quirks;
#[cfg(test)]
mod search;
#[cfg(test)]
mod transport;
#[cfg(test)]
mod version_two;
