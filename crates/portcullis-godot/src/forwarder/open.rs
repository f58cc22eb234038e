//! Opening and closing: what is under way, and the signals of its end.

use super::held::Held;
use super::port_mapping::{Phase, PortMapping};
use super::{PortForwarder, ProtocolFlag, changes};
use crate::{clients, errors, pump};
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use godot::builtin::{GString, Variant};
use godot::classes::Engine;
use godot::meta::ToGodot;
use godot::obj::{Gd, Singleton};
use portcullis::upnp::{UpnpResult, mapping_request};
use portcullis::{
    Client, Error, ErrorKind, KeptMapping, Mapping, MappingRequest, Method, OnConflict, Pending,
};

impl PortForwarder {
    /// Begins to open a port.
    pub(super) fn open(&mut self, port: i32, protocol: &str, internal_port: i32) -> Option<Gd<PortMapping>> {
        if !super::is_on_main_thread() {
            return None;
        }
        let lifetime = i32::try_from(self.lease_duration).unwrap_or(i32::MAX);
        let description = self.description();
        let request = mapping_request(port, internal_port, &description, protocol, lifetime);
        let request = match request {
            Ok(request) => request.on_conflict(OnConflict::AnyPort),
            Err(result) => {
                errors::told_mapping(result, port);
                return None;
            }
        };
        self.forget_failure();
        let mapping = PortMapping::pending(request.clone());
        self.mappings.push(mapping.clone());
        let mut under_way = self.client().map(|client| Opening::start(&client, request, self.auto_renew));
        let (node, watch) = (self.object().instance_id(), self.held.watch());
        let pending = mapping.clone();
        pump::adopt(move || {
            // Dropping what is under way cancels it.
            if !watch.is_there() || !matches!(pending.bind().phase, Phase::Pending) {
                return true;
            }
            let result = match &mut under_way {
                Ok(under_way) => match under_way.poll() {
                    Some(result) => result,
                    None => return false,
                },
                Err(error) => Err(error.clone()),
            };
            if let Ok(node) = Gd::<Self>::try_from_instance_id(node) {
                match result {
                    Ok(granted) => opened(node, pending.clone(), granted),
                    Err(error) => not_opened(node, pending.clone(), error),
                }
            }
            true
        });
        Some(mapping)
    }

    /// Begins to close a mapping that is no longer in the list, or cancels it.
    pub(super) fn close(&mut self, mut mapping: Gd<PortMapping>) {
        let phase = std::mem::replace(&mut mapping.bind_mut().phase, Phase::Released);
        if !matches!(phase, Phase::Active(_) | Phase::Lost(_)) {
            return;
        }
        let Some(held) = self.held.take(mapping.instance_id().to_i64()) else { return };
        // It goes on where nobody looks any more, as at the end of the game.
        let mut under_way = held.close();
        let node = self.object().instance_id();
        pump::adopt(move || {
            let Some(result) = poll(&mut under_way) else { return false };
            let Ok(mut node) = Gd::<Self>::try_from_instance_id(node) else { return true };
            match result {
                Ok(_) => {
                    node.emit_signal("mapping_removed", &[mapping.to_variant()]);
                }
                Err(error) => failed(node, error),
            }
            true
        });
    }

    /// The library's client, or why there is none.
    fn client(&self) -> Result<Client, Error> {
        let methods = [
            (ProtocolFlag::Pcp, Method::Pcp),
            (ProtocolFlag::NatPmp, Method::NatPmp),
            (ProtocolFlag::Upnp, Method::Igd),
        ];
        let enabled = methods.into_iter().filter(|(flag, _)| self.enabled_protocols & *flag as i64 != 0);
        let methods: Vec<_> = enabled.map(|(_, method)| method).collect();
        if methods.is_empty() {
            return Err(Error::new(ErrorKind::Unsupported));
        }
        clients::get(self.named.as_ref(), &methods).map_err(|_| Error::new(ErrorKind::Io))
    }

    fn description(&self) -> String {
        if !self.description.is_empty() {
            return self.description.to_string();
        }
        let settings = Engine::singleton().get_singleton("ProjectSettings");
        let name = settings
            .map(|mut settings| settings.call("get_setting", &["application/config/name".to_variant()]))
            .and_then(|name| name.try_to::<GString>().ok());
        name.unwrap_or_default().to_string()
    }
}

/// A mapping that is asked for.
enum Opening {
    Kept(Pending<KeptMapping>),
    Once(Pending<Mapping>),
}

impl Opening {
    fn start(client: &Client, request: MappingRequest, keep: bool) -> Self {
        if keep { Self::Kept(client.keep(request)) } else { Self::Once(client.map(request)) }
    }

    fn poll(&mut self) -> Option<Result<Held, Error>> {
        Some(match self {
            Self::Kept(pending) => poll(pending)?.map(Held::Kept),
            Self::Once(pending) => poll(pending)?.map(Held::Once),
        })
    }
}

fn opened(mut node: Gd<PortForwarder>, mut mapping: Gd<PortMapping>, held: Held) {
    let granted = held.granted();
    let address = granted.external_address.map(|address| address.to_string()).unwrap_or_default();
    let port = i64::from(granted.external_port.get());
    let is_kept = matches!(held, Held::Kept(_));
    mapping.bind_mut().phase = Phase::Active(granted.clone());
    let changed = {
        let mut node = node.bind_mut();
        node.gateway_name.clone_from(&granted.gateway);
        node.held.push(mapping.instance_id().to_i64(), held);
        node.forget_failure();
        let changed = !address.is_empty() && node.external_address != address;
        if changed {
            node.external_address.clone_from(&address);
        }
        changed
    };
    emit(&mut node, "mapping_added", &[mapping.to_variant()]);
    if changed {
        emit(&mut node, "external_address_changed", &[address.to_variant()]);
    }
    emit(&mut node, "ready_to_host", &[address.to_variant(), port.to_variant()]);
    if is_kept && node.is_instance_valid() {
        changes::follow(&node, mapping);
    }
}

fn not_opened(mut node: Gd<PortForwarder>, mut mapping: Gd<PortMapping>, error: Error) {
    mapping.bind_mut().phase = Phase::Failed(error.clone());
    node.bind_mut().mappings.retain(|own| *own != mapping);
    failed(node, error);
}

fn failed(mut node: Gd<PortForwarder>, error: Error) {
    let result = i64::from(i32::from(UpnpResult::from(&error)));
    let message = error.to_string();
    {
        let mut node = node.bind_mut();
        node.has_failed = true;
        node.last_error = Some(error);
    }
    emit(&mut node, "failed", &[result.to_variant(), message.to_variant()]);
}

/// Emits where the node is still there: whoever heard the last signal may have freed it.
pub(super) fn emit(node: &mut Gd<PortForwarder>, signal: &str, arguments: &[Variant]) {
    if node.is_instance_valid() {
        node.emit_signal(signal, arguments);
    }
}

/// The result, if it is there.
fn poll<T>(under_way: &mut Pending<T>) -> Option<Result<T, Error>> {
    match pin!(under_way).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}
