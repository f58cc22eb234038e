//! `PortcullisUPNPDevice`: the engine's `UPNPDevice`, and more.

mod extras;
mod kind;
mod status;

pub(crate) use kind::ExternalAddressKind;

use crate::accessors::accessors;
use crate::number::int32;
use crate::{clients, errors};
use godot::builtin::GString;
use godot::classes::{IRefCounted, RefCounted};
use godot::obj::{Base, Gd};
use godot::register::property::PhantomVar;
use godot::register::{GodotClass, godot_api};
use portcullis::Method;
use portcullis::upnp::UpnpDevice;
use status::StatusNumber;

/// A device that a search of [PortcullisUPNP] has found: the engine's [UPNPDevice], on more gateways.
///
/// Methods, properties, defaults and numbers are those of [UPNPDevice]. Every device is described by its own
/// description, and its status says what is true: a gateway that says it is not connected, or whose external address is
/// a private one, is a gateway that ports can be mapped on, and [member status_note] says what is unusual.
///
/// Calls wait for the gateway, for five seconds at most; they may be made from any thread.
#[derive(GodotClass)]
#[class(rename = PortcullisUPNPDevice, base = RefCounted)]
pub(crate) struct PortcullisUpnpDevice {
    /// The URL of the device's description.
    #[var(get = get_description_url, set = set_description_url, usage_flags = [EDITOR, STORAGE])]
    description_url: PhantomVar<GString>,
    /// The search target that the device answered to.
    #[var(get = get_service_type, set = set_service_type, usage_flags = [EDITOR, STORAGE])]
    service_type: PhantomVar<GString>,
    /// Where the port mapping service is controlled.
    #[var(get = get_igd_control_url, set = set_igd_control_url, usage_flags = [EDITOR, STORAGE])]
    igd_control_url: PhantomVar<GString>,
    /// The type of the port mapping service.
    #[var(get = get_igd_service_type, set = set_igd_service_type, usage_flags = [EDITOR, STORAGE])]
    igd_service_type: PhantomVar<GString>,
    /// This computer's address towards the device, to which ports are mapped.
    #[var(get = get_igd_our_addr, set = set_igd_our_addr, usage_flags = [EDITOR, STORAGE])]
    igd_our_addr: PhantomVar<GString>,
    /// What is known of the device, as a [enum IGDStatus].
    #[var(get = get_igd_status, set = set_igd_status, hint = ENUM, hint_string = "", usage_flags = [EDITOR, STORAGE])]
    igd_status: PhantomVar<i64>,
    /// What is unusual about the device, for a person; empty where nothing is. Not in [UPNPDevice].
    #[var(get = get_status_note, no_set, usage_flags = [EDITOR])]
    status_note: PhantomVar<GString>,
    /// What a person calls the device; may be empty. Not in [UPNPDevice].
    #[var(get = get_friendly_name, no_set, usage_flags = [EDITOR])]
    friendly_name: PhantomVar<GString>,
    /// The gateway's own number for why the last call failed, such as 718; 0 where it gave none. Not in [UPNPDevice].
    #[var(get = get_last_upnp_error, no_set, usage_flags = [EDITOR])]
    last_upnp_error: PhantomVar<i64>,
    /// Why the last call failed, for a person; empty where it succeeded. Not in [UPNPDevice].
    #[var(get = get_last_error_message, no_set, usage_flags = [EDITOR])]
    last_error_message: PhantomVar<GString>,
    inner: UpnpDevice,
    /// Made by a script, not found: it has no client yet.
    is_own: bool,
    base: Base<RefCounted>,
}

#[godot_api]
impl IRefCounted for PortcullisUpnpDevice {
    fn init(base: Base<RefCounted>) -> Self {
        Self::new(UpnpDevice::new(), true, base)
    }
}

impl PortcullisUpnpDevice {
    fn new(inner: UpnpDevice, is_own: bool, base: Base<RefCounted>) -> Self {
        Self {
            description_url: PhantomVar::default(),
            service_type: PhantomVar::default(),
            igd_control_url: PhantomVar::default(),
            igd_service_type: PhantomVar::default(),
            igd_our_addr: PhantomVar::default(),
            igd_status: PhantomVar::default(),
            status_note: PhantomVar::default(),
            friendly_name: PhantomVar::default(),
            last_upnp_error: PhantomVar::default(),
            last_error_message: PhantomVar::default(),
            inner,
            is_own,
            base,
        }
    }

    /// The object for a device that was found.
    pub(crate) fn found(device: UpnpDevice) -> Gd<Self> {
        Gd::from_init_fn(|base| Self::new(device, false, base))
    }

    /// The device, for a call.
    pub(crate) fn device(&self) -> UpnpDevice {
        if self.is_own {
            // Without one it fails, or starts one of its own where the system still gives threads.
            if let Ok(client) = clients::get(None, &[Method::Igd]) {
                self.inner.set_client(client);
            }
        }
        self.inner.clone()
    }
}

accessors! {
    PortcullisUpnpDevice, __godot_PortcullisUpnpDevice_Funcs:
    set_description_url(GString),
    set_service_type(GString),
    set_igd_control_url(GString),
    set_igd_service_type(GString),
    set_igd_our_addr(GString),
    set_igd_status(i64);
    get_igd_status(i64)
}

#[godot_api]
impl PortcullisUpnpDevice {
    /// Whether ports can be mapped on the device, as far as is known: its status is [constant IGD_STATUS_OK], or
    /// [constant IGD_STATUS_DISCONNECTED], which some gateways say and map all the same.
    #[func]
    fn is_valid_gateway(&self) -> bool {
        self.inner.is_valid_gateway()
    }

    /// Asks the gateway for its external address; empty where it gives none.
    #[func]
    fn query_external_address(&self) -> GString {
        GString::from(&self.device().query_external_address())
    }

    /// Maps [param port] of the gateway to [param port_internal] of this computer (0: the same), for
    /// [param duration] seconds (0: until it is deleted), under the description [param desc]. [param proto] is
    /// `"UDP"` or `"TCP"`. Gives a [enum PortcullisUPNP.UPNPResult].
    #[func]
    fn add_port_mapping(
        &self,
        port: i64,
        #[opt(default = 0)] port_internal: i64,
        #[opt(default = "")] desc: GString,
        #[opt(default = "UDP")] proto: GString,
        #[opt(default = 0)] duration: i64,
    ) -> i32 {
        let port = int32(port);
        let (desc, proto) = (desc.to_string(), proto.to_string());
        let result =
            self.device().add_port_mapping(port, int32(port_internal), &desc, &proto, int32(duration));
        errors::told_mapping(result, port)
    }

    /// Deletes the mapping of [param port], whosever it is. Gives a [enum PortcullisUPNP.UPNPResult].
    #[func]
    fn delete_port_mapping(&self, port: i64, #[opt(default = "UDP")] proto: GString) -> i32 {
        let port = int32(port);
        errors::told_mapping(self.device().delete_port_mapping(port, &proto.to_string()), port)
    }

    #[func(gd_self, rename = set_description_url)]
    fn store_description_url(this: Gd<Self>, url: GString) {
        this.bind().inner.set_description_url(&url.to_string());
    }

    #[func]
    fn get_description_url(&self) -> GString {
        GString::from(&self.inner.get_description_url())
    }

    #[func(gd_self, rename = set_service_type)]
    fn store_service_type(this: Gd<Self>, _type: GString) {
        this.bind().inner.set_service_type(&_type.to_string());
    }

    #[func]
    fn get_service_type(&self) -> GString {
        GString::from(&self.inner.get_service_type())
    }

    #[func(gd_self, rename = set_igd_control_url)]
    fn store_igd_control_url(this: Gd<Self>, url: GString) {
        this.bind().inner.set_igd_control_url(&url.to_string());
    }

    #[func]
    fn get_igd_control_url(&self) -> GString {
        GString::from(&self.inner.get_igd_control_url())
    }

    #[func(gd_self, rename = set_igd_service_type)]
    fn store_igd_service_type(this: Gd<Self>, _type: GString) {
        this.bind().inner.set_igd_service_type(&_type.to_string());
    }

    #[func]
    fn get_igd_service_type(&self) -> GString {
        GString::from(&self.inner.get_igd_service_type())
    }

    #[func(gd_self, rename = set_igd_our_addr)]
    fn store_igd_our_addr(this: Gd<Self>, addr: GString) {
        this.bind().inner.set_igd_our_addr(&addr.to_string());
    }

    #[func]
    fn get_igd_our_addr(&self) -> GString {
        GString::from(&self.inner.get_igd_our_addr())
    }

    #[func(gd_self, rename = set_igd_status)]
    fn store_igd_status(this: Gd<Self>, status: StatusNumber) {
        this.bind().inner.set_igd_status(int32(status.0));
    }

    #[func(rename = get_igd_status)]
    fn load_igd_status(&self) -> StatusNumber {
        StatusNumber(self.inner.get_igd_status_number().into())
    }

    #[func]
    fn get_status_note(&self) -> GString {
        GString::from(&self.inner.status_note())
    }

    #[func]
    fn get_friendly_name(&self) -> GString {
        GString::from(&self.inner.friendly_name())
    }

    #[func]
    fn get_last_upnp_error(&self) -> i64 {
        self.inner.last_upnp_error()
    }

    #[func]
    fn get_last_error_message(&self) -> GString {
        self.inner.last_error().map(|error| GString::from(&error.to_string())).unwrap_or_default()
    }
}
