//! What gateways said of a port that is to be closed, and what to ask next, or to tell.

use crate::client::error::{Error, ErrorKind, Failure};
use crate::client::event::Closed;
use crate::wire::pcp::ResultCode;
use core::net::IpAddr;

/// What is known by now of a port that is to be closed.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// A gateway said that it has deleted it.
    deleted: bool,
    /// PCP said so, whose server is NAT-PMP's too, and has one table for both.
    deleted_by_pcp: bool,
    /// NAT-PMP said yes, which it does to a deletion of nothing, too (RFC 6886 section 3.4).
    asked: bool,
    /// PCP said that it has no resources: there is nothing to delete (miniupnpd), or the gateway maps nothing behind a
    /// private address of its own.
    nothing_there: Option<Error>,
    /// It leads to another host by now.
    foreign: Option<Error>,
    /// Why it could not be deleted.
    failure: Option<Error>,
    /// Why whoever granted it was not asked.
    not_asked: Option<Error>,
    /// Somebody else wants it open.
    kept: bool,
}

/// What a withdrawal does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The gateway's table is looked at, and what it has there deleted.
    Table,
    /// Whoever granted it is asked after all, where nothing stands in the way by now; this, where something does.
    Again(Error),
    /// The gateway is asked for its external address: with a public one, it has nothing to delete.
    Address,
    /// It is over.
    End(Result<Closed, Error>),
}

impl Evidence {
    /// What the deletion of one record came to, by the protocol that had made it.
    pub(super) fn deletion(&mut self, result: Result<Closed, Error>) {
        match result {
            Ok(Closed::Deleted | Closed::Ending(_)) => self.deleted = true,
            Ok(Closed::NotOpen) => {}
            Ok(Closed::Unconfirmed) => self.asked = true,
            Ok(Closed::StillKept) => self.kept = true,
            Err(error) if is_of_another(&error) => self.foreign = Some(error),
            Err(error)
                if is_about(&error, |failure| matches!(failure, Failure::Pcp(ResultCode::NoResources))) =>
            {
                self.nothing_there = Some(error);
            }
            Err(error) => self.failure = Some(more_telling(self.failure.take(), error)),
        }
    }

    /// PCP has deleted it.
    pub(super) fn deleted_by_pcp(&mut self) {
        (self.deleted, self.deleted_by_pcp) = (true, true);
    }

    /// Whoever granted it is not asked. What UPnP granted is in the table that is looked at, or nowhere; what NAT-PMP or PCP
    /// granted may be in a table of their own.
    pub(super) fn not_asked(&mut self, error: Error, by_upnp: bool) {
        *(if by_upnp { &mut self.failure } else { &mut self.not_asked }) = Some(error);
    }

    /// After all records: whether that settles it.
    pub(super) fn after_records(&mut self, has_table: bool) -> Step {
        if self.kept {
            Step::End(Ok(Closed::StillKept))
        } else if let Some(foreign) = self.foreign.take() {
            Step::End(Err(foreign))
        } else if !self.asked
            && self.nothing_there.is_none()
            && self.failure.is_none()
            && self.not_asked.is_none()
        {
            Step::End(Ok(if self.deleted { Closed::Deleted } else { Closed::NotOpen }))
        } else if has_table {
            Step::Table
        } else {
            self.without_table()
        }
    }

    /// After the gateway's table was looked at, or was not to be had.
    pub(super) fn after_table(&mut self, result: Result<Closed, Error>) -> Step {
        match result {
            // In a table of its own, the other protocol may have it.
            Ok(Closed::NotOpen) if self.not_asked.is_some() && !self.deleted_by_pcp => self.without_table(),
            Ok(Closed::NotOpen) if self.deleted || self.asked => Step::End(Ok(Closed::Deleted)),
            Ok(closed) => Step::End(Ok(closed)),
            Err(error) if is_of_another(&error) && self.not_asked.is_none() => Step::End(Err(error)),
            Err(error) => {
                let has_asked = self.asked || self.nothing_there.is_some() || self.not_asked.is_some();
                if self.failure.is_none() && !has_asked {
                    self.failure = Some(error);
                }
                self.without_table()
            }
        }
    }

    fn without_table(&mut self) -> Step {
        if let Some(error) = self.not_asked.take() {
            Step::Again(error)
        } else if let Some(failure) = self.failure.take() {
            Step::End(Err(failure))
        } else if self.nothing_there.is_some() {
            Step::Address
        } else {
            Step::End(Ok(if self.asked { Closed::Unconfirmed } else { Closed::NotOpen }))
        }
    }

    /// After the gateway was asked for its external address, or that was known from before.
    pub(super) fn after_address(&mut self, is_public: bool) -> Step {
        match self.nothing_there.take() {
            Some(error) if !is_public => Step::End(Err(error)),
            _ if self.asked => Step::End(Ok(Closed::Unconfirmed)),
            _ => Step::End(Ok(if self.deleted { Closed::Deleted } else { Closed::NotOpen })),
        }
    }

    /// Whether an end is proof that the gateway has no such mapping of this host, whose addresses these are.
    pub(super) fn is_gone(&self, result: &Result<Closed, Error>, own: &[IpAddr]) -> bool {
        // It may be of another program of this host, or have got another description, unless whoever made it says otherwise.
        let says_otherwise = self.deleted || self.asked || self.nothing_there.is_some();
        let is_anothers = |failure: &Failure| match failure {
            Failure::NotOurs { holder } => {
                says_otherwise || !own.iter().any(|own| *holder == own.to_string())
            }
            _ => false,
        };
        match result {
            Ok(closed) => matches!(closed, Closed::Deleted | Closed::NotOpen),
            Err(error) => is_about(error, is_anothers),
        }
    }

    /// Whether whoever granted it may have to be asked after the table was looked at.
    pub(super) fn may_ask_again(&self) -> bool {
        self.not_asked.is_some()
    }

    /// Whether the gateway is to be given less time to show a table: it has said already that it is gone, or that there was
    /// nothing.
    pub(super) fn is_hopeful(&self) -> bool {
        (self.asked || self.nothing_there.is_some()) && self.failure.is_none()
    }
}

fn is_of_another(error: &Error) -> bool {
    is_about(error, |failure| matches!(failure, Failure::NotOurs { .. }))
}

fn is_about(error: &Error, is_it: impl Fn(&Failure) -> bool) -> bool {
    error.attempts().iter().any(|attempt| is_it(&attempt.failure))
}

/// A refusal says more than silence.
fn more_telling(before: Option<Error>, error: Error) -> Error {
    match before {
        Some(before) if before.kind() == ErrorKind::Refused || error.kind() == ErrorKind::NoGateway => before,
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::error::{Attempt, Step as At};

    fn error(failure: Failure) -> Error {
        Error::from_attempts(vec![Attempt { gateway: "gateway".into(), step: At::Search, failure }])
    }

    fn after(results: impl IntoIterator<Item = Result<Closed, Error>>) -> Evidence {
        let mut evidence = Evidence::default();
        results.into_iter().for_each(|result| evidence.deletion(result));
        evidence
    }

    fn refused() -> Error {
        error(Failure::Pcp(ResultCode::NotAuthorized))
    }

    fn no_resources() -> Error {
        error(Failure::Pcp(ResultCode::NoResources))
    }

    fn no_table() -> Result<Closed, Error> {
        Err(error(Failure::NoAnswer))
    }

    #[test]
    fn what_pcp_deleted_is_closed() {
        assert_eq!(after([Ok(Closed::Deleted)]).after_records(true), Step::End(Ok(Closed::Deleted)));
        assert_eq!(after([]).after_records(true), Step::End(Ok(Closed::NotOpen)));
    }

    #[test]
    fn the_yes_of_nat_pmp_is_no_proof() {
        let mut evidence = after([Ok(Closed::Deleted), Ok(Closed::Unconfirmed)]);
        assert_eq!(evidence.after_records(true), Step::Table);
        assert_eq!(evidence.after_table(Ok(Closed::NotOpen)), Step::End(Ok(Closed::Deleted)));
        let mut evidence = after([Ok(Closed::Unconfirmed)]);
        assert_eq!(evidence.after_table(no_table()), Step::End(Ok(Closed::Unconfirmed)));
        assert_eq!(after([Ok(Closed::Unconfirmed)]).after_records(false), Step::End(Ok(Closed::Unconfirmed)));
    }

    #[test]
    fn what_one_protocol_refuses_the_table_may_do() {
        let mut evidence = after([Err(refused())]);
        assert_eq!(evidence.after_records(true), Step::Table);
        assert_eq!(evidence.after_table(Ok(Closed::Deleted)), Step::End(Ok(Closed::Deleted)));
        let mut evidence = after([Err(refused()), Ok(Closed::Unconfirmed)]);
        assert_eq!(evidence.after_table(no_table()), Step::End(Err(refused())));
    }

    #[test]
    fn what_pcp_deleted_nat_pmp_has_no_more() {
        let not_alone = error(Failure::NotAlone { other: 7777.try_into().unwrap() });
        let mut evidence = Evidence::default();
        evidence.not_asked(not_alone.clone(), false);
        assert_eq!(evidence.after_records(true), Step::Table);
        assert_eq!(evidence.after_table(Ok(Closed::NotOpen)), Step::Again(not_alone.clone()));
        let mut evidence = Evidence::default();
        evidence.not_asked(not_alone, false);
        evidence.deleted_by_pcp();
        assert_eq!(evidence.after_records(true), Step::Table);
        assert_eq!(evidence.after_table(Ok(Closed::NotOpen)), Step::End(Ok(Closed::Deleted)));
    }

    #[test]
    fn no_resources_is_nothing_to_delete_where_the_gateway_maps_at_all() {
        let mut evidence = after([Err(no_resources())]);
        assert_eq!(evidence.after_records(true), Step::Table);
        assert_eq!(evidence.after_table(Ok(Closed::NotOpen)), Step::End(Ok(Closed::NotOpen)));
        for (is_public, end) in [(true, Ok(Closed::NotOpen)), (false, Err(no_resources()))] {
            let mut evidence = after([Err(no_resources())]);
            assert_eq!(evidence.after_table(no_table()), Step::Address);
            assert_eq!(evidence.after_address(is_public), Step::End(end));
        }
    }

    #[test]
    fn what_somebody_else_has_or_wants_ends_it() {
        let foreign = error(Failure::NotOurs { holder: "192.168.1.9".into() });
        let mut evidence = after([Ok(Closed::Unconfirmed), Err(foreign.clone())]);
        assert_eq!(evidence.after_records(true), Step::End(Err(foreign.clone())));
        let own = ["192.168.1.7".parse().unwrap()];
        let gone = |result| Evidence::default().is_gone(&result, &own);
        assert!(gone(Err(foreign)) && !gone(Err(refused())) && !gone(Ok(Closed::StillKept)));
        let own_holder = Err(error(Failure::NotOurs { holder: "192.168.1.7".into() }));
        assert!(!gone(own_holder.clone()));
        assert!(after([Err(no_resources())]).is_gone(&own_holder, &own));
        let mut evidence = after([Ok(Closed::StillKept), Ok(Closed::Deleted)]);
        assert_eq!(evidence.after_records(true), Step::End(Ok(Closed::StillKept)));
    }
}
