//! The library's clients, one for each set of protocols, and for each gateway that a script names; all objects share them, so
//! that there are few threads, and all of them end with the main loop.

use core::time::Duration;
use portcullis::{Client, Config, GatewayAddress, Method};
use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How long tidying up may hold up the end of the program where no node says.
const EXIT_TIMEOUT: Duration = Duration::from_millis(500);

#[derive(Default)]
struct Clients {
    /// By gateway (none: whichever the network has) and protocols.
    started: HashMap<(Option<GatewayAddress>, Vec<Method>), Client>,
    /// The longest that a node has said.
    exit_timeout: Option<Duration>,
    /// Nothing is started any more: the library is about to be unloaded.
    closed: bool,
}

static CLIENTS: Mutex<Option<Clients>> = Mutex::new(None);

/// The client for this gateway that speaks these protocols, started if need be.
pub(crate) fn get(gateway: Option<&GatewayAddress>, methods: &[Method]) -> io::Result<Client> {
    let mut guard = lock();
    let clients = guard.get_or_insert_default();
    let key = (gateway.cloned(), methods.to_vec());
    if let Some(client) = clients.started.get(&key) {
        return Ok(client.clone());
    }
    if clients.closed {
        return Err(io::ErrorKind::NotConnected.into());
    }
    let config = gateway.into_iter().cloned().fold(Config::new(), Config::gateway);
    let client = Client::with_config(config.methods(methods.iter().copied()))?;
    clients.started.insert(key, client.clone());
    Ok(client)
}

/// Mappings that were released just now may take this long to go when the program ends.
pub(crate) fn allow_at_exit(timeout: Duration) {
    let mut guard = lock();
    let clients = guard.get_or_insert_default();
    clients.exit_timeout = clients.exit_timeout.max(Some(timeout));
}

/// Lets what is under way end, within the exit timeout, and joins all threads.
pub(crate) fn shutdown() {
    let (started, timeout) = {
        let mut guard = lock();
        let clients = guard.get_or_insert_default();
        clients.closed = true;
        (clients.started.clone(), clients.exit_timeout.unwrap_or(EXIT_TIMEOUT))
    };
    // At once, not one after the other; clones stay in place for whoever calls now, and is told that it is over.
    let ending: Vec<_> =
        started.into_values().map(|client| std::thread::spawn(move || client.shutdown(timeout))).collect();
    for thread in ending {
        // A panic has been reported by its own hook.
        let _ = thread.join();
    }
}

fn lock() -> MutexGuard<'static, Option<Clients>> {
    CLIENTS.lock().unwrap_or_else(PoisonError::into_inner)
}
