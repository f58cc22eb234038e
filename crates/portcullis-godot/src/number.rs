//! The engine's integers.

/// What the engine makes of a script's integer where its own method takes 32 bits: the lower half.
#[expect(clippy::cast_possible_truncation, reason = "the engine truncates: 2^32 + 1 is port 1")]
pub(crate) const fn int32(value: i64) -> i32 {
    value as i32
}
