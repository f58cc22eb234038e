//! `PortcullisUPNP`: the engine's `UPNP`, and more.

mod background;
mod devices;

use crate::accessors::accessors;
use crate::call::{Calls, Ended, Value};
use crate::number::int32;
use crate::{clients, errors};
use devices::Objects;
use godot::builtin::GString;
use godot::classes::{IRefCounted, RefCounted};
use godot::obj::{Base, Gd};
use godot::register::property::PhantomVar;
use godot::register::{GodotClass, godot_api};
use portcullis::upnp::{Upnp, UpnpResult};
use portcullis::{GatewayAddress, Method};
use std::sync::{Mutex, PoisonError};

/// Finds gateways by UPnP and maps ports on them: the engine's [UPNP], faster, on more gateways, and without freezing.
///
/// Methods, properties, defaults and numbers are those of [UPNP]: replace `UPNP.new()` by
/// `PortcullisUPNP.new()`. A search ends as soon as a gateway is known; gateways of every kind are found, on
/// every network interface; a gateway is used although it says that it is not connected.
/// ```gdscript
/// var upnp := PortcullisUPNP.new()
/// if upnp.discover() == PortcullisUPNP.UPNP_RESULT_SUCCESS:
///     upnp.add_port_mapping(7777)
///     print(upnp.query_external_address())
/// ```
/// These calls wait, for [param timeout] or for five seconds at most, and may be made from any [Thread]. Their
/// twins in `_async` do not wait, and need no thread: see [PortcullisRequest].
///
/// A mapping stays when the game ends, until its duration is over: delete it, or use a [PortForwarder], which does.
/// Nothing can be deleted when the game is killed or crashes: give a duration.
#[derive(GodotClass)]
#[class(rename = PortcullisUPNP, base = RefCounted)]
pub(crate) struct PortcullisUpnp {
    /// The network interface that is searched, by name or address; empty: all of them.
    #[var(get = get_discover_multicast_if, set = set_discover_multicast_if, usage_flags = [EDITOR, STORAGE])]
    discover_multicast_if: PhantomVar<GString>,
    /// The local port of searches: 0 for any, 1 for 1900, else that port.
    #[var(
        get = get_discover_local_port,
        set = set_discover_local_port,
        hint = RANGE,
        hint_string = "0,65535",
        usage_flags = [EDITOR, STORAGE]
    )]
    discover_local_port: PhantomVar<i64>,
    /// Whether searches use IPv6, and IPv6 only.
    #[var(get = is_discover_ipv6, set = set_discover_ipv6, usage_flags = [EDITOR, STORAGE])]
    discover_ipv6: PhantomVar<bool>,
    /// Whether a search for gateways goes on for its whole timeout, as those of [UPNP] do, rather than end with the
    /// first gateway. Not in [UPNP].
    #[var(get = is_discover_full_wait, set = set_discover_full_wait, usage_flags = [EDITOR, STORAGE])]
    discover_full_wait: PhantomVar<bool>,
    /// Use this gateway instead of searching the network: an IP address, with a port or without, or the
    /// `http` URL of a description. It may be on this computer. Empty: search. Not in [UPNP].
    #[var(get = get_gateway_address, set = set_gateway_address, usage_flags = [EDITOR, STORAGE])]
    gateway: PhantomVar<GString>,
    inner: Upnp,
    named: Mutex<Option<GatewayAddress>>,
    objects: Objects,
    calls: Calls,
    base: Base<RefCounted>,
}

#[godot_api]
impl IRefCounted for PortcullisUpnp {
    fn init(base: Base<RefCounted>) -> Self {
        Self {
            discover_multicast_if: PhantomVar::default(),
            discover_local_port: PhantomVar::default(),
            discover_ipv6: PhantomVar::default(),
            discover_full_wait: PhantomVar::default(),
            gateway: PhantomVar::default(),
            inner: Upnp::new(),
            named: Mutex::default(),
            objects: Objects::default(),
            calls: Calls::default(),
            base,
        }
    }
}

impl PortcullisUpnp {
    /// The list of devices, ready to search; none where the library is about to be unloaded.
    fn online(&self) -> Result<Upnp, UpnpResult> {
        let named = self.named.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let client = clients::get(named.as_ref(), &[Method::Igd]).map_err(|_| UpnpResult::SocketError)?;
        self.inner.set_client(client);
        Ok(self.inner.clone())
    }

    /// A search as a call.
    fn search(
        &self,
        timeout: i32,
        ttl: i32,
        filter: &str,
    ) -> impl Future<Output = Ended> + Send + 'static + use<> {
        let search = self.online().map(|upnp| (upnp.discover_async(timeout, ttl, filter), upnp));
        async move {
            match search {
                Ok((search, upnp)) => {
                    let result = search.await;
                    Ended::with(result, Value::Count(upnp.get_device_count()))
                }
                Err(result) => Ended::new(result),
            }
        }
    }
}

accessors! {
    PortcullisUpnp, __godot_PortcullisUpnp_Funcs:
    set_discover_multicast_if(GString),
    set_discover_local_port(i64),
    set_discover_ipv6(bool),
    set_discover_full_wait(bool),
    set_gateway_address(GString),
}

#[godot_api]
impl PortcullisUpnp {
    /// A search that [method discover_async] began is over.
    #[signal]
    fn discover_completed(result: i64);

    /// A call that a method in `_async` began is over.
    #[signal]
    fn request_completed(request: Gd<crate::request::PortcullisRequest>);

    /// Searches for devices, for [param timeout] milliseconds at most, and lists those whose search target contains
    /// [param device_filter]. Multicast packets pass [param ttl] routers less one. Gives a [enum UPNPResult].
    #[func(gd_self)]
    fn discover(
        this: Gd<Self>,
        #[opt(default = 2000)] timeout: i64,
        #[opt(default = 2)] ttl: i64,
        #[opt(default = "InternetGatewayDevice")] device_filter: GString,
    ) -> i32 {
        let timeout = int32(timeout);
        let call = {
            let this = this.bind();
            this.calls.start(this.search(timeout, int32(ttl), &device_filter.to_string()))
        };
        errors::told_search(call.wait().result, timeout)
    }

    /// Asks the gateway for its external address; empty where there is none.
    #[func]
    fn query_external_address(&self) -> GString {
        let address = self.inner.query_external_address_async();
        let call = self.calls.start(async move { background::told(address.await) });
        match call.wait().value {
            Value::Text(address) => GString::from(&address),
            _ => GString::new(),
        }
    }

    /// Maps [param port] of the gateway to [param port_internal] of this computer (0: the same), for
    /// [param duration] seconds (0: until it is deleted), under the description [param desc]. [param proto] is
    /// `"UDP"` or `"TCP"`. A mapping of another computer is overwritten. Gives a
    /// [enum UPNPResult].
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
        let added =
            self.inner.add_port_mapping_async(port, int32(port_internal), &desc, &proto, int32(duration));
        let call = self.calls.start(async move { Ended::new(added.await) });
        errors::told_mapping(call.wait().result, port)
    }

    /// Deletes the mapping of [param port], whosever it is. Gives a [enum UPNPResult].
    #[func]
    fn delete_port_mapping(&self, port: i64, #[opt(default = "UDP")] proto: GString) -> i32 {
        let port = int32(port);
        let deleted = self.inner.delete_port_mapping_async(port, &proto.to_string());
        let call = self.calls.start(async move { Ended::new(deleted.await) });
        errors::told_mapping(call.wait().result, port)
    }

    #[func(gd_self, rename = set_discover_multicast_if)]
    fn store_discover_multicast_if(this: Gd<Self>, m_if: GString) {
        this.bind().inner.set_discover_multicast_if(&m_if.to_string());
    }

    #[func]
    fn get_discover_multicast_if(&self) -> GString {
        GString::from(&self.inner.get_discover_multicast_if())
    }

    #[func(gd_self, rename = set_discover_local_port)]
    fn store_discover_local_port(this: Gd<Self>, port: i64) {
        this.bind().inner.set_discover_local_port(int32(port));
    }

    #[func]
    fn get_discover_local_port(&self) -> i64 {
        self.inner.get_discover_local_port().into()
    }

    #[func(gd_self, rename = set_discover_ipv6)]
    fn store_discover_ipv6(this: Gd<Self>, ipv6: bool) {
        this.bind().inner.set_discover_ipv6(ipv6);
    }

    #[func]
    fn is_discover_ipv6(&self) -> bool {
        self.inner.is_discover_ipv6()
    }

    #[func(gd_self, rename = set_discover_full_wait)]
    fn store_discover_full_wait(this: Gd<Self>, full_wait: bool) {
        this.bind().inner.set_discover_full_wait(full_wait);
    }

    #[func]
    fn is_discover_full_wait(&self) -> bool {
        self.inner.is_discover_full_wait()
    }

    #[func(gd_self, rename = set_gateway_address)]
    fn store_gateway_address(this: Gd<Self>, gateway: GString) {
        let text = gateway.to_string();
        let named = if text.is_empty() { Ok(None) } else { text.parse().map(Some) };
        match named {
            Ok(named) => *this.bind().named.lock().unwrap_or_else(PoisonError::into_inner) = named,
            Err(_) => errors::bad_gateway(&text),
        }
    }

    #[func]
    fn get_gateway_address(&self) -> GString {
        let named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.as_ref().map(|named| GString::from(&named.to_string())).unwrap_or_default()
    }
}
