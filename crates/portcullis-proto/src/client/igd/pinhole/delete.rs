//! Closes a pinhole. At most three actions.
//!
//! Nothing can be read of a pinhole before it is deleted: that its number is of ours is proven by our having
//! been given it, and by gateways that let only its internal client delete it.

use super::super::call::{Call, CallResult};
use super::super::{Next, Procedure};
use super::{is_absent, look_for, refusal};
use crate::client::device::ControlPoint;
use crate::client::error::{Failure, Step};
use crate::igd::error_code::UpnpErrorCode;
use crate::igd::ipv6_firewall::{Action, DeletePinhole, UniqueId};

/// The control point is the one that the pinhole was made at, with the same local address.
#[derive(Debug)]
pub(in crate::client) struct Delete {
    action: DeletePinhole,
    /// Whether the first answer left it open what was done.
    in_doubt: bool,
    /// The refusal that may mean that there is none, while it is looked for.
    looking: Option<Failure>,
}

impl Delete {
    pub(in crate::client) fn new(unique_id: UniqueId) -> Self {
        Self { action: DeletePinhole { unique_id }, in_doubt: false, looking: None }
    }

    fn ask(&self, point: &ControlPoint) -> Next<bool> {
        // Deleting twice does no harm: the second time there is nothing.
        Next::Call(Call::new(point, &self.action).repeatable())
    }
}

impl Procedure for Delete {
    /// Whether there was a pinhole to delete, as far as can be known.
    type Output = bool;

    fn start(&mut self, point: &ControlPoint) -> Next<bool> {
        self.ask(point)
    }

    fn resume(&mut self, point: &ControlPoint, result: CallResult) -> Next<bool> {
        if let Some(refusal) = self.looking.take() {
            return if is_absent(&result) { Next::Done(Ok(self.in_doubt)) } else { fail(refusal) };
        }
        if refusal(&result) == Some(UpnpErrorCode::NoSuchEntry) {
            return Next::Done(Ok(self.in_doubt));
        }
        match result {
            Ok(_) => Next::Done(Ok(true)),
            Err(failure) if failure.is_doubtful() && !self.in_doubt => {
                self.in_doubt = true;
                self.ask(point)
            }
            Err(failure @ Failure::Fault(UpnpErrorCode::InvalidArgs | UpnpErrorCode::ActionFailed, _)) => {
                self.looking = Some(failure);
                Next::Call(look_for(point, self.action.unique_id))
            }
            Err(Failure::Fault(code @ UpnpErrorCode::FirewallDisabled, _)) => {
                fail(Failure::NoPinholes { code, firewall_enabled: false })
            }
            Err(failure) => fail(failure),
        }
    }
}

fn fail(failure: Failure) -> Next<bool> {
    Next::fail(Step::Action(DeletePinhole::NAME), failure)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn after(answers: impl IntoIterator<Item = CallResult>) -> Next<bool> {
        let mut delete = Delete::new(UniqueId(42));
        let first = delete.start(&point());
        answers.into_iter().fold(first, |next, answer| {
            call(next);
            delete.resume(&point(), answer)
        })
    }

    #[test]
    fn deletes_by_the_number() {
        let (action, request) = asks(after([]));
        assert!(action == "DeletePinhole" && request.contains("<UniqueID>42</UniqueID>"), "{request}");
        assert_eq!(done(after([says(&[])])), Ok(true));
    }

    #[test]
    fn what_is_not_there_is_deleted() {
        assert_eq!(done(after([refuses(704)])), Ok(false));
    }

    #[test]
    fn a_code_that_names_no_reason_means_that_it_is_not_there_where_it_is_not_found() {
        for code in [402, 501] {
            assert_eq!(asks(after([refuses(code)])).0, "GetPinholePackets");
            for absent in [402, 704] {
                assert_eq!(done(after([refuses(code), refuses(absent)])), Ok(false));
                assert_eq!(done(after([silence(), refuses(code), refuses(absent)])), Ok(true));
            }
            for present in [says(&[("PinholePackets", "0")]), refuses(501), refuses(606), silence()] {
                let failure = Failure::Fault(UpnpErrorCode::from(code), String::new());
                assert_eq!(done(after([refuses(code), present])), Err(stopped("DeletePinhole", failure)));
            }
        }
    }

    #[test]
    fn a_doubtful_deletion_is_repeated_once() {
        let doubtful = || Err(Failure::Unconfirmed(500));
        assert_eq!(done(after([silence(), refuses(704)])), Ok(true));
        assert_eq!(done(after([doubtful(), says(&[])])), Ok(true));
        assert_eq!(
            done(after([silence(), doubtful()])),
            Err(stopped("DeletePinhole", Failure::Unconfirmed(500)))
        );
    }

    #[test]
    fn a_refusal_keeps_its_code() {
        for code in [401, 606, 703] {
            let stop = done(after([refuses(code)])).unwrap_err();
            assert!(matches!(&stop.failure, Failure::Fault(told, _) if told.code() == code), "{stop:?}");
        }
        let failure = Failure::NoPinholes { code: UpnpErrorCode::FirewallDisabled, firewall_enabled: false };
        assert_eq!(done(after([refuses(702)])), Err(stopped("DeletePinhole", failure)));
    }
}
