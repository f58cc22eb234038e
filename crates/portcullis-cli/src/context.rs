//! What every command is given.

use crate::cli::NetworkArgs;
use crate::clock::Started;
use crate::output::Output;
use portcullis::JournalPlace;

#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) started: Started,
    pub(crate) output: Output,
    pub(crate) network: NetworkArgs,
    pub(crate) journal: JournalPlace,
}
