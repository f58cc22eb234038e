//! ANNOUNCE (RFC 6887 section 14.1), which has a header and nothing else.

use super::{Opcode, Response, ResultCode, VERSION};

/// The number of the opcode.
pub(super) const NUMBER: u8 = 0;

/// What a server multicasts after it lost its state, and answers to an ANNOUNCE: its epoch time in seconds.
///
/// ```
/// use portcullis_proto::wire::pcp::{Response, announcement};
///
/// let datagram = announcement(33).encode();
/// assert_eq!(datagram.len(), 24);
/// assert_eq!(Response::decode(&datagram), Ok(announcement(33)));
/// ```
pub const fn announcement(epoch_time: u32) -> Response {
    Response {
        version: VERSION,
        opcode_number: NUMBER,
        result_code: ResultCode::Success,
        lifetime: 0,
        epoch_time,
        opcode: Some(Opcode::Announce),
        options: Vec::new(),
    }
}
