//! The one thread that turns the core's outputs into packets, and packets into its inputs.

mod alarm;
pub(crate) mod clock;
mod kept;
mod queue;
mod slot;
mod sockets;
#[cfg(test)]
mod tests;
mod thread;

use clock::Clock;
pub(crate) use kept::Register;
use queue::Publisher;
pub(crate) use queue::Queue;
use slot::Answer;
pub(crate) use slot::Slot;

use crate::journal::Journal;
use mio::{Poll, Waker};
use portcullis_proto::client::{self as proto, Config, OperationId};
use portcullis_proto::{Protocol, Time};
use std::io;
use std::num::NonZeroU16;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, ThreadId};
use std::time::Duration;

/// Starts an operation, on the driver's thread.
pub(crate) type Start = Box<dyn FnOnce(&mut proto::Client, Time) -> OperationId + Send>;

/// Something that has no result, done on the driver's thread.
type Action = Box<dyn FnOnce(&mut proto::Client, Time) + Send>;

/// A port of a gateway's.
pub(crate) type Port = (Protocol, NonZeroU16);

/// What handles ask of the thread. One that it does not get to answers by being dropped.
enum Command {
    Start {
        start: Start,
        /// What it is to close, if anything.
        closes: Option<Port>,
        answer: Answer,
    },
    /// Does something that has no result.
    Do(Action),
    Cancel(Arc<Slot>),
    Subscribe(Publisher),
    /// End when everything under way has ended, or after this long.
    Shutdown(Duration),
}

/// The way to the thread. When the last one is dropped, the thread finishes what is under way and ends.
#[derive(Debug)]
pub(crate) struct Link {
    commands: Sender<Command>,
    /// Shared with the thread: closed together with the last handle, it would take the last wake-up with it.
    waker: Arc<Waker>,
    /// Locked until the thread has ended by whoever ends it.
    thread: Mutex<Option<JoinHandle<()>>>,
    thread_id: ThreadId,
    /// The process that has the thread.
    process: u32,
    clock: Clock,
    kept: Register,
}

/// How long tidying up may go on after the last handle is gone.
const LINGER: Duration = Duration::from_secs(5);

impl Link {
    pub(crate) fn start(config: Config, journal: Option<Journal>) -> io::Result<Arc<Self>> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), thread::WAKER)?);
        let (commands, receiver): (_, Receiver<Command>) = channel();
        let kept_waker = Arc::clone(&waker);
        let kept = Register::default();
        let register = kept.clone();
        let clock = Clock::start();
        let thread = std::thread::Builder::new().name("portcullis".into()).spawn(move || {
            thread::Driver::new(config, journal, poll, receiver, clock, register).run();
            drop(kept_waker);
        })?;
        let thread_id = thread.thread().id();
        Ok(Arc::new(Self {
            commands,
            waker,
            thread: Mutex::new(Some(thread)),
            thread_id,
            process: std::process::id(),
            clock,
            kept,
        }))
    }

    /// The moment it is by the thread's clock.
    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    /// The mappings that are kept, as they are granted by now.
    pub(crate) fn kept(&self) -> &Register {
        &self.kept
    }

    /// Does something that has no result.
    pub(crate) fn perform(&self, action: impl FnOnce(&mut proto::Client, Time) + Send + 'static) {
        self.send(Command::Do(Box::new(action)));
    }

    /// Starts an operation.
    pub(crate) fn operation(&self, start: Start) -> Arc<Slot> {
        self.start_operation(start, None)
    }

    /// Starts an operation that closes this port.
    pub(crate) fn closing(&self, port: Port, start: Start) -> Arc<Slot> {
        self.start_operation(start, Some(port))
    }

    fn start_operation(&self, start: Start, closes: Option<Port>) -> Arc<Slot> {
        let (answer, slot) = Answer::open();
        self.send(Command::Start { start, closes, answer });
        slot
    }

    pub(crate) fn cancel(&self, slot: &Arc<Slot>) {
        self.send(Command::Cancel(Arc::clone(slot)));
    }

    pub(crate) fn subscribe(&self) -> Arc<Queue> {
        let (publisher, queue) = Publisher::open();
        self.send(Command::Subscribe(publisher));
        queue
    }

    /// Ends the thread, at the latest after `timeout`, and waits for it, unless it is this one.
    pub(crate) fn shutdown(&self, timeout: Duration) {
        self.send(Command::Shutdown(timeout));
        if self.is_inherited() || std::thread::current().id() == self.thread_id {
            return;
        }
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // A panic over there has been reported by its own hook.
            let _ = thread.join();
        }
    }

    /// Whether this is the copy of a process that was forked, which has no such thread. Its locks may be
    /// held for ever, and its waker is the parent's.
    pub(crate) fn is_inherited(&self) -> bool {
        self.process != std::process::id()
    }

    /// A thread that has ended has nobody to tell.
    fn send(&self, command: Command) {
        if self.is_inherited() {
            return;
        }
        let _ = self.commands.send(command);
        let _ = self.waker.wake();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if self.is_inherited() {
            // To detach a thread that is not there is not allowed.
            let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner);
            std::mem::forget(thread.take());
        }
        self.send(Command::Shutdown(LINGER));
    }
}
