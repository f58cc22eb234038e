//! What can be asked of a device, as futures.

use super::super::arguments::{self, MappingArguments};
use super::super::result::UpnpResult;
use super::UpnpDevice;
use crate::driver::clock::Clock;
use crate::{Error, Failure};
use core::future::Future;
use core::net::IpAddr;
use core::time::Duration;
use portcullis_proto::Time;
use portcullis_proto::igd::wan_connection::{
    Action, AddPortMapping, DeletePortMapping, GetExternalIpAddress, GetSpecificPortMappingEntry,
};
use portcullis_proto::wire::soap::Arguments;

/// When a call of several actions is to be over.
#[derive(Debug)]
struct Deadline {
    clock: Clock,
    started: Time,
}

impl Deadline {
    fn start() -> Self {
        let clock = Clock::start();
        Self { clock, started: clock.now() }
    }

    /// What is left of `timeout`, counted from the start.
    fn left(&self, timeout: Duration) -> Duration {
        timeout.saturating_sub(self.clock.now() - self.started)
    }
}

/// The engine's calls as futures for any executor. A future that is dropped cancels its call within a moment; what
/// was sent before may have taken effect at the gateway.
impl UpnpDevice {
    /// [`query_external_address`](Self::query_external_address) that is awaited, and says why there is none.
    ///
    /// # Errors
    ///
    /// [`InvalidGateway`](UpnpResult::InvalidGateway) where the device is no
    /// [valid gateway](Self::is_valid_gateway), [`InvalidResponse`](UpnpResult::InvalidResponse) where it does not
    /// give an IP address; else what the gateway says.
    pub fn query_external_address_async(
        &self,
    ) -> impl Future<Output = Result<String, UpnpResult>> + Send + use<> {
        let device = self.clone();
        async move {
            if !device.is_valid_gateway() {
                return Err(UpnpResult::InvalidGateway);
            }
            let answer = device.call(GetExternalIpAddress, &Deadline::start()).await?;
            let address = GetExternalIpAddress.decode(&answer).map_err(|_| UpnpResult::InvalidResponse)?;
            device.lock().external_address = Some(address);
            Ok(address.to_string())
        }
    }

    /// [`add_port_mapping`](Self::add_port_mapping) that is awaited.
    pub fn add_port_mapping_async(
        &self,
        port: i32,
        port_internal: i32,
        desc: &str,
        proto: &str,
        duration: i32,
    ) -> impl Future<Output = UpnpResult> + Send + use<> {
        let arguments = if self.is_valid_gateway() {
            MappingArguments::check(port, port_internal, desc, proto, duration)
        } else {
            Err(UpnpResult::InvalidGateway)
        };
        let device = self.clone();
        async move {
            match arguments {
                Ok(arguments) => device.add(&arguments, &Deadline::start()).await,
                Err(result) => result,
            }
        }
    }

    /// [`delete_port_mapping`](Self::delete_port_mapping) that is awaited.
    pub fn delete_port_mapping_async(
        &self,
        port: i32,
        proto: &str,
    ) -> impl Future<Output = UpnpResult> + Send + use<> {
        let (device, proto) = (self.clone(), proto.to_owned());
        async move { device.delete_within(port, &proto, &Deadline::start()).await }
    }

    /// [`add_port_mapping`](Self::add_port_mapping) that deletes what is in the way of its port, and of
    /// nothing but its port, and adds once more.
    pub(in crate::upnp) fn overwrite_port_mapping(
        &self,
        port: i32,
        port_internal: i32,
        desc: &str,
        proto: &str,
        duration: i32,
    ) -> impl Future<Output = UpnpResult> + Send + use<> {
        let arguments = MappingArguments::check(port, port_internal, desc, proto, duration);
        let (device, proto) = (self.clone(), proto.to_owned());
        async move {
            match arguments {
                Ok(arguments) => device.overwrite(&arguments, port, &proto).await,
                Err(result) => result,
            }
        }
    }

    async fn overwrite(&self, arguments: &MappingArguments, port: i32, proto: &str) -> UpnpResult {
        let deadline = Deadline::start();
        let conflict = self.add(arguments, &deadline).await;
        if conflict != UpnpResult::ConflictWithOtherMapping {
            return conflict;
        }
        let failure = self.last_error();
        match self.delete_within(port, proto, &deadline).await {
            // It may have ended meanwhile.
            UpnpResult::Success | UpnpResult::NoSuchEntryInArray => self.add(arguments, &deadline).await,
            // The conflict is what the caller can do something about.
            _ => {
                self.lock().last_error = failure;
                conflict
            }
        }
    }

    async fn add(&self, arguments: &MappingArguments, deadline: &Deadline) -> UpnpResult {
        if self.control_point().is_none() {
            return self.unusable();
        }
        let Ok(internal_client) = self.get_igd_our_addr().parse::<IpAddr>() else {
            // What a gateway would say to it.
            self.lock().last_error = None;
            return UpnpResult::InvalidArgs;
        };
        let action = AddPortMapping {
            remote_host: None,
            external_port: arguments.port,
            protocol: arguments.protocol,
            internal_port: arguments.port_internal,
            internal_client,
            enabled: true,
            description: arguments.description.clone(),
            lifetime: arguments.lifetime,
        };
        let result = result(self.call(action, deadline).await);
        let doubt = self.last_error();
        if !doubt.as_ref().is_some_and(is_doubt) {
            return result;
        }
        let kept = self.maps(arguments, internal_client, deadline).await;
        self.lock().last_error = if kept { None } else { doubt };
        if kept { UpnpResult::Success } else { result }
    }

    /// Whether the gateway's table has what was asked for.
    async fn maps(&self, arguments: &MappingArguments, client: IpAddr, deadline: &Deadline) -> bool {
        let action = GetSpecificPortMappingEntry {
            remote_host: None,
            external_port: arguments.port,
            protocol: arguments.protocol,
        };
        let entry = self.call(action.clone(), deadline).await.map(|answer| action.decode(&answer));
        entry.is_ok_and(|entry| {
            entry.is_ok_and(|entry| {
                entry.enabled
                    && entry.internal_port == arguments.port_internal.get()
                    && entry.internal_address() == Some(client)
            })
        })
    }

    async fn delete_within(&self, port: i32, proto: &str, deadline: &Deadline) -> UpnpResult {
        let external_port = match arguments::external_port(port) {
            Ok(port) => port,
            Err(result) => return result,
        };
        match arguments::protocol(proto) {
            Ok(protocol) => {
                let action = DeletePortMapping { remote_host: None, external_port, protocol };
                result(self.call(action, deadline).await)
            }
            Err(result) => result,
        }
    }

    /// Sends one action, with no lock held, and keeps its error.
    async fn call<A: Action + Send + 'static>(
        &self,
        action: A,
        deadline: &Deadline,
    ) -> Result<Arguments, UpnpResult> {
        let point = self.control_point().ok_or_else(|| self.unusable())?;
        let client = {
            let mut state = self.lock();
            // Nothing has been sent; what an earlier call was told is not why this one fails.
            state.last_error = None;
            state.client.get().map_err(|_| UpnpResult::SocketError)?
        };
        let answer = client.call(point, action, deadline.left(client.timeout())).await;
        self.lock().last_error = answer.as_ref().err().cloned();
        answer.map_err(|error| UpnpResult::from(&error))
    }

    /// The control URL or the service type leads nowhere.
    pub(super) fn unusable(&self) -> UpnpResult {
        self.lock().last_error = None;
        UpnpResult::HttpError
    }
}

/// A success under an HTTP status that says otherwise: neither a yes nor a no.
fn is_doubt(error: &Error) -> bool {
    error.decisive_attempt().is_some_and(|attempt| matches!(attempt.failure, Failure::Unconfirmed(_)))
}

fn result(answer: Result<Arguments, UpnpResult>) -> UpnpResult {
    answer.err().unwrap_or(UpnpResult::Success)
}
