//! A client that is started when something needs it.

use crate::{Client, Config};
use std::io;

/// Creating an object starts no thread; its first call on the network does.
#[derive(Clone, Debug)]
pub(super) enum LazyClient {
    Planned(Config),
    Started(Client),
}

impl Default for LazyClient {
    fn default() -> Self {
        Self::Planned(Config::new())
    }
}

impl LazyClient {
    pub(super) fn get(&mut self) -> io::Result<Client> {
        match self {
            Self::Started(client) => Ok(client.clone()),
            Self::Planned(config) => {
                let client = Client::with_config(config.clone())?;
                *self = Self::Started(client.clone());
                Ok(client)
            }
        }
    }
}
