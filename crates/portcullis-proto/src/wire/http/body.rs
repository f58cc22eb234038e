use super::closing_tag::ClosingTag;
use super::head::Framing;
use super::{HttpError, MAX_BODY, MAX_CHUNKED};

/// Longest rest of a chunk-size line, in bytes (extension and blanks).
const MAX_EXTENSION: u8 = 64;
/// Most hexadecimal digits of a chunk size.
const MAX_SIZE_DIGITS: u8 = 16;

/// Finds the end of a body while it comes in.
#[derive(Debug)]
pub(super) enum BodyReader {
    Length {
        left: usize,
    },
    Chunked(Chunked),
    /// Until the peer closes, or the end tag.
    Close(ClosingTag),
}

impl BodyReader {
    pub(super) fn new(framing: Framing, terminator: &'static str) -> Self {
        match framing {
            Framing::Length(left) => Self::Length { left },
            Framing::Chunked => Self::Chunked(Chunked::default()),
            Framing::Close => Self::Close(ClosingTag::new(terminator)),
        }
    }

    /// Appends to `body` what belongs to it; `true` when it is complete. `body` grows with what comes, never
    /// with what was announced.
    pub(super) fn push(&mut self, bytes: &[u8], body: &mut Vec<u8>) -> Result<bool, HttpError> {
        match self {
            Self::Length { left } => {
                let (taken, _) = bytes.split_at(bytes.len().min(*left));
                body.extend_from_slice(taken);
                *left = left.saturating_sub(taken.len());
                Ok(*left == 0)
            }
            Self::Chunked(chunked) => chunked.push(bytes, body),
            Self::Close(tag) => {
                for byte in bytes {
                    if body.len() >= MAX_BODY {
                        return Err(HttpError::BodyTooLong);
                    }
                    body.push(*byte);
                    if tag.push(*byte) {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

/// Chunked transfer coding (RFC 9112 section 7.1).
#[derive(Debug, Default)]
pub(super) struct Chunked {
    state: ChunkState,
    /// Bytes so far, framing included.
    wire: usize,
}

#[derive(Clone, Copy, Debug)]
enum ChunkState {
    Size {
        digits: u8,
        size: usize,
    },
    Extension {
        size: usize,
        length: u8,
    },
    /// After the CR of the size line.
    SizeEnd {
        size: usize,
    },
    Data {
        left: usize,
    },
    /// Before the line end that follows the data.
    DataEnd,
    /// After the CR of that.
    DataLineFeed,
}

impl Default for ChunkState {
    fn default() -> Self {
        Self::Size { digits: 0, size: 0 }
    }
}

impl Chunked {
    fn push(&mut self, bytes: &[u8], body: &mut Vec<u8>) -> Result<bool, HttpError> {
        let mut rest = bytes;
        while let Some((byte, after)) = rest.split_first() {
            if let ChunkState::Data { left } = self.state {
                let (data, after) = rest.split_at(rest.len().min(left));
                body.extend_from_slice(data);
                rest = after;
                let left = left.saturating_sub(data.len());
                self.state = if left == 0 { ChunkState::DataEnd } else { ChunkState::Data { left } };
                continue;
            }
            rest = after;
            self.wire = self.wire.saturating_add(1);
            if self.wire > MAX_CHUNKED {
                return Err(HttpError::ReplyTooLong);
            }
            if self.framing_byte(*byte, body.len())? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `true` at the end of the line of the last chunk. Trailers may follow, but nothing in them could change
    /// the body, and some servers leave out even the blank line behind them.
    fn framing_byte(&mut self, byte: u8, body_length: usize) -> Result<bool, HttpError> {
        self.state = match (self.state, byte) {
            (ChunkState::Size { digits, size }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).and_then(|digit| usize::try_from(digit).ok());
                let size = size.checked_mul(16).zip(digit).and_then(|(size, digit)| size.checked_add(digit));
                if digits >= MAX_SIZE_DIGITS {
                    return Err(HttpError::Chunk);
                }
                ChunkState::Size { digits: digits.saturating_add(1), size: size.ok_or(HttpError::Chunk)? }
            }
            (ChunkState::Size { digits: 0, .. }, _) => return Err(HttpError::Chunk),
            (ChunkState::Size { size, .. } | ChunkState::Extension { size, .. }, b'\r') => {
                ChunkState::SizeEnd { size }
            }
            (
                ChunkState::Size { size, .. }
                | ChunkState::Extension { size, .. }
                | ChunkState::SizeEnd { size },
                b'\n',
            ) => return self.start_data(size, body_length),
            (ChunkState::Size { size, .. }, b';' | b' ' | b'\t') => ChunkState::Extension { size, length: 1 },
            (ChunkState::Extension { size, length }, _) if length < MAX_EXTENSION && byte != 0 => {
                ChunkState::Extension { size, length: length.saturating_add(1) }
            }
            (ChunkState::DataEnd, b'\r') => ChunkState::DataLineFeed,
            (ChunkState::DataEnd | ChunkState::DataLineFeed, b'\n') => ChunkState::default(),
            _ => return Err(HttpError::Chunk),
        };
        Ok(false)
    }

    fn start_data(&mut self, size: usize, body_length: usize) -> Result<bool, HttpError> {
        if body_length.saturating_add(size) > MAX_BODY {
            return Err(HttpError::BodyTooLong);
        }
        // Counted beforehand, so that the verdict does not depend on how the data is split.
        self.wire = self.wire.saturating_add(size);
        if self.wire > MAX_CHUNKED {
            return Err(HttpError::ReplyTooLong);
        }
        self.state = ChunkState::Data { left: size };
        Ok(size == 0)
    }
}
