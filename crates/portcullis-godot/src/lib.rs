//! Portcullis for Godot: the engine's classes `UPNP` and `UPNPDevice` with the same names, defaults and numbers
//! ([`PortcullisUPNP`](upnp::PortcullisUpnp), [`PortcullisUPNPDevice`](device::PortcullisUpnpDevice)), the same
//! calls without waiting ([`PortcullisRequest`](request::PortcullisRequest)), and a node that keeps ports open
//! ([`PortForwarder`](forwarder::PortForwarder)).
//!
//! What a call means is decided by the library; this crate converts arguments, counts references and emits signals.
//!
//! - A call under way is a future that is polled once a frame ([`pump`]), so signals come from the main thread and
//!   never from the call that started it. The library's own thread does the work.
//! - No object is bound while something waits or a signal is emitted: scripts may call anything from anywhere.
//! - When the main loop ends, mappings are released and the library's threads joined ([`clients`]).

#![allow(unreachable_pub, reason = "what `#[export]` writes; a library of the engine's exports nothing")]

mod accessors;
mod call;
mod clients;
mod cost;
mod device;
mod enums;
mod errors;
mod forwarder;
mod number;
mod pump;
mod request;
mod upnp;

use godot::init::{ExtensionLibrary, InitStage, gdextension};

struct PortcullisExtension;

// SAFETY: nothing here relies on the engine's state before `Core`, or after the end of the main loop.
#[gdextension]
unsafe impl ExtensionLibrary for PortcullisExtension {
    fn on_stage_init(stage: InitStage) {
        if stage == InitStage::Scene {
            enums::register();
        }
    }

    fn on_main_loop_frame() {
        pump::frame();
    }

    fn on_stage_deinit(stage: InitStage) {
        if stage == InitStage::MainLoop {
            // Calls first: what they wait for must not hold up the end.
            pump::stop();
            forwarder::release_all();
            clients::shutdown();
        }
    }
}
