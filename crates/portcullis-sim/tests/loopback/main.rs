//! The gateway on real sockets, asked with those of the standard library.

// Clippy sees the helpers as part of tests only where this is said.
#[cfg(test)]
mod client;
#[cfg(test)]
mod port_control;
#[cfg(test)]
mod server;
