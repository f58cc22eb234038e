//! `portcullis watch`: keeps ports open until told to stop, and shows what happens to them.

use super::keep::{self, Held, NoticeArgs, Notices, View};
use super::ports::{PortArgs, name};
use crate::context::Context;
use crate::failure::Failure;
use crate::session::Session;
use crate::termination::Termination;
use clap::Args;
use portcullis::MappingRequest;

const EXAMPLES: &str = "\
Examples:
  portcullis watch 7777                a line for each port, with the time left
  portcullis watch 80:8080/tcp --json  an object for each event, for another program
  portcullis watch 0:6881 --exec ./set-port
                                       a port that the gateway chooses; ./set-port runs whenever it is another";

/// Keeps ports open until told to stop, and shows what happens to them
///
/// Like 'open --keep', but does not fail: it keeps trying until a gateway grants the ports. On a terminal each port has
/// its line, with its state, the time left and the last change; otherwise each change is a line. Ends with SIGINT or
/// SIGTERM, or when nobody reads its output any more, and closes within 2 s what it opened; what was open before, or is
/// kept by another program, stays open. A second signal ends it at once.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    ports: PortArgs,
    #[command(flatten)]
    notices: NoticeArgs,
}

pub(crate) fn run(arguments: &WatchArgs, context: &Context) -> Result<(), Failure> {
    let requests: Vec<_> =
        arguments.ports.requests(context)?.into_iter().map(MappingRequest::read_back).collect();
    let names: Vec<_> = requests.iter().map(name).collect();
    let termination = Termination::install()?;
    let is_live = View::would_be_live(context.output);
    let notices = Notices::prepare(&arguments.notices, arguments.ports.names_one(), is_live)?;
    let session = Session::start(arguments.ports.purpose(), context)?;
    let mut held = Vec::new();
    for request in requests {
        let standing = session.client.keep_asking(request.clone()).wait()?;
        held.push(Held::asked_for(request, standing));
    }
    keep::until_told(held, session, (View::of(&names, context.output), notices), &termination, context)
}
