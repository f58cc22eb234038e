//! The client against simulated gateways, one behaviour a file: in memory, in virtual time.

#[path = "../common/pair/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared by test binaries that each use a part of it")]
mod pair;

mod main_job;
