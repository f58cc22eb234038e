//! Hostile peers on real loopback sockets: every wait ends, every socket is closed, and the client goes on
//! to work with a good gateway.

// Clippy sees the helpers as part of tests only where this is said.
#[cfg(test)]
mod budget;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod rows;
