//! `PortForwarder`: a node that finds the gateway, opens ports, and closes them when it goes.

mod changes;
mod constants;
mod held;
mod open;
mod peer;
mod port_mapping;
mod report;

pub(crate) use constants::{ForwarderState, ProtocolFlag};
pub(crate) use held::release_all;

use godot::builtin::{GString, PackedInt32Array};
use godot::classes::{INode, Node};
use godot::global::godot_error;
use godot::obj::{Base, Gd, WithBaseField};
use godot::register::property::PhantomVar;
use godot::register::{GodotClass, godot_api};
use held::Holder;
use peer::Peer;
use port_mapping::PortMapping;
use portcullis::GatewayAddress;

/// Opens ports on the gateway between this game and the internet, and closes them when it is freed.
///
/// Add it to a scene and call [method forward], or name ports in the inspector:
/// ```gdscript
/// $PortForwarder.ready_to_host.connect(func(address, port): print("Join me at ", address, ":", port))
/// $PortForwarder.failed.connect(func(_result, message): print(message))
/// $PortForwarder.forward(7777)
/// ```
/// Nothing waits: signals tell how it went, from the main thread, and never before the method that was called has
/// returned.
///
/// Where the port is taken at the gateway by another computer, another external port is mapped; [signal ready_to_host]
/// tells which. When the game is killed or crashes nothing can be closed; the mapping ends with its
/// [member lease_duration] then.
#[derive(GodotClass)]
#[class(base = Node)]
pub(crate) struct PortForwarder {
    /// UDP ports that are opened when the node is ready.
    #[export]
    udp_ports: PackedInt32Array,
    /// TCP ports that are opened when the node is ready.
    #[export]
    tcp_ports: PackedInt32Array,
    /// Which ways of opening ports may be used, as a sum of [enum Protocol].
    #[export(flags = (UPnP = 1, NAT_PMP = 2, PCP = 4))]
    enabled_protocols: i64,
    /// How long a mapping shall last, in seconds, if nobody closes it. The gateway may grant another time.
    #[export(range = (0.0, 604_800.0, 1.0, or_greater, suffix = "s"))]
    lease_duration: i64,
    /// Whether mappings are kept: renewed before they end, and made again when the gateway has lost them, or when
    /// this computer is in another network. Otherwise they end with their [member lease_duration].
    #[export]
    auto_renew: bool,
    /// Whether mappings are closed when the node is freed, and when the game quits.
    #[var(get = is_remove_on_exit, set = set_remove_on_exit, usage_flags = [EDITOR, STORAGE])]
    remove_on_exit: PhantomVar<bool>,
    /// How long closing mappings may hold up the end of the game, in seconds.
    #[var(
        get = get_exit_timeout,
        set = set_exit_timeout,
        hint = RANGE,
        hint_string = "0,10,0.1,or_greater,suffix:s",
        usage_flags = [EDITOR, STORAGE]
    )]
    exit_timeout: PhantomVar<f64>,
    /// What the gateway shows beside a mapping; empty: the name of the project.
    #[export]
    description: GString,
    /// Use this gateway instead of searching the network: an IP address, with a port or without, or the
    /// `http` URL of a description. It may be on this computer. Empty: search.
    #[var(get = get_gateway_address, set = set_gateway_address, usage_flags = [EDITOR, STORAGE])]
    gateway: PhantomVar<GString>,
    named: Option<GatewayAddress>,
    held: Holder,
    /// Those that stand or are about to.
    mappings: Vec<Gd<PortMapping>>,
    external_address: String,
    gateway_name: String,
    last_error: Option<portcullis::Error>,
    has_failed: bool,
    base: Base<Node>,
}

#[godot_api]
impl INode for PortForwarder {
    fn init(base: Base<Node>) -> Self {
        Self {
            udp_ports: PackedInt32Array::new(),
            tcp_ports: PackedInt32Array::new(),
            enabled_protocols: ProtocolFlag::ALL.into_iter().map(|flag| flag as i64).sum(),
            lease_duration: 7_200,
            auto_renew: true,
            remove_on_exit: PhantomVar::default(),
            exit_timeout: PhantomVar::default(),
            description: GString::new(),
            gateway: PhantomVar::default(),
            named: None,
            held: Holder::new(),
            mappings: Vec::new(),
            external_address: String::new(),
            gateway_name: String::new(),
            last_error: None,
            has_failed: false,
            base,
        }
    }

    fn ready(&mut self) {
        let ports = [(self.udp_ports.clone(), "UDP"), (self.tcp_ports.clone(), "TCP")];
        for (ports, protocol) in ports {
            for &port in ports.as_slice() {
                self.open(port, protocol, 0);
            }
        }
    }
}

#[godot_api]
impl PortForwarder {
    /// A port is open: players may be told this address and port. See
    /// [member PortMapping.external_address_kind] for whether they can reach it.
    #[signal]
    fn ready_to_host(external_address: GString, external_port: i64);

    /// The gateway has made a mapping.
    #[signal]
    fn mapping_added(mapping: Gd<PortMapping>);

    /// The gateway has renewed a mapping, or has made it again after it was lost.
    #[signal]
    fn mapping_renewed(mapping: Gd<PortMapping>);

    /// A mapping has run out, and nobody can be asked for more; it is asked for until it stands again, and
    /// [signal mapping_renewed] tells of that. [param result] is a [enum PortcullisUPNP.UPNPResult].
    #[signal]
    fn mapping_lost(mapping: Gd<PortMapping>, result: i64);

    /// A mapping that the gateway had made has been closed on request.
    #[signal]
    fn mapping_removed(mapping: Gd<PortMapping>);

    /// The gateway's external address is known, or another one than before.
    #[signal]
    fn external_address_changed(address: GString);

    /// A port could not be opened, or not be closed. [param result] is a [enum PortcullisUPNP.UPNPResult],
    /// [param message] says why, for a person.
    #[signal]
    fn failed(result: i64, message: GString);

    /// Opens [param port] to the internet; [param internal_port] is the one this game listens on (0: the same).
    /// [param proto] is `"UDP"` or `"TCP"`. Gives the mapping, which is pending until
    /// [signal mapping_added] or [signal failed]; null for arguments that cannot be.
    #[func]
    fn forward(
        &mut self,
        port: i64,
        #[opt(default = "UDP")] proto: GString,
        #[opt(default = 0)] internal_port: i64,
    ) -> Option<Gd<PortMapping>> {
        use crate::number::int32;
        self.open(int32(port), &proto.to_string(), int32(internal_port))
    }

    /// Opens the port that [param peer] listens on: that of an [ENetMultiplayerPeer] that is a server (UDP). A
    /// [WebSocketMultiplayerPeer] does not tell its port: give it as [param port] (TCP). Gives what [method forward]
    /// gives; null for a peer that does not listen.
    #[func]
    fn forward_peer(&mut self, peer: Peer, #[opt(default = 0)] port: i64) -> Option<Gd<PortMapping>> {
        match peer::listening(peer, crate::number::int32(port)) {
            Ok((port, protocol)) => self.open(port, protocol, 0),
            Err(message) => {
                godot_error!("{message}");
                None
            }
        }
    }

    /// Closes a mapping; [signal mapping_removed] tells when it is closed. One that is still pending is given up, and
    /// no signal tells of it any more.
    #[func]
    fn release(&mut self, mapping: Option<Gd<PortMapping>>) {
        if !is_on_main_thread() {
            return;
        }
        let own = mapping.and_then(|mapping| self.mappings.iter().position(|own| *own == mapping));
        match own {
            Some(index) => {
                let mapping = self.mappings.remove(index);
                self.close(mapping);
            }
            None => godot_error!("The mapping is none of this node's, or was released before."),
        }
    }

    /// Closes all mappings of this node, as [method release] does. What failed before is forgotten: the state is
    /// [constant STATE_IDLE] then.
    #[func]
    fn release_all(&mut self) {
        if !is_on_main_thread() {
            return;
        }
        self.forget_failure();
        for mapping in std::mem::take(&mut self.mappings) {
            self.close(mapping);
        }
    }

    #[func]
    fn set_remove_on_exit(&mut self, remove_on_exit: bool) {
        self.held.set_remove_on_exit(remove_on_exit);
    }

    #[func]
    fn is_remove_on_exit(&self) -> bool {
        self.held.is_remove_on_exit()
    }

    #[func]
    fn set_exit_timeout(&mut self, exit_timeout: f64) {
        self.held.set_exit_timeout(exit_timeout);
    }

    #[func]
    fn get_exit_timeout(&self) -> f64 {
        self.held.exit_timeout()
    }

    #[func]
    fn set_gateway_address(&mut self, gateway: GString) {
        let text = gateway.to_string();
        let named = if text.is_empty() { Ok(None) } else { text.parse().map(Some) };
        match named {
            Ok(named) => self.named = named,
            Err(_) => crate::errors::bad_gateway(&text),
        }
    }

    #[func]
    fn get_gateway_address(&self) -> GString {
        self.named.as_ref().map(|named| GString::from(&named.to_string())).unwrap_or_default()
    }
}

impl PortForwarder {
    /// This node as an object, which signals are emitted from when nothing is bound.
    fn object(&self) -> Gd<Self> {
        self.to_gd()
    }

    /// What comes next is told of by itself.
    fn forget_failure(&mut self) {
        self.has_failed = false;
        self.last_error = None;
    }
}

/// Whether a method may go on; the programmer is told where not.
fn is_on_main_thread() -> bool {
    let is_so = godot::init::is_main_thread();
    if !is_so {
        godot_error!("A PortForwarder is a node: call it from the main thread.");
    }
    is_so
}
