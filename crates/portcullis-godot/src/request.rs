//! A call that a script does not wait for.

use crate::call::{Call, Ended, Value};
use crate::pump;
use crate::upnp::PortcullisUpnp;
use godot::builtin::{Callable, Variant};
use godot::classes::RefCounted;
use godot::meta::ToGodot;
use godot::obj::{Base, Gd};
use godot::register::property::PhantomVar;
use godot::register::{GodotClass, godot_api};
use std::sync::Arc;

/// A call of [PortcullisUPNP] that is under way, or over.
///
/// The `*_async` methods give one. Connect to [signal completed], or await it:
/// ```gdscript
/// var request := upnp.discover_async()
/// await request.completed
/// if request.result == PortcullisUPNP.UPNP_RESULT_SUCCESS:
///     print(upnp.get_gateway().friendly_name)
/// ```
/// It goes on whether or not anybody keeps it. Its signal comes from the main thread, once a frame at the most, and
/// never before the method that gave it has returned.
#[derive(GodotClass)]
#[class(no_init, base = RefCounted)]
pub(crate) struct PortcullisRequest {
    /// How it ended, as a [enum PortcullisUPNP.UPNPResult]; -1 while it is under way.
    #[var(get = get_result, no_set)]
    result: PhantomVar<i64>,
    /// What it gave: the number of devices that a search has listed, or the external address; null for all else.
    #[var(get = get_value, no_set)]
    value: PhantomVar<Variant>,
    call: Arc<Call>,
    base: Base<RefCounted>,
}

#[godot_api]
impl PortcullisRequest {
    /// It is over: [param result] is a [enum PortcullisUPNP.UPNPResult], [param value] as [member value].
    #[signal]
    fn completed(result: i64, value: Variant);

    /// Whether it is over. May be asked from any thread, with or without frames.
    #[func]
    fn is_done(&self) -> bool {
        self.call.poll().is_some()
    }

    /// Whether it was cancelled. Its result is [constant PortcullisUPNP.UPNP_RESULT_UNKNOWN_ERROR] then.
    #[func]
    fn is_cancelled(&self) -> bool {
        self.call.poll().is_some_and(|ended| ended.cancelled)
    }

    /// Ends it now. [signal completed] is emitted all the same. What was sent before may have taken effect at the
    /// gateway.
    #[func(gd_self)]
    fn cancel(this: Gd<Self>) {
        let call = Arc::clone(&this.bind().call);
        call.cancel();
    }

    #[func]
    fn get_result(&self) -> i64 {
        self.call.poll().map_or(-1, |ended| i32::from(ended.result).into())
    }

    #[func]
    fn get_value(&self) -> Variant {
        self.call.poll().map_or_else(Variant::nil, |ended| to_variant(&ended.value))
    }
}

/// A request for a call, looked after from the next frame on. It keeps `upnp`, which may emit signals as well.
pub(crate) fn start(call: Arc<Call>, upnp: Gd<PortcullisUpnp>, is_search: bool) -> Gd<PortcullisRequest> {
    let request = Gd::from_init_fn(|base| PortcullisRequest {
        result: PhantomVar::default(),
        value: PhantomVar::default(),
        call,
        base,
    });
    if godot::init::is_main_thread() {
        look_after(request.clone(), upnp, is_search);
    } else {
        // The engine's queue hands it over to the main thread, and keeps it alive until then.
        let arguments = [request.to_variant(), upnp.to_variant(), is_search.to_variant()];
        Callable::from_sync_fn("portcullis_request", |arguments: &[&Variant]| {
            if let [request, upnp, is_search] = arguments {
                look_after(request.to(), upnp.to(), is_search.to());
            }
        })
        .bind(&arguments)
        .call_deferred(&[]);
    }
    request
}

fn look_after(mut request: Gd<PortcullisRequest>, mut upnp: Gd<PortcullisUpnp>, is_search: bool) {
    let call = Arc::clone(&request.bind().call);
    pump::adopt(move || {
        let Some(Ended { result, value, .. }) = call.poll() else { return false };
        let result = i64::from(i32::from(result)).to_variant();
        request.emit_signal("completed", &[result.clone(), to_variant(&value)]);
        if is_search {
            upnp.emit_signal("discover_completed", &[result]);
        }
        upnp.emit_signal("request_completed", &[request.to_variant()]);
        true
    });
}

fn to_variant(value: &Value) -> Variant {
    match value {
        Value::Nothing => Variant::nil(),
        Value::Count(count) => count.to_variant(),
        Value::Text(text) => text.to_variant(),
    }
}
