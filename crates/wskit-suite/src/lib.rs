#![doc = include_str!("../README.md")]
#![allow(
    clippy::missing_panics_doc,
    clippy::expect_used,
    reason = "everything here is a test: it reports by panicking"
)]

pub mod connection;
pub mod dial;
pub mod opening;
pub mod pair;
mod scene;
#[cfg(feature = "sockets")]
pub mod sockets;
pub mod split;
pub mod streams;

/// Expands to one `#[test]` for each scenario, run on this [`Harness`](wskit_test::Harness), in
/// modules named after the scenarios' files.
///
/// ```
/// use wskit_test::Simulated;
/// wskit_suite::suite!(Simulated);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! suite {
    ($harness:ident) => {
        $crate::connection_scenarios!($harness);
        $crate::opening_scenarios!($harness);
        $crate::split_scenarios!($harness);
        $crate::streams_scenarios!($harness);
        $crate::dial_scenarios!($harness);
    };
}

/// The tests of one file of scenarios.
#[doc(hidden)]
#[macro_export]
macro_rules! scenarios {
    ($harness:ident, $folder:ident::$module:ident: { $($scenario:ident)* }) => {
        mod $module {
            $(
                #[test]
                fn $scenario() {
                    $crate::$folder::$module::$scenario::<super::$harness>();
                }
            )*
        }
    };
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// A scenario that no list names would run nowhere.
    #[test]
    fn lists_name_every_scenario() {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut scenarios = 0;
        for folder in ["connection", "opening", "split", "streams", "dial"] {
            let list = fs::read_to_string(src.join(folder).with_extension("rs")).unwrap();
            for file in fs::read_dir(src.join(folder)).unwrap() {
                let source = fs::read_to_string(file.unwrap().path()).unwrap();
                for line in source.lines() {
                    let name = line.strip_prefix("pub fn ");
                    let Some((name, _)) = name.and_then(|name| name.split_once("<H: Harness>()"))
                    else {
                        continue;
                    };
                    assert!(
                        list.lines().any(|line| line.trim() == name),
                        "{name} is not listed in {folder}.rs"
                    );
                    scenarios += 1;
                }
            }
        }
        assert!(scenarios >= 338, "{scenarios} scenarios");
    }
}
