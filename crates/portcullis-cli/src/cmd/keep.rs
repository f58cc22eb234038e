//! Mappings that are kept until the process is told to stop, and what happens to them.

mod change_report;
mod exec;
mod notices;
mod port_file;
mod view;

pub(super) use notices::{NoticeArgs, Notices};
pub(super) use view::View;

use crate::context::Context;
use crate::failure::Failure;
use crate::join::Unpark;
use crate::session::{Session, TIDY, warn_of_trouble};
use crate::termination::Termination;
use change_report::ChangeReport;
use futures_core::Stream;
use portcullis::{
    Change, ChangeKind, Closed, ErrorKind, Event, KeptMapping, MappingId, MappingRequest, Pending,
    StandingRequest,
};
use std::io;
use std::pin::Pin;
use std::task::{self, Poll};
use std::thread;

/// What closes a mapping.
type Close = Box<dyn FnOnce() -> Pending<Closed>>;

/// A mapping that is kept, or asked for.
pub(super) struct Held {
    id: MappingId,
    request: MappingRequest,
    close: Close,
}

impl Held {
    pub(super) fn kept(request: MappingRequest, mapping: KeptMapping) -> Self {
        Self { id: mapping.id(), request, close: Box::new(move || mapping.undo()) }
    }

    pub(super) fn asked_for(request: MappingRequest, standing: StandingRequest) -> Self {
        Self { id: standing.id(), request, close: Box::new(move || standing.undo()) }
    }
}

/// Shows what happens until the process is told to stop, or the view has nobody to show it to; then closes
/// everything.
pub(super) fn until_told(
    held: Vec<Held>,
    mut session: Session,
    (mut view, mut notices): (View, Notices),
    termination: &Termination,
    context: &Context,
) -> Result<(), Failure> {
    let waker = Unpark::this_thread();
    let mut task = task::Context::from_waker(&waker);
    let mut unread = None;
    while !termination.is_requested() && unread.is_none() {
        warn_of(notices.troubles(), &view, context);
        match Pin::new(&mut session.events).poll_next(&mut task) {
            Poll::Ready(Some(Event::Changed(change))) => {
                unread = tell(&change, &held, &session, (&mut view, &mut notices), context).err();
            }
            Poll::Ready(Some(event)) => view.beside(|| warn_of_trouble(&event, &context.output)),
            Poll::Ready(None) => break,
            Poll::Pending => match view.tick(session.client.now()) {
                Some(pause) => thread::park_timeout(pause),
                None => thread::park(),
            },
        }
    }
    view.beside(|| context.output.note("closing what was opened"));
    let left = release(held, session, (&mut view, &mut notices), context);
    warn_of(notices.finish(), &view, context);
    match (unread, left) {
        (None, None) => Ok(()),
        (None, Some(left)) => Err(left),
        (Some(unread), None) => {
            Err(Failure::io("cannot write to standard output", &unread)
                .and_so("what was opened is closed again"))
        }
        (Some(unread), Some(left)) => {
            context.output.warn(left.message.as_str());
            Err(Failure::io("cannot write to standard output", &unread))
        }
    }
}

fn tell(
    change: &Change,
    held: &[Held],
    session: &Session,
    (view, notices): (&mut View, &mut Notices),
    context: &Context,
) -> io::Result<()> {
    // A command keeps nothing but what it holds.
    let Some(index) = held.iter().position(|held| held.id == change.mapping) else { return Ok(()) };
    let Some(Held { request, .. }) = held.get(index) else { return Ok(()) };
    let report = ChangeReport::new(change, request, session.client.now(), context.started.elapsed_ms());
    warn_of(notices.tell(index, change, request), view, context);
    view.show(index, change.kind, &report, change.expires)
}

/// Says what is wrong with those who are told of changes, and stands in nobody's way.
fn warn_of(troubles: impl IntoIterator<Item = String>, view: &View, context: &Context) {
    troubles.into_iter().for_each(|trouble| view.beside(|| context.output.warn(&trouble)));
}

/// Closes everything at once, within the time that there is for it; says which of them could not be closed.
fn release(
    held: Vec<Held>,
    session: Session,
    (view, notices): (&mut View, &mut Notices),
    context: &Context,
) -> Option<Failure> {
    let (client, started) = (session.client.clone(), context.started);
    let (requests, closing): (Vec<_>, Vec<_>) =
        held.into_iter().map(|Held { id, request, close }| ((id, request), close())).unzip();
    // Returns when the last of them has ended, and ends those that take longer.
    for event in session.finish(TIDY) {
        let Event::Changed(change) = event else { continue };
        let known = requests.iter().enumerate().find(|(_, (id, _))| *id == change.mapping);
        if let Some((index, (_, request))) = known {
            let report = ChangeReport::new(&change, request, client.now(), started.elapsed_ms());
            // Whoever does not read any more has been dealt with.
            let expires = change.expires.filter(|_| change.kind == ChangeKind::HandedOver);
            let _ = view.show(index, change.kind, &report, expires);
            warn_of(notices.tell(index, &change, request), view, context);
        }
    }
    view.end(client.now());
    failure_to_close(requests.iter().map(|(_, request)| super::ports::name(request)).zip(closing))
}

/// The failure of the first of these that could not be closed, once all have ended.
pub(super) fn failure_to_close(
    closing: impl IntoIterator<Item = (String, Pending<Closed>)>,
) -> Option<Failure> {
    let mut failure = None;
    for (name, pending) in closing {
        if let Err(error) = pending.wait() {
            let left = format!("{name} may still be open");
            failure.get_or_insert_with(|| match error.kind() {
                ErrorKind::Closed => Failure::new(ErrorKind::Timeout, &format!("{left}: no answer in time")),
                _ => Failure::from(error).about(&left),
            });
        }
    }
    failure
}
