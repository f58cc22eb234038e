//! Asks whether packets come through a pinhole. At most two actions.

use super::super::call::{Call, CallResult};
use super::super::{Next, Procedure};
use super::{is_absent, is_missing, look_for, refusal};
use crate::client::device::ControlPoint;
use crate::client::error::{Failure, Step};
use crate::igd::error_code::UpnpErrorCode;
use crate::igd::ipv6_firewall::{Action, CheckPinholeWorking, GetPinholePackets, UniqueId};

/// What the gateway knows of a pinhole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Condition {
    /// Packets have come through.
    Working,
    /// Packets have come, and something else in the gateway keeps them out.
    Blocked,
    /// Nothing has come yet, as far as the gateway counts (quirk 83), from which nothing follows. The pinhole is
    /// there.
    Unused,
    /// The gateway does not have it.
    Gone,
}

/// The control point is the one that the pinhole was made at, with the same local address.
#[derive(Debug)]
pub(in crate::client) struct Check {
    unique_id: UniqueId,
    counting: bool,
}

impl Check {
    pub(in crate::client) fn new(unique_id: UniqueId) -> Self {
        Self { unique_id, counting: false }
    }

    fn count(&self) -> GetPinholePackets {
        GetPinholePackets { unique_id: self.unique_id }
    }

    fn check(&self) -> CheckPinholeWorking {
        CheckPinholeWorking { unique_id: self.unique_id }
    }

    fn condition(&self, result: CallResult) -> Result<Condition, Failure> {
        if is_absent(&result) {
            return Ok(Condition::Gone);
        }
        if refusal(&result) == Some(UpnpErrorCode::NoTrafficReceived) {
            return Ok(Condition::Unused);
        }
        let reply = result?;
        Ok(if self.counting {
            match self.count().decode(&reply).map_err(Failure::Decode)? {
                0 => Condition::Unused,
                _ => Condition::Working,
            }
        } else if self.check().decode(&reply).map_err(Failure::Decode)? {
            Condition::Working
        } else {
            Condition::Blocked
        })
    }
}

impl Procedure for Check {
    type Output = Condition;

    fn start(&mut self, point: &ControlPoint) -> Next<Condition> {
        Next::Call(Call::new(point, &self.check()))
    }

    fn resume(&mut self, point: &ControlPoint, result: CallResult) -> Next<Condition> {
        let is_unclear = |code| is_missing(code) || code == UpnpErrorCode::InvalidArgs;
        if !self.counting && refusal(&result).is_some_and(is_unclear) {
            // Optional, while counting is not; and 402 need not be about the number (quirk 82).
            self.counting = true;
            return Next::Call(look_for(point, self.unique_id));
        }
        let asked = if self.counting { GetPinholePackets::NAME } else { CheckPinholeWorking::NAME };
        match self.condition(result) {
            Ok(condition) => Next::Done(Ok(condition)),
            Err(failure) => Next::fail(Step::Action(asked), failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::igd::ipv6_firewall::DecodeError;

    fn after(answers: impl IntoIterator<Item = CallResult>) -> Next<Condition> {
        let mut check = Check::new(UniqueId(42));
        let first = check.start(&point());
        answers.into_iter().fold(first, |next, answer| {
            call(next);
            check.resume(&point(), answer)
        })
    }

    #[test]
    fn asks_about_the_number() {
        let (action, request) = asks(after([]));
        assert!(action == "CheckPinholeWorking" && request.contains("<UniqueID>42</UniqueID>"), "{request}");
        for (answer, condition) in [
            (says(&[("IsWorking", "1")]), Condition::Working),
            (says(&[("IsWorking", "0")]), Condition::Blocked),
            (refuses(704), Condition::Gone),
        ] {
            assert_eq!(done(after([answer])), Ok(condition));
        }
    }

    #[test]
    fn no_traffic_yet_is_no_failure() {
        assert_eq!(done(after([refuses(709)])), Ok(Condition::Unused));
    }

    #[test]
    fn whoever_cannot_check_can_count() {
        for code in [401, 402, 602] {
            let (action, request) = asks(after([refuses(code)]));
            assert!(
                action == "GetPinholePackets" && request.contains("<UniqueID>42</UniqueID>"),
                "{request}"
            );
            for (answer, condition) in [
                (says(&[("PinholePackets", "0")]), Condition::Unused),
                (says(&[("PinholePackets", "4294967295")]), Condition::Working),
                (refuses(704), Condition::Gone),
                (refuses(402), Condition::Gone),
            ] {
                assert_eq!(done(after([refuses(code), answer])), Ok(condition));
            }
            let stop = done(after([refuses(code), refuses(606)])).unwrap_err();
            assert_eq!(stop.step, Step::Action("GetPinholePackets"));
        }
    }

    #[test]
    fn what_is_no_answer_is_a_failure() {
        let failure = Failure::Decode(DecodeError::Missing("IsWorking"));
        assert_eq!(done(after([says(&[])])), Err(stopped("CheckPinholeWorking", failure)));
        assert!(done(after([refuses(606)])).is_err());
        assert!(done(after([silence()])).is_err());
    }
}
