//! Three hub processes on a real engine, with faults.
