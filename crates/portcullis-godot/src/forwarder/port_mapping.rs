//! `PortMapping`: one port that a node opens.

use crate::device::ExternalAddressKind;
use godot::builtin::GString;
use godot::classes::RefCounted;
use godot::obj::{Base, Gd};
use godot::register::property::PhantomVar;
use godot::register::{GodotClass, godot_api};
use portcullis::upnp::UpnpResult;
use portcullis::{AddressKind, Error, Granted, MappingRequest};

#[derive(Debug)]
pub(super) enum Phase {
    Pending,
    Active(Granted),
    /// What was granted has run out; it is being asked for again.
    Lost(Granted),
    Failed(Error),
    /// Released, or about to be.
    Released,
}

/// A port that a [PortForwarder] opens, or has opened.
#[derive(GodotClass)]
#[class(no_init, base = RefCounted)]
pub(crate) struct PortMapping {
    /// `"UDP"` or `"TCP"`.
    #[var(get = get_protocol, no_set)]
    protocol: PhantomVar<GString>,
    /// The port that this game listens on.
    #[var(get = get_internal_port, no_set)]
    internal_port: PhantomVar<i64>,
    /// This computer's address towards the gateway; empty until the mapping is active.
    #[var(get = get_internal_address, no_set)]
    internal_address: PhantomVar<GString>,
    /// The port at the gateway: the one asked for while the mapping is pending, the one granted when it is active.
    #[var(get = get_external_port, no_set)]
    external_port: PhantomVar<i64>,
    /// The gateway's address; empty until the mapping is active, and where the gateway does not tell.
    #[var(get = get_external_address, no_set)]
    external_address: PhantomVar<GString>,
    /// What that address is worth, as a [enum PortcullisUPNPDevice.ExternalAddressKind]: players on the internet can
    /// reach a public one only.
    #[var(get = get_external_address_kind, no_set)]
    external_address_kind: PhantomVar<i64>,
    /// How long the gateway keeps the mapping from when it was made, in seconds; 0: until it is closed.
    #[var(get = get_lifetime, no_set)]
    lifetime: PhantomVar<i64>,
    /// How the mapping was made: `"pcp"`, `"nat-pmp"` or `"igd"` (UPnP); empty until it is active.
    #[var(get = get_method_name, no_set)]
    method: PhantomVar<GString>,
    /// The gateway, by name and address; empty until the mapping is active.
    #[var(get = get_gateway, no_set)]
    gateway: PhantomVar<GString>,
    /// How opening it went, as a [enum PortcullisUPNP.UPNPResult]; -1 while it is pending.
    #[var(get = get_result, no_set)]
    result: PhantomVar<i64>,
    /// Why it could not be opened, for a person; empty otherwise.
    #[var(get = get_message, no_set)]
    message: PhantomVar<GString>,
    pub(super) request: MappingRequest,
    pub(super) phase: Phase,
    base: Base<RefCounted>,
}

impl PortMapping {
    pub(super) fn pending(request: MappingRequest) -> Gd<Self> {
        Gd::from_init_fn(|base| Self {
            protocol: PhantomVar::default(),
            internal_port: PhantomVar::default(),
            internal_address: PhantomVar::default(),
            external_port: PhantomVar::default(),
            external_address: PhantomVar::default(),
            external_address_kind: PhantomVar::default(),
            lifetime: PhantomVar::default(),
            method: PhantomVar::default(),
            gateway: PhantomVar::default(),
            result: PhantomVar::default(),
            message: PhantomVar::default(),
            request,
            phase: Phase::Pending,
            base,
        })
    }

    pub(super) fn granted(&self) -> Option<&Granted> {
        match &self.phase {
            Phase::Active(granted) | Phase::Lost(granted) => Some(granted),
            _ => None,
        }
    }

    fn told(&self, what: impl Fn(&Granted) -> String) -> GString {
        self.granted().map(|granted| GString::from(&what(granted))).unwrap_or_default()
    }
}

#[godot_api]
impl PortMapping {
    /// Whether the port is open, as far as is known.
    #[func]
    fn is_active(&self) -> bool {
        matches!(self.phase, Phase::Active(_))
    }

    /// Whether the gateway has not answered yet, or does not any more.
    #[func]
    fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::Pending | Phase::Lost(_))
    }

    #[func]
    fn get_protocol(&self) -> GString {
        GString::from(self.request.protocol().as_str())
    }

    #[func]
    fn get_internal_port(&self) -> i64 {
        self.request.internal_port().get().into()
    }

    #[func]
    fn get_internal_address(&self) -> GString {
        self.told(|granted| granted.internal_address.to_string())
    }

    #[func]
    fn get_external_port(&self) -> i64 {
        let asked = self.request.external_port_or_internal();
        self.granted().map_or(asked, |granted| granted.external_port).get().into()
    }

    #[func]
    fn get_external_address(&self) -> GString {
        self.told(|granted| granted.external_address.map(|address| address.to_string()).unwrap_or_default())
    }

    #[func]
    fn get_external_address_kind(&self) -> i64 {
        let address = self.granted().and_then(|granted| granted.external_address);
        ExternalAddressKind::from(address.map(AddressKind::of)) as i64
    }

    #[func]
    fn get_lifetime(&self) -> i64 {
        self.granted().map_or(0, |granted| granted.told_lifetime().as_seconds().into())
    }

    #[func]
    fn get_method_name(&self) -> GString {
        self.told(|granted| granted.method().to_string())
    }

    #[func]
    fn get_gateway(&self) -> GString {
        self.told(|granted| granted.gateway.clone())
    }

    #[func]
    fn get_result(&self) -> i64 {
        match &self.phase {
            Phase::Pending | Phase::Lost(_) => -1,
            Phase::Failed(error) => i32::from(UpnpResult::from(error)).into(),
            Phase::Active(_) | Phase::Released => i32::from(UpnpResult::Success).into(),
        }
    }

    #[func]
    fn get_message(&self) -> GString {
        match &self.phase {
            Phase::Failed(error) => GString::from(&error.to_string()),
            _ => GString::new(),
        }
    }
}
