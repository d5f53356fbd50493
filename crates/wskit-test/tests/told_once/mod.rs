//! Checks that an error says everything once. The tests of each crate include it by path.

/// Checks a value of every variant of an error enum, or what `$check` does with it. Does not compile if a
/// variant is missing, in the crate that defines the enum.
macro_rules! every_variant {
    ($error:ty: $($(#[$cfg:meta])* $variant:pat => $value:expr,)*) => {
        every_variant! { $error: $($(#[$cfg])* $variant => $value,)* => $crate::told_once::check }
    };
    ($error:ty: $($(#[$cfg:meta])* $variant:pat => $value:expr,)* => $check:expr) => {
        let name = |error: &$error| match error {
            $($(#[$cfg])* $variant => stringify!($variant),)*
        };
        $($(#[$cfg])* {
            let error: $error = $value;
            assert_eq!(name(&error), stringify!($variant));
            $check(error);
        })*
    };
}

pub(crate) use every_variant;

/// Checks that the text of an error and those of its sources are not contained in one another, as a log
/// prints them in one line.
#[track_caller]
pub(crate) fn check(error: impl std::error::Error + Send + Sync + 'static) {
    let error = anyhow::Error::new(error);
    let line = std::format!("{error:#}");
    assert!(!line.contains('\n') && !line.trim().is_empty(), "{line:?}");
    for told in error.chain().map(|told| std::format!("{told}")) {
        assert_eq!(
            line.matches(told.as_str()).count(),
            1,
            "{told:?} in {line:?}"
        );
    }
}
