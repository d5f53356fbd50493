//! The scenarios that every engine of `wskit-hub` passes, and the real servers that they run on.
