//! The grammar of `Sec-WebSocket-Extensions` against a second reader; parse, write, parse again.
//!
//! Input: a byte (from 240 on the list is repeated to 128 KiB, where anything quadratic times out),
//! then the header's value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wskit_fuzz::{Element, read_extensions};
use wskit_handshake::{ExtensionList, is_token, write_extension};

fuzz_target!(|bytes: &[u8]| {
    let Some((&flags, value)) = bytes.split_first() else {
        return;
    };
    let value = String::from_utf8_lossy(value);
    let parsed = ExtensionList::parse(&value);
    let expected = read_extensions(&value);
    assert_eq!(
        parsed.is_ok(),
        expected.is_some(),
        "{parsed:?}, the reference says {expected:?}"
    );
    let (Ok(list), Some(expected)) = (parsed, expected) else {
        is_linear(flags, &value, 0, false);
        return;
    };
    assert_eq!(elements(&list), expected);
    assert!(!list.is_empty());
    assert!(list.as_str().len() <= value.len(), "unquoting never grows");

    let mut written = String::new();
    for extension in &list {
        assert!(is_token(extension.name().as_bytes()));
        write_extension(&mut written, extension.name(), extension.params())
            .expect("what was parsed can be written");
    }
    let again = ExtensionList::parse(&written).expect("what was written can be parsed");
    assert_eq!(again, list, "{written:?}");
    assert_eq!(elements(&again), expected);
    let mut twice = String::new();
    for extension in &again {
        write_extension(&mut twice, extension.name(), extension.params()).expect("a second time");
    }
    assert_eq!(twice, written, "writing is stable");

    let shown: Vec<String> = list.iter().map(|extension| extension.to_string()).collect();
    assert_eq!(shown.join(", "), written, "Display writes the same");
    let unquoted = ExtensionList::parse(list.as_str()).expect("the unquoted text is a list");
    assert_eq!(unquoted, list);
    assert_eq!(list.clone().into_owned(), list);

    // A name or value that is no token is refused and leaves no trace.
    for (name, param, text) in [
        ("", "p", "v"),
        ("x", "", "v"),
        ("x", "p", ""),
        ("x", "p", "a b"),
        ("x,y", "p", "v"),
    ] {
        assert!(write_extension(&mut twice, name, [(param, Some(text))]).is_err());
        assert_eq!(twice, written);
    }
    is_linear(flags, &value, expected.len(), true);
});

fn elements(list: &ExtensionList<'_>) -> Vec<Element> {
    let owned = |text: &str| text.to_owned();
    list.iter()
        .map(|extension| {
            let params = extension
                .params()
                .map(|(name, value)| (owned(name), value.map(owned)));
            (owned(extension.name()), params.collect())
        })
        .collect()
}

fn is_linear(flags: u8, value: &str, elements: usize, valid: bool) {
    if flags < 240 || value.is_empty() {
        return;
    }
    let times = ((128 << 10) / (value.len() + 1)).max(1);
    let long = vec![value; times].join(",");
    match ExtensionList::parse(&long) {
        Ok(list) if valid => {
            let params: usize = list
                .iter()
                .map(|extension| extension.params().count())
                .sum();
            assert_eq!(list.iter().count(), elements * times);
            assert_eq!(params % times, 0);
        }
        // An unclosed quote may be closed by the next copy: then it may be a list, or not.
        Ok(_) => assert!(
            value.contains('"'),
            "{value:?} is no list, but many of it are"
        ),
        Err(error) => assert!(!valid, "{error}"),
    }
}
