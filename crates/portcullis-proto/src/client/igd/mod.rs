//! What is asked of an Internet Gateway Device, one procedure a file.
//!
//! A procedure is a conversation with one control point: it says what to ask, is told the answer, and
//! ends with a result. It knows no sockets and no time.

pub(super) mod address;
pub(super) mod call;
pub(super) mod close;
pub(super) mod list;
pub(super) mod map;
pub(super) mod pinhole;
pub(super) mod probe;

use super::device::ControlPoint;
use super::error::{Failure, Step};
use call::{Call, CallResult};
use core::fmt;

/// What a procedure wants next.
#[derive(Debug)]
pub(super) enum Next<T> {
    /// Ask this.
    Call(Call),
    /// It is over.
    Done(Result<T, Stop>),
}

impl<T> Next<T> {
    fn fail(step: Step, failure: Failure) -> Self {
        Self::Done(Err(Stop { step, failure }))
    }
}

/// Where a procedure stopped, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) step: Step,
    pub(super) failure: Failure,
}

/// A conversation with one control point.
pub(super) trait Procedure: fmt::Debug {
    type Output;

    fn start(&mut self, point: &ControlPoint) -> Next<Self::Output>;

    fn resume(&mut self, point: &ControlPoint, result: CallResult) -> Next<Self::Output>;
}
