//! What `UPNP` does not have: calls that do not wait, and words for numbers.

use super::PortcullisUpnp;
use crate::call::{Ended, Value};
use crate::cost::Meter;
use crate::errors;
use crate::number::int32;
use crate::request::{self, PortcullisRequest};
use godot::builtin::GString;
use godot::obj::Gd;
use godot::register::godot_api;
use portcullis::upnp::{IgdStatus, UpnpResult};

#[godot_api(secondary)]
impl PortcullisUpnp {
    /// [method discover] that does not wait. The value of the request is the number of devices listed.
    #[func(gd_self)]
    fn discover_async(
        this: Gd<Self>,
        #[opt(default = 2000)] timeout: i64,
        #[opt(default = 2)] ttl: i64,
        #[opt(default = "InternetGatewayDevice")] device_filter: GString,
    ) -> Gd<PortcullisRequest> {
        let _meter = Meter::start();
        let search = this.bind().search(int32(timeout), int32(ttl), &device_filter.to_string());
        Self::begin(this, search, true)
    }

    /// [method add_port_mapping] that does not wait.
    #[func(gd_self)]
    fn add_port_mapping_async(
        this: Gd<Self>,
        port: i64,
        #[opt(default = 0)] port_internal: i64,
        #[opt(default = "")] desc: GString,
        #[opt(default = "UDP")] proto: GString,
        #[opt(default = 0)] duration: i64,
    ) -> Gd<PortcullisRequest> {
        let (desc, proto) = (desc.to_string(), proto.to_string());
        let upnp = this.bind().inner.clone();
        let added =
            upnp.add_port_mapping_async(int32(port), int32(port_internal), &desc, &proto, int32(duration));
        Self::begin(this, async move { Ended::new(added.await) }, false)
    }

    /// [method delete_port_mapping] that does not wait.
    #[func(gd_self)]
    fn delete_port_mapping_async(
        this: Gd<Self>,
        port: i64,
        #[opt(default = "UDP")] proto: GString,
    ) -> Gd<PortcullisRequest> {
        let deleted = this.bind().inner.delete_port_mapping_async(int32(port), &proto.to_string());
        Self::begin(this, async move { Ended::new(deleted.await) }, false)
    }

    /// [method query_external_address] that does not wait. The value of the request is the address.
    #[func(gd_self)]
    fn query_external_address_async(this: Gd<Self>) -> Gd<PortcullisRequest> {
        let address = this.bind().inner.query_external_address_async();
        Self::begin(this, async move { told(address.await) }, false)
    }

    /// Adds the device whose description is at [param url] to the end of the list, without a search: the
    /// [member PortcullisUPNPDevice.description_url] of a gateway that was found before saves the search. Waits for
    /// five seconds at most. Gives a [enum UPNPResult].
    #[func(gd_self)]
    fn add_device_from_url(this: Gd<Self>, url: GString) -> i32 {
        let call = {
            let this = this.bind();
            let added = this.online().map(|upnp| upnp.add_device_from_url_async(&url.to_string()));
            this.calls.start(async move {
                match added {
                    Ok(added) => Ended::new(added.await),
                    Err(result) => Ended::new(result),
                }
            })
        };
        let result = call.wait().result;
        if result == UpnpResult::InvalidParam {
            errors::bad_url();
        }
        result.into()
    }

    /// Ends every call on this object that is under way, within a moment: those that do not wait, and those that wait
    /// in another thread.
    #[func(gd_self)]
    fn cancel(this: Gd<Self>) {
        this.bind().calls.cancel();
    }

    /// What a [enum UPNPResult] means and what to do about it, in a sentence.
    #[func]
    fn result_to_string(result: i64) -> GString {
        UpnpResult::from_i32(int32(result))
            .map(|result| GString::from(&result.to_string()))
            .unwrap_or_default()
    }

    /// What an [enum PortcullisUPNPDevice.IGDStatus] means and what to do about it, in a sentence.
    #[func]
    fn igd_status_to_string(status: i64) -> GString {
        IgdStatus::from_i32(int32(status))
            .map(|status| GString::from(&status.to_string()))
            .unwrap_or_default()
    }

    fn begin(
        this: Gd<Self>,
        call: impl Future<Output = Ended> + Send + 'static,
        is_search: bool,
    ) -> Gd<PortcullisRequest> {
        let call = this.bind().calls.start(call);
        request::start(call, this, is_search)
    }
}

/// An address as the value of a call.
pub(super) fn told(address: Result<String, UpnpResult>) -> Ended {
    match address {
        Ok(address) => Ended::with(UpnpResult::Success, Value::Text(address)),
        Err(result) => Ended::new(result),
    }
}
