//! A status as an argument.

use godot::builtin::VariantType;
use godot::meta::error::ConvertError;
use godot::meta::shape::GodotShape;
use godot::meta::{FromGodot, GodotConvert, ToGodot};
use std::borrow::Cow;

/// An integer of the enum `IGDStatus`, as the engine calls it: whatever number a script gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct StatusNumber(pub(super) i64);

impl GodotConvert for StatusNumber {
    type Via = i64;

    fn godot_shape() -> GodotShape {
        GodotShape::Enum {
            variant_type: VariantType::INT,
            enumerators: Cow::Borrowed(&[]),
            godot_name: Some("PortcullisUPNPDevice.IGDStatus".into()),
            is_bitfield: false,
        }
    }
}

impl ToGodot for StatusNumber {
    type Pass = godot::meta::conv::ByValue;

    fn to_godot(&self) -> i64 {
        self.0
    }
}

impl FromGodot for StatusNumber {
    fn try_from_godot(via: i64) -> Result<Self, ConvertError> {
        Ok(Self(via))
    }
}
