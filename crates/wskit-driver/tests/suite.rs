//! The shared suite on pipes, a fake clock and an executor of our own: no runtime at all.

use wskit_test::Simulated;

wskit_suite::suite!(Simulated);
