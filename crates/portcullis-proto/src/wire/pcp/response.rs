//! The header of a response (RFC 6887 section 7.2), and what a refusal repeats (section 8.2).

use super::{HEADER, MAX_MESSAGE, Malformed, Opcode, PcpOption, ResultCode, VERSION, check_length};
use crate::wire::natpmp;
use crate::wire::port_control::{RESPONSE_BIT, UNSUPPORTED_VERSION};
use crate::wire::reader::Reader;

/// What a server answers, or announces.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Response {
    /// The version of the answer. Another than [`VERSION`] is possible only with
    /// [`ResultCode::UnsuppVersion`], and is then one that the server speaks (RFC 6887 section 9).
    pub version: u8,
    /// The number of the opcode that is answered, also where nothing more of the request is repeated.
    pub opcode_number: u8,
    /// The result.
    pub result_code: ResultCode,
    /// Seconds: of a success how long the mapping lasts, of a refusal how long the same request will meet
    /// with the same refusal (RFC 6887 section 7.2).
    pub lifetime: u32,
    /// Seconds since the server lost its state (RFC 6887 section 8.5).
    pub epoch_time: u32,
    /// What was made, or in a refusal what had been asked. `None` where a refusal does not repeat it, or not in
    /// a readable way.
    pub opcode: Option<Opcode>,
    /// Options that were processed, or in a refusal those of the request, if they can be read.
    pub options: Vec<PcpOption>,
}

impl Response {
    /// The datagram.
    pub fn encode(&self) -> Vec<u8> {
        let opcode = self.opcode.as_ref().map_or(self.opcode_number, Opcode::number);
        let mut datagram = header(self.version, opcode, self.result_code, self.lifetime, self.epoch_time);
        if let Some(opcode) = &self.opcode {
            opcode.write(&mut datagram);
            for option in &self.options {
                option.write(&mut datagram);
            }
        }
        datagram
    }

    /// Decodes an answer or an announcement.
    ///
    /// A refusal may end behind the header. Of an answer with another version only the first bytes are read,
    /// which mean the same in every version (RFC 6887 section 9).
    ///
    /// # Errors
    ///
    /// Any [`Malformed`]. A caller that waits for an answer ignores the datagram and goes on waiting.
    pub fn decode(datagram: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(datagram);
        let [version, opcode, _reserved, result_code] = reader.array()?;
        if version != VERSION {
            return Self::decode_other_version(version, opcode, result_code, datagram.len());
        }
        if opcode & RESPONSE_BIT == 0 {
            return Err(Malformed::NotAResponse);
        }
        check_length(datagram)?;
        let opcode_number = opcode & !RESPONSE_BIT;
        let result_code = ResultCode::from(result_code);
        let (lifetime, epoch_time) = (reader.u32()?, reader.u32()?);
        let _reserved = reader.array::<12>()?;
        let (opcode, options) = match Opcode::read(opcode_number, &mut reader) {
            Ok(opcode) if result_code == ResultCode::Success => (Some(opcode), PcpOption::read_all(reader)?),
            Err(malformed) if result_code == ResultCode::Success => return Err(malformed),
            // What a refusal repeats may be the very thing that was refused.
            Ok(opcode) => (Some(opcode), PcpOption::read_all(reader).unwrap_or_default()),
            Err(_) => (None, Vec::new()),
        };
        Ok(Self { version, opcode_number, result_code, lifetime, epoch_time, opcode, options })
    }

    fn decode_other_version(
        version: u8,
        opcode: u8,
        result_code: u8,
        length: usize,
    ) -> Result<Self, Malformed> {
        if opcode & RESPONSE_BIT == 0 || result_code != UNSUPPORTED_VERSION || version == natpmp::VERSION {
            return Err(Malformed::Version(version));
        }
        if length > MAX_MESSAGE {
            return Err(Malformed::TooLong);
        }
        Ok(Self {
            version,
            opcode_number: opcode & !RESPONSE_BIT,
            result_code: ResultCode::UnsuppVersion,
            lifetime: 0,
            epoch_time: 0,
            opcode: None,
            options: Vec::new(),
        })
    }

    /// The epoch time in seconds; `None` where the answer is of another version, whose layout is not known.
    pub const fn epoch_time(&self) -> Option<u32> {
        if self.version == VERSION { Some(self.epoch_time) } else { None }
    }
}

/// The refusal of a request, which repeats all of the request but the header, up to 1,100 bytes and filled
/// up to a multiple of 4 (RFC 6887 section 8.2). `lifetime` and `epoch_time` are in seconds.
pub fn encode_refusal(request: &[u8], result_code: ResultCode, lifetime: u32, epoch_time: u32) -> Vec<u8> {
    let opcode = request.get(1).copied().unwrap_or_default();
    let mut datagram = header(VERSION, opcode, result_code, lifetime, epoch_time);
    datagram.extend(request.iter().skip(HEADER).take(MAX_MESSAGE.saturating_sub(HEADER)));
    while datagram.len() & 3 != 0 {
        datagram.push(0);
    }
    datagram
}

fn header(version: u8, opcode: u8, result_code: ResultCode, lifetime: u32, epoch_time: u32) -> Vec<u8> {
    let mut datagram = vec![version, opcode | RESPONSE_BIT, 0, result_code.number()];
    datagram.extend(lifetime.to_be_bytes());
    datagram.extend(epoch_time.to_be_bytes());
    datagram.extend([0; 12]);
    datagram
}
