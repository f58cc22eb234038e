//! The session: what to send next, and what an answer meant.

pub mod io;
