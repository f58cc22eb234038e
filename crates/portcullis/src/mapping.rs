//! An open port.

use crate::driver::{Link, Start};
use crate::pending::Pending;
use core::num::NonZeroU16;
use core::time::Duration;
use portcullis_proto::client as proto;
use portcullis_proto::client::{Closed, Granted, Outcome};
use portcullis_proto::{AddressKind, Lifetime, Protocol, Time};
use std::net::IpAddr;
use std::sync::Arc;

/// How long deleting a mapping may take.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A port that a gateway sends to this program.
///
/// [`close`](Self::close) deletes the mapping and tells how that went. Dropping it deletes it in the
/// background, as well as it can: a process that ends right afterwards may leave it behind, until its
/// lifetime is over, and after [`Client::shutdown`](crate::Client::shutdown) nobody is there to delete it:
/// close it before. [`leave_open`](Self::leave_open) keeps it beyond this program.
#[derive(Debug)]
#[must_use = "a mapping is deleted when it is dropped"]
pub struct Mapping {
    granted: Granted,
    link: Arc<Link>,
    close_on_drop: bool,
}

impl Mapping {
    pub(crate) fn new(granted: Granted, link: &Arc<Link>) -> Self {
        Self { granted, link: Arc::clone(link), close_on_drop: true }
    }

    /// What the gateway granted, all of it.
    pub fn granted(&self) -> &Granted {
        &self.granted
    }

    /// The transport protocol.
    pub fn protocol(&self) -> Protocol {
        self.granted.protocol
    }

    /// The gateway's external address, where it told.
    pub fn external_address(&self) -> Option<IpAddr> {
        self.granted.external_address
    }

    /// What the external address is worth, where there is one.
    pub fn external_address_kind(&self) -> Option<AddressKind> {
        self.granted.external_address.map(AddressKind::of)
    }

    /// The port on the external address: the one asked for, unless the gateway or the request said otherwise.
    pub fn external_port(&self) -> NonZeroU16 {
        self.granted.external_port
    }

    /// How long the mapping lasts, from the moment it was granted, by the gateway's word.
    pub fn lifetime(&self) -> Lifetime {
        self.granted.told_lifetime()
    }

    /// Deletes the mapping, unless it leads elsewhere by now, or another process of this user keeps the same: see
    /// [`Closed`]. That goes on in the background where nobody waits for it.
    ///
    /// # Errors
    ///
    /// [`Conflict`](crate::ErrorKind::Conflict) when the port belongs to another host by now; else by what the
    /// gateway said, or did not say.
    pub fn close(mut self) -> Pending<Closed> {
        self.close_on_drop = false;
        self.release()
    }

    /// Undoes what opened it: as [`close`](Self::close), but a port that was open before, by another process's word or in
    /// the gateway's table, stays open.
    ///
    /// # Errors
    ///
    /// As [`close`](Self::close).
    pub fn undo(mut self) -> Pending<Closed> {
        self.close_on_drop = false;
        self.end(proto::Client::undo)
    }

    /// Lets go of the mapping without deleting it. The [journal](crate::Config::journal), where there is one, holds it
    /// for later processes.
    pub fn leave_open(mut self) -> Granted {
        self.close_on_drop = false;
        let granted = self.granted.clone();
        self.link.perform(move |client, _| client.leave_open(&granted));
        self.granted.clone()
    }

    fn release(&self) -> Pending<Closed> {
        self.end(proto::Client::release)
    }

    fn end(
        &self,
        how: fn(&mut proto::Client, Time, &Granted, Duration) -> proto::OperationId,
    ) -> Pending<Closed> {
        let granted = self.granted.clone();
        let port = (granted.protocol, granted.external_port);
        let start: Start = Box::new(move |client, now| how(client, now, &granted, CLOSE_TIMEOUT));
        let started = self.link.closing(port, start);
        Pending::of_lasting(&self.link, started, |outcome, _| match outcome {
            Outcome::Closed(closed) => Some(closed),
            _ => None,
        })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.close_on_drop {
            drop(self.release());
        }
    }
}
