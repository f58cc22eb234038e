//! Hearing of gateways: the sockets that announcements come in on, and what they are worth.
//!
//! Nothing in an announcement is believed, since its sender is whatever he writes: neither that mappings are lost nor
//! an address. It makes the gateway be asked, whose own answers decide.

use super::KeeperTimer;
use super::heed::udn;
use crate::Time;
use crate::client::Client;
use crate::client::io::{Bind, Group, Output, SocketId};
use crate::client::timer::Timer;
use crate::wire::natpmp;
use crate::wire::port_control::{self, Answer};
use crate::wire::ssdp::{self, Message, Notify, NotifyKind};
use crate::wire::url::HttpUrl;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A socket that announcements come in on.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) socket: SocketId,
    is_ssdp: bool,
}

impl Client {
    /// Listens for announcements, where strangers can be heard at all.
    pub(super) fn listen(&mut self) {
        if !self.keeper.listeners.is_empty() || !self.config.may_hear_strangers() {
            return;
        }
        let port_control = (port_control::ANNOUNCE_PORT, false);
        let ssdp = (ssdp::PORT, true);
        let channels = [
            (port_control, IpAddr::from(port_control::ANNOUNCE_GROUP)),
            (port_control, port_control::ANNOUNCE_GROUP_V6.into()),
            (ssdp, ssdp::MULTICAST_V4.into()),
            (ssdp, ssdp::LINK_LOCAL_V6.into()),
        ];
        for ((port, is_ssdp), address) in channels {
            let interfaces = self.network.interfaces.iter().filter(|interface| {
                let has_family =
                    if address.is_ipv4() { interface.ipv4().next().is_some() } else { interface.has_ipv6() };
                interface.multicast && !interface.loopback && has_family
            });
            let groups: Vec<_> =
                interfaces.map(|interface| Group { address, interface: interface.index }).collect();
            if groups.is_empty() {
                continue;
            }
            let any: IpAddr =
                if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
            let socket = self.transport.out.next_socket();
            self.transport.out.push(Output::Bind(Bind {
                socket,
                local: SocketAddr::new(any, port),
                multicast_interface: None,
                multicast_ttl: 1,
                peer: None,
                groups,
            }));
            self.keeper.listeners.push(Listener { socket, is_ssdp });
        }
    }

    /// Other interfaces are there to listen on.
    pub(super) fn listen_again(&mut self) {
        self.stop_listening();
        self.listen();
    }

    pub(super) fn stop_listening(&mut self) {
        for listener in self.keeper.listeners.drain(..) {
            self.transport.out.push(Output::Unbind(listener.socket));
        }
    }

    /// A datagram for everybody.
    pub(in crate::client) fn announced(
        &mut self,
        now: Time,
        socket: SocketId,
        source: SocketAddr,
        payload: &[u8],
    ) {
        if self.keeper.listeners.iter().any(|own| own.socket == socket && own.is_ssdp) {
            if let Ok(Message::Notify(notify)) = Message::decode(payload) {
                for gateway in self.meant_by(source.ip(), &notify) {
                    self.notified(now, gateway, &notify);
                }
            }
            return;
        }
        let server = source.ip();
        if source.port() != port_control::PORT || !self.keeper.watches.contains_key(&server) {
            return;
        }
        let Ok(answer) = Answer::decode(payload) else { return };
        let is_announcement = match &answer {
            Answer::NatPmp(response) => matches!(response.body, natpmp::Body::ExternalAddress(_)),
            Answer::Pcp(response) => response.opcode_number == 0,
        };
        if is_announcement {
            // One that tells another address than before tells it by NAT-PMP without counting anew.
            let is_news =
                self.port_control.is_news(now, server, &answer) || self.is_other_address(server, &answer);
            if let Some(watch) = self.keeper.watches.get_mut(&server) {
                watch.beside.is_doubtful |= is_news;
            }
            self.heed(now, server, is_news);
        }
    }

    /// The gateways that an announcement may be of: the one it comes from. Over IPv6 a device has several addresses, and
    /// multicasts from the one of the link (RFC 6724 section 5): there it is known by its name as well.
    fn meant_by(&self, source: IpAddr, notify: &Notify) -> Vec<IpAddr> {
        let has_other_addresses =
            source.is_ipv6() && self.config.gateways.is_empty() && self.network.is_on_link(source);
        let host = notify.location.as_deref().and_then(|url| HttpUrl::parse(url).ok()?.ip());
        let is_named = |gateway: &IpAddr| {
            host == Some(*gateway)
                || self.keeper.watches.get(gateway).is_some_and(|watch| watch.is_called(udn(&notify.usn)))
        };
        let gateways = self.keeper.watches.keys().copied();
        gateways
            .filter(|gateway| {
                *gateway == source || (gateway.is_ipv6() && has_other_addresses && is_named(gateway))
            })
            .collect()
    }

    /// Whether NAT-PMP announces another external address than our mappings have.
    fn is_other_address(&self, server: IpAddr, answer: &Answer) -> bool {
        let Answer::NatPmp(natpmp::Response { body: natpmp::Body::ExternalAddress(address), .. }) = answer
        else {
            return false;
        };
        let told = Some(IpAddr::from(*address));
        let here = self.keeper.mappings.values().filter(|kept| kept.is_at(server));
        let granted = here.filter_map(|kept| kept.granted.as_ref());
        granted.filter_map(|granted| granted.external_address).any(|own| own.is_ipv4() && Some(own) != told)
    }

    /// SSDP: a gateway that has rebooted may have lost its mappings; so may one that is merely alive, where it does not
    /// tell its boots apart.
    fn notified(&mut self, now: Time, gateway: IpAddr, notify: &Notify) {
        let Some(watch) = self.keeper.watches.get_mut(&gateway) else { return };
        let is_another = notify.boot_id.and_then(|boot_id| watch.boots.update(&notify.usn, boot_id));
        match (notify.kind, is_another) {
            // It will be back; until then there is nobody to ask.
            (NotifyKind::ByeBye, _) | (_, Some(false)) => {}
            (_, Some(true)) => self.heed(now, gateway, true),
            (_, None) => self.heed(now, gateway, false),
        }
    }

    /// A word of a gateway's, or in its name: it is asked, now or when it may be.
    fn heed(&mut self, now: Time, gateway: IpAddr, is_news: bool) {
        let Some(watch) = self.keeper.watches.get_mut(&gateway) else { return };
        // An epoch says nothing where the one before is not known, as PCP's where a mapping is UPnP's or NAT-PMP's.
        if !is_news && !watch.heed.is_rested(now) {
            return;
        }
        let at = watch.heed.at(now);
        watch.heed.waits = true;
        if at <= now {
            self.watch_due(now, gateway);
        } else {
            self.transport.out.timers.set_by(Timer::Keeper(KeeperTimer::Watch(gateway)), at);
        }
    }

    /// A gateway is known to have restarted: that it counts its boots on is no other restart.
    pub(in crate::client) fn forget_boot(&mut self, gateway: IpAddr) {
        if let Some(watch) = self.keeper.watches.get_mut(&gateway) {
            watch.boots.forget();
        }
    }
}
