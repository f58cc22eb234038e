//! Takes numbers in network byte order from the front of a slice: the one place with bounds.

use super::port_control::Malformed;
use core::num::NonZeroU16;

/// What is left of a datagram. Each step takes from its front, or fails with [`Malformed::TooShort`].
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (front, rest) = self.0.split_at_checked(count).ok_or(Malformed::TooShort)?;
        self.0 = rest;
        Ok(front)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (front, rest) = self.0.split_first_chunk().ok_or(Malformed::TooShort)?;
        self.0 = rest;
        Ok(*front)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// A port where 0 stands for "any" or "none".
    pub(super) fn port(&mut self) -> Result<Option<NonZeroU16>, Malformed> {
        self.u16().map(NonZeroU16::new)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// 0 for no port.
pub(super) fn port_number(port: Option<NonZeroU16>) -> u16 {
    port.map_or(0, NonZeroU16::get)
}
