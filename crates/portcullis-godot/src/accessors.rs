//! Accessors that `#[var]` would not take as they are.

/// Lets `#[var(get = ..., set = ...)]` find functions whose Rust names begin with `load_` and `store_`.
///
/// The attribute wants `fn(&mut self, T)` for a setter. Such a function would wait for every call that another thread has
/// under way on the object; one that takes `&self` would be registered as const, which the engine's setters are not. And
/// it wants a getter to give what the property is of, which in the engine is a number, and the getter's an enum. So the
/// attribute gets functions to check the types of, which nobody calls, and the names that `#[func]` would give.
macro_rules! accessors {
    (
        $class:ident, $funcs:ident:
        $($setter:ident($set:ty)),* $(,)?
        $(; $($getter:ident($get:ty)),* $(,)?)?
    ) => {
        #[allow(non_upper_case_globals, reason = "what #[func] calls them")]
        impl $funcs {
            $(pub(crate) const $setter: &'static str = stringify!($setter);)*
            $($(pub(crate) const $getter: &'static str = stringify!($getter);)*)?
        }

        impl $class {
            $(
                fn $setter(&mut self, _value: $set) {
                    unreachable!("the engine calls the registered function")
                }
            )*
            $($(
                fn $getter(&self) -> $get {
                    unreachable!("the engine calls the registered function")
                }
            )*)?
        }
    };
}

pub(crate) use accessors;
