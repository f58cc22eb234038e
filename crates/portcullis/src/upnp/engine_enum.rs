//! The engine's enumerations: fixed numbers, the engine's names, and a sentence for a person.

/// Makes such an enumeration from a table of number, variant, the engine's name, meaning.
macro_rules! engine_enum {
    ($(#[$meta:meta])* $type:ident { $($number:literal $variant:ident $name:literal $meaning:literal)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i32)]
        pub enum $type {
            $(#[doc = concat!("`", $name, "`: ", $meaning)] $variant = $number,)*
        }

        impl $type {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The one with this number.
            pub const fn from_i32(number: i32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The engine's name of the constant.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }
        }

        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.meaning())
            }
        }

        impl From<$type> for i32 {
            fn from(value: $type) -> Self {
                value as Self
            }
        }
    };
}

pub(super) use engine_enum;
