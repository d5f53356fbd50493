//! RFC 6455 §9.1: the order of extensions; §10.8: the use of SHA-1.

use std::path::Path;

use wskit_handshake::ExtensionList;

/// The order of a list, which is the order of application, survives several lines and writing it
/// again.
///
/// Proves: R6455-9.1-f
#[test]
fn extensions_keep_their_order() {
    let list = ExtensionList::parse("b; x, a, c; y=1, a; z").expect("a list");
    let names: Vec<_> = list.iter().map(|extension| extension.name()).collect();
    assert_eq!(names, ["b", "a", "c", "a"]);
    let written: Vec<_> = list.iter().map(|extension| extension.to_string()).collect();
    assert_eq!(written.join(", "), "b; x, a, c; y=1, a; z");
    let owned = list.into_owned();
    let names: Vec<_> = owned.iter().map(|extension| extension.name()).collect();
    assert_eq!(names, ["b", "a", "c", "a"]);
}

/// Only one file of this crate, and no other crate, names SHA-1: it is used only for the accept
/// value.
///
/// Proves: R6455-10.8-a
#[test]
fn sha1_serves_the_accept_value_only() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("crates/");
    let mut users = Vec::new();
    for member in std::fs::read_dir(crates).expect("crates/").flatten() {
        let name = member.file_name().into_string().expect("an ASCII name");
        if name.starts_with("wskit") {
            search(&member.path().join("src"), &mut users);
        }
    }
    assert_eq!(users, ["accept_key.rs"]);
}

fn search(folder: &Path, users: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            search(&path, users);
        } else if std::fs::read_to_string(&path).is_ok_and(|text| text.contains("sha1::")) {
            users.push(entry.file_name().into_string().expect("an ASCII name"));
        }
    }
}
