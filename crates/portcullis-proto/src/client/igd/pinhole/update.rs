//! Renews a pinhole. At most three actions.

use super::super::call::{Call, CallResult};
use super::super::{Next, Procedure};
use super::{is_absent, look_for, refusal};
use crate::Lifetime;
use crate::client::device::ControlPoint;
use crate::client::error::{Failure, Step};
use crate::igd::error_code::UpnpErrorCode;
use crate::igd::ipv6_firewall::{Action, LeaseTime, UniqueId, UpdatePinhole};

/// What became of a pinhole that was to be renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Renewal {
    /// It lasts this long from now on.
    Renewed(Lifetime),
    /// The gateway does not have it: it is to be added anew, and gets another number.
    Gone,
}

/// The control point is the one that the pinhole was made at, with the same local address.
#[derive(Debug)]
pub(in crate::client) struct Update {
    action: UpdatePinhole,
    repeated: bool,
    /// The refusal that may mean that it is gone, while it is looked for.
    looking: Option<Failure>,
}

impl Update {
    /// A lifetime beyond a day, or a permanent one, is asked for as a day.
    pub(in crate::client) fn new(unique_id: UniqueId, lifetime: Lifetime) -> Self {
        let lifetime = LeaseTime::clamped(lifetime);
        Self { action: UpdatePinhole { unique_id, lifetime }, repeated: false, looking: None }
    }

    fn ask(&self, point: &ControlPoint) -> Next<Renewal> {
        // A lease that is set twice is the lease.
        Next::Call(Call::new(point, &self.action).repeatable())
    }
}

impl Procedure for Update {
    type Output = Renewal;

    fn start(&mut self, point: &ControlPoint) -> Next<Renewal> {
        self.ask(point)
    }

    fn resume(&mut self, point: &ControlPoint, result: CallResult) -> Next<Renewal> {
        if let Some(refusal) = self.looking.take() {
            return if is_absent(&result) { Next::Done(Ok(Renewal::Gone)) } else { fail(refusal) };
        }
        if refusal(&result) == Some(UpnpErrorCode::NoSuchEntry) {
            return Next::Done(Ok(Renewal::Gone));
        }
        match result {
            Ok(_) => Next::Done(Ok(Renewal::Renewed(self.action.lifetime.into()))),
            Err(failure) if failure.is_doubtful() && !self.repeated => {
                self.repeated = true;
                self.ask(point)
            }
            // The lease is refused, or the number (quirk 82).
            Err(failure @ Failure::Fault(UpnpErrorCode::InvalidArgs, _)) => {
                self.looking = Some(failure);
                Next::Call(look_for(point, self.action.unique_id))
            }
            Err(Failure::Fault(code @ UpnpErrorCode::FirewallDisabled, _)) => {
                fail(Failure::NoPinholes { code, firewall_enabled: false })
            }
            Err(Failure::Fault(code @ UpnpErrorCode::InboundPinholeNotAllowed, _)) => {
                fail(Failure::NoPinholes { code, firewall_enabled: true })
            }
            Err(failure) => fail(failure),
        }
    }
}

fn fail(failure: Failure) -> Next<Renewal> {
    Next::fail(Step::Action(UpdatePinhole::NAME), failure)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn after(answers: impl IntoIterator<Item = CallResult>) -> Next<Renewal> {
        let mut update = Update::new(UniqueId(42), Lifetime::from_seconds(3_600));
        let first = update.start(&point());
        answers.into_iter().fold(first, |next, answer| {
            call(next);
            update.resume(&point(), answer)
        })
    }

    #[test]
    fn renews_by_the_number() {
        let (action, request) = asks(after([]));
        assert_eq!(action, "UpdatePinhole");
        assert!(request.contains("<UniqueID>42</UniqueID><NewLeaseTime>3600</NewLeaseTime>"), "{request}");
        let renewed = Renewal::Renewed(Lifetime::from_seconds(3_600));
        assert_eq!(done(after([says(&[])])), Ok(renewed));
        assert_eq!(done(after([silence(), says(&[])])), Ok(renewed));
    }

    #[test]
    fn a_pinhole_that_is_gone_is_no_failure() {
        assert_eq!(done(after([refuses(704)])), Ok(Renewal::Gone));
        assert_eq!(done(after([silence(), refuses(704)])), Ok(Renewal::Gone));
    }

    #[test]
    fn invalid_arguments_mean_that_it_is_gone_where_it_is_not_found() {
        let (action, request) = asks(after([refuses(402)]));
        assert!(action == "GetPinholePackets" && request.contains("<UniqueID>42</UniqueID>"), "{request}");
        for absent in [402, 704] {
            assert_eq!(done(after([refuses(402), refuses(absent)])), Ok(Renewal::Gone));
            assert_eq!(done(after([silence(), refuses(402), refuses(absent)])), Ok(Renewal::Gone));
        }
        for present in [says(&[("PinholePackets", "0")]), refuses(606), silence()] {
            let failure = Failure::Fault(UpnpErrorCode::InvalidArgs, String::new());
            assert_eq!(done(after([refuses(402), present])), Err(stopped("UpdatePinhole", failure)));
        }
    }

    #[test]
    fn a_refusal_keeps_its_code() {
        for code in [401, 501, 606] {
            let stop = done(after([refuses(code)])).unwrap_err();
            assert!(matches!(&stop.failure, Failure::Fault(told, _) if told.code() == code), "{stop:?}");
        }
        for (code, firewall_enabled) in
            [(UpnpErrorCode::FirewallDisabled, false), (UpnpErrorCode::InboundPinholeNotAllowed, true)]
        {
            let failure = Failure::NoPinholes { code, firewall_enabled };
            assert_eq!(done(after([refuses(code.code())])), Err(stopped("UpdatePinhole", failure)));
        }
    }

    #[test]
    fn silence_is_asked_into_twice() {
        let Err(failure) = silence() else { panic!() };
        assert_eq!(done(after([silence(), silence()])), Err(stopped("UpdatePinhole", failure)));
    }
}
