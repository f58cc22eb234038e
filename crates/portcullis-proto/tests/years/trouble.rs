//! What happens to a client in its life.

use crate::gateways::{FIRST, OURS, SECOND};
use crate::pair::network;
use crate::random::Random;
use crate::schedule::link;
use crate::world::World;
use core::time::Duration;
use portcullis_proto::client::Network;
use portcullis_sim::{PortControlOddity, Quirk};

#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// The gateway restarts; it forgets its mappings, or keeps them.
    Reboot {
        forgets: bool,
    },
    /// It is gone for a while, and has lost everything when it comes back.
    PowerCut,
    PowerBack,
    /// Its cable is out for a while.
    Unplugged,
    Plugged,
    /// It forgets its mappings, and tells nobody.
    Forgets,
    ChangesAddress,
    /// It refuses everything for a while.
    Refuses,
    Grants,
    /// Its control port moves.
    Moves,
    /// The link is another one, better or worse.
    Link,
    /// This machine sleeps.
    Suspend,
    /// This machine is in no network for a while.
    Offline,
    /// This machine is in a network, with one gateway or the other, and one address or the other.
    Online,
    /// A mapping is wanted, or not wanted any more.
    Begin,
    End,
    /// The process is killed, and another one begins.
    Kill,
}

impl Trouble {
    pub(crate) fn any(random: &mut Random) -> Self {
        match random.below(28) {
            0..=3 => Self::Reboot { forgets: true },
            4 => Self::Reboot { forgets: false },
            5..=6 => Self::PowerCut,
            7..=8 => Self::Unplugged,
            9 => Self::Forgets,
            10..=11 => Self::ChangesAddress,
            12..=13 => Self::Refuses,
            14 => Self::Moves,
            15..=16 => Self::Link,
            17..=18 => Self::Suspend,
            19 => Self::Offline,
            20 => Self::Online,
            21..=23 => Self::Begin,
            24..=25 => Self::End,
            _ => Self::Kill,
        }
    }
}

impl World {
    pub(crate) fn make(&mut self, trouble: &Trouble) {
        self.tell(trouble);
        let now = self.pair.now;
        match trouble {
            Trouble::Reboot { forgets: true } => {
                self.pair.gateway.reboot(now);
                self.disturb();
            }
            Trouble::Reboot { forgets: false } => self.pair.gateway.reboot_keeping_state(now),
            Trouble::PowerCut => {
                self.pair.gateway.is_off = true;
                let wait = self.random.seconds(2, 20_000);
                self.after(wait, Trouble::PowerBack);
            }
            Trouble::PowerBack => {
                self.pair.gateway.is_off = false;
                self.pair.gateway.reboot(now);
                self.disturb();
            }
            Trouble::Unplugged => {
                self.pair.gateway.is_off = true;
                let wait = self.random.seconds(2, 20_000);
                self.after(wait, Trouble::Plugged);
            }
            Trouble::Plugged => self.pair.gateway.is_off = false,
            Trouble::Forgets => {
                self.pair.gateway.clear_mappings();
                self.disturb();
            }
            Trouble::ChangesAddress => {
                let address = format!("81.2.69.{}", 140 + self.random.below(20));
                self.pair.gateway.change_external_address(now, address);
            }
            Trouble::Refuses => {
                let refusals = [
                    // NETWORK_FAILURE: 8, NO_RESOURCES, would say of a deletion that nothing is there (quirk 89).
                    Quirk::PortControl(PortControlOddity::PcpResult(7)),
                    Quirk::PortControl(PortControlOddity::NatPmpResult(3)),
                    Quirk::PortControl(PortControlOddity::Silent),
                    Quirk::Fault("AddPortMapping", 501),
                    Quirk::Fault("AddPortMapping", 718),
                    Quirk::AddIgnored,
                ];
                let refusal = self.random.one_of(&refusals);
                if self.refusal.is_none() {
                    self.refusal = Some(refusal);
                    if refusal == Quirk::AddIgnored {
                        // What it says it has, it has not: nobody can know.
                        self.disturb_until(now + Duration::from_secs(1_000_000_000));
                    }
                    if refusal == Quirk::Fault("AddPortMapping", 718) {
                        self.gateways.extend_nothing.push(FIRST);
                    }
                    self.pair.gateway.add_quirk(refusal);
                    let wait = self.random.seconds(2, 20_000);
                    self.after(wait, Trouble::Grants);
                }
            }
            Trouble::Grants => {
                if let Some(refusal) = self.refusal.take() {
                    if refusal == Quirk::Fault("AddPortMapping", 718) {
                        self.gateways.extend_nothing.pop();
                    }
                    self.pair.gateway.remove_quirk(refusal);
                }
            }
            Trouble::Moves => {
                let port = 5_000 + self.random.below(100);
                self.pair.gateway.reboot(now);
                self.pair.gateway.set_http_address(format!("{FIRST}:{port}").parse().unwrap());
                self.disturb();
            }
            Trouble::Link => {
                let link = link(&mut self.random);
                self.pair.set_link(link);
            }
            Trouble::Suspend => {
                let night = self.random.seconds(10, 12 * 3_600);
                self.pair.suspend(night);
            }
            Trouble::Offline => {
                let mut nothing = network();
                nothing.interfaces.truncate(1);
                nothing.default_gateways.clear();
                self.move_to(nothing);
                let wait = self.random.seconds(1, 20_000);
                self.after(wait, Trouble::Online);
            }
            Trouble::Online => {
                let mut network = network();
                let gateway = if self.random.percent(60) { FIRST } else { SECOND };
                let (_, own) = OURS[usize::from(self.random.percent(30))];
                network.default_gateways[0].address = gateway;
                network.interfaces[1].addresses[0].address = own;
                self.pair.own_address = own;
                self.move_to(network);
            }
            Trouble::Begin => self.begin_keeping(),
            Trouble::End => self.end_keeping(),
            Trouble::Kill => self.kill(),
        }
        self.look();
    }

    fn move_to(&mut self, network: Network) {
        self.observer.next_network();
        self.network = network.clone();
        self.pair.set_network(network);
    }

    /// The gateway has lost what nobody told it to.
    fn disturb(&mut self) {
        self.disturb_until(self.pair.now);
    }

    fn disturb_until(&mut self, at: portcullis_proto::Time) {
        let known = self.gateways.disturbed.entry(FIRST).or_insert(at);
        *known = (*known).max(at);
    }

    #[expect(clippy::disallowed_macros, reason = "a schedule that is run alone tells what happens in it")]
    fn tell(&self, trouble: &Trouble) {
        if self.tells {
            eprintln!("{:?} {trouble:?}", self.pair.now);
        }
    }
}
