//! What has come through a pinhole.

use super::{Action, DecodeError, UniqueId, value};
use crate::wire::soap::Arguments;

const PINHOLE_PACKETS: &str = "PinholePackets";
const IS_WORKING: &str = "IsWorking";

/// Asks how many packets have come through a pinhole (section 2.6.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetPinholePackets {
    /// The pinhole.
    pub unique_id: UniqueId,
}

impl Action for GetPinholePackets {
    const NAME: &'static str = "GetPinholePackets";
    const CHANGES: bool = false;
    type Response = u32;

    fn arguments(&self) -> Vec<(&'static str, String)> {
        vec![self.unique_id.write()]
    }

    fn decode(&self, arguments: &Arguments) -> Result<u32, DecodeError> {
        let text = value::required(arguments, PINHOLE_PACKETS)?;
        value::number(text).ok_or(DecodeError::Invalid(PINHOLE_PACKETS))
    }

    fn from_arguments(arguments: &Arguments) -> Result<Self, DecodeError> {
        Ok(Self { unique_id: UniqueId::read(arguments)? })
    }

    fn response_arguments(response: &u32) -> Vec<(&'static str, String)> {
        vec![(PINHOLE_PACKETS, response.to_string())]
    }
}

/// Asks whether packets that a pinhole is for do come through it (section 2.6.7).
///
/// Before the first of them a gateway cannot know, and answers 709 NoTrafficReceived. Optional.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckPinholeWorking {
    /// The pinhole.
    pub unique_id: UniqueId,
}

impl Action for CheckPinholeWorking {
    const NAME: &'static str = "CheckPinholeWorking";
    const CHANGES: bool = false;
    type Response = bool;

    fn arguments(&self) -> Vec<(&'static str, String)> {
        vec![self.unique_id.write()]
    }

    fn decode(&self, arguments: &Arguments) -> Result<bool, DecodeError> {
        value::flag(arguments, IS_WORKING)
    }

    fn from_arguments(arguments: &Arguments) -> Result<Self, DecodeError> {
        Ok(Self { unique_id: UniqueId::read(arguments)? })
    }

    fn response_arguments(response: &bool) -> Vec<(&'static str, String)> {
        vec![(IS_WORKING, value::write_boolean(*response))]
    }
}
