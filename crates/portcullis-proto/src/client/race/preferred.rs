//! Which gateway others give way to, and for how long: the one that leads to the internet has the mapping by whatever it
//! speaks, while it may still answer. Whoever announces a gateway of its own is quicker than one that holds its answer back.

use super::super::Client;
use super::super::event::Event;
use super::super::operation::Operation;
use super::super::search::Search;
use super::{Phase, SILENCE};
use crate::Time;
use core::net::IpAddr;

impl Client {
    /// The gateway that this one gives way to: the one that leads to the internet, unless a person named others, or the
    /// operation is for one alone.
    pub(in crate::client) fn preferred_to(&self, operation: &Operation, gateway: IpAddr) -> Option<IpAddr> {
        let is_for_one = !self.config.gateways.is_empty() || operation.only_at.is_some() || operation.fixed;
        let preferred = self.network.preferred_gateway(self.config.interface.as_deref())?;
        (preferred != gateway && gateway.is_ipv4() && !is_for_one).then_some(preferred)
    }

    /// An operation has come to something at this gateway: where that is another one, or not on the way that packets take,
    /// it is told.
    pub(in crate::client) fn tell_if_another(&mut self, operation: &Operation, gateway: IpAddr, name: &str) {
        // What nobody asked for, nobody wonders about.
        let preferred = self.preferred_to(operation, gateway).filter(|_| !operation.silent);
        if let Some(preferred) = preferred {
            self.transport.out.push_event(Event::OtherGateway { gateway: name.to_owned(), preferred });
        } else if let Some(own) = self.network.other_way_out(gateway).filter(|_| operation.is_mapping()) {
            let (gateway, interface) = (name.to_owned(), own.name.clone());
            self.transport.out.push_event(Event::OtherWayOut { gateway, interface });
        }
    }

    /// Until when the gateway that this one gives way to may answer by one of the protocols.
    pub(in crate::client) fn gives_way_until(&self, operation: &Operation, gateway: IpAddr) -> Option<Time> {
        let preferred = self.preferred_to(operation, gateway)?;
        let by_talk = operation.contenders.iter().filter_map(|own| {
            let is_refused = self.port_control.line(own.way).is_some_and(|line| line.is_refused());
            let is_out = is_refused || own.last_resort || own.way.0.ip() != preferred;
            let since = match own.phase {
                Phase::Failed => return None,
                Phase::Asked(at) => at,
                Phase::Probing | Phase::Ready => own.asked_at,
            };
            (!is_out).then_some(since + SILENCE)
        });
        by_talk.chain(self.preferred_by_igd(operation, preferred)).max()
    }

    fn preferred_by_igd(&self, operation: &Operation, preferred: IpAddr) -> Option<Time> {
        if !operation.igd_is_open() {
            None
        } else if operation.remote().is_some_and(|remote| remote.ip() == preferred) {
            operation.working_since.map(|since| since + SILENCE)
        } else if operation.has_tried_at(preferred) {
            None
        } else {
            let search = self.gateway_searches.get(&operation.is_ipv6())?;
            self.searches.get(search).and_then(Search::awaits_preferred)
        }
    }
}
