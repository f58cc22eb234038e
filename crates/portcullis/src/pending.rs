//! An operation under way: waited for, or awaited.

use crate::driver::{Link, Slot};
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use futures_core::Stream;
use portcullis_proto::client::{Device, Error, ErrorKind, Outcome};
use std::sync::Arc;

/// Makes an outcome the caller's type.
type Convert<T> = fn(Outcome, &Arc<Link>) -> Option<T>;

/// An operation that has been started and will end by itself, within its timeout.
///
/// [`wait`](Self::wait) blocks for the result; `.await` does the same on any executor. Dropping it
/// cancels the operation: that returns at once, and a mapping that was made, or may have been, is deleted
/// in the background. Nothing else is undone: what [`Client::close`](crate::Client::close) was to close may be closed.
/// A mapping that was held is deleted in any case, as it is where it is dropped itself: its `close` goes on in the
/// background. Polled again after it has given its result, it gives [`ErrorKind::Closed`].
///
/// # Examples
///
/// ```
/// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
/// # let config = portcullis::Config::new().gateway(gateway.ssdp_address());
/// let client = portcullis::Client::with_config(config)?;
/// let address = client.external_address().wait()?;
/// assert_eq!(address.to_string(), "81.2.69.142");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "most operations are cancelled when this is dropped"]
pub struct Pending<T> {
    link: Arc<Link>,
    slot: Arc<Slot>,
    convert: Convert<T>,
    cancels: bool,
}

impl<T> Pending<T> {
    pub(crate) fn new(link: &Arc<Link>, slot: Arc<Slot>, convert: Convert<T>) -> Self {
        Self { link: Arc::clone(link), slot, convert, cancels: true }
    }

    /// Of an operation that runs to its end with nobody waiting.
    pub(crate) fn of_lasting(link: &Arc<Link>, slot: Arc<Slot>, convert: Convert<T>) -> Self {
        let mut pending = Self::new(link, slot, convert);
        pending.cancels = false;
        pending
    }

    /// Blocks until the operation is over.
    ///
    /// # Errors
    ///
    /// What the operation's own method says; [`ErrorKind::Closed`] when the client was shut down meanwhile.
    pub fn wait(self) -> Result<T, Error> {
        if self.link.is_inherited() {
            return Err(Error::new(ErrorKind::Closed));
        }
        let result = self.slot.wait();
        self.converted(result)
    }

    /// Whether the result is there: [`wait`](Self::wait) would return at once.
    pub fn is_done(&self) -> bool {
        self.link.is_inherited() || self.slot.is_ended()
    }

    fn converted(&self, result: Result<Outcome, Error>) -> Result<T, Error> {
        (self.convert)(result?, &self.link).ok_or_else(|| Error::new(ErrorKind::Closed))
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.link.is_inherited() {
            return Poll::Ready(Err(Error::new(ErrorKind::Closed)));
        }
        self.slot.poll(context).map(|result| self.converted(result))
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        if !self.cancels || self.link.is_inherited() {
            return;
        }
        match self.slot.abandon() {
            // What has been done is undone by the drop of what the caller would have got.
            Some(result) => drop(self.converted(result)),
            None if self.slot.is_ended() => {}
            None => self.link.cancel(&self.slot),
        }
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("is_done", &self.is_done()).finish_non_exhaustive()
    }
}

/// A search for devices.
///
/// Each device is there the moment it is known ([`next_device`](Self::next_device), or as a
/// [`Stream`]); the whole list, the gateway to use first, when the search is over
/// ([`wait`](Self::wait), or `.await`). Both may be polled side by side, by two tasks. Polled again after
/// it has given the list, it gives [`ErrorKind::Closed`]. Dropping it ends the search.
///
/// # Examples
///
/// ```
/// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
/// # let config = portcullis::Config::new().gateway(gateway.ssdp_address());
/// let client = portcullis::Client::with_config(config)?;
/// let mut search = client.discover();
/// let first = search.next_device().expect("the simulated gateway answers");
/// assert!(first.is_usable());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a search ends when it is dropped"]
pub struct Discovery {
    pending: Pending<Vec<Device>>,
}

impl Discovery {
    pub(crate) fn new(pending: Pending<Vec<Device>>) -> Self {
        Self { pending }
    }

    /// Blocks until the search is over, and gives every device found, the gateway to use first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoGateway`] when nobody answered, [`ErrorKind::InvalidInput`] for an interface that
    /// does not exist, [`ErrorKind::Io`] when nothing could be sent.
    pub fn wait(self) -> Result<Vec<Device>, Error> {
        self.pending.wait()
    }

    /// Blocks until another device is known; `None` when the search is over. A device may come twice,
    /// better known.
    pub fn next_device(&mut self) -> Option<Device> {
        if self.pending.link.is_inherited() {
            return None;
        }
        self.pending.slot.wait_device()
    }
}

impl Future for Discovery {
    type Output = Result<Vec<Device>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.pending).poll(context)
    }
}

impl Stream for Discovery {
    type Item = Device;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Device>> {
        if self.pending.link.is_inherited() {
            return Poll::Ready(None);
        }
        self.pending.slot.poll_device(context)
    }
}
