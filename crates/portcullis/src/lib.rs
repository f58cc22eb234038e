//! Port mapping.
