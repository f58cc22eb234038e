//! The values of arguments.

pub(crate) mod duration;
pub(crate) mod method;
pub(crate) mod number;
pub(crate) mod port;
pub(crate) mod scenario;
