//! Setters that borrow nothing.

/// Lets `#[var(set = ...)]` find setters that are `#[func(gd_self)]`, whose Rust names begin with `store_`.
///
/// The attribute wants `fn(&mut self, T)`. Such a function would wait for every call that another thread has under way
/// on the object; one that takes `&self` would be registered as const, which the engine's setters are not. So the
/// attribute gets functions to check the types of, which nobody calls, and the names that `#[func]` would give.
macro_rules! setters {
    ($class:ident, $funcs:ident: $($name:ident($value:ty)),* $(,)?) => {
        impl $funcs {
            $(
                #[allow(non_upper_case_globals, reason = "what #[func] calls it")]
                pub(crate) const $name: &'static str = stringify!($name);
            )*
        }

        impl $class {
            $(
                fn $name(&mut self, _value: $value) {
                    unreachable!("the engine calls the registered function")
                }
            )*
        }
    };
}

pub(crate) use setters;
