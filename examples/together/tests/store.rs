//! Names of rooms, and their files.

use together::store::{Store, room};

#[test]
fn a_path_names_a_room() {
    assert_eq!(room("/hello").as_deref(), Some("hello"));
    assert_eq!(room("/%E5%BA%83%e5%a0%b4").as_deref(), Some("広場"));
    assert_eq!(room("/a/b c%2Fd").as_deref(), Some("a/b c/d"));
    let longest = format!("/{}", "x".repeat(64));
    assert!(room(&longest).is_some());
    let too_long = format!("/{}", "%41".repeat(65));
    for path in [
        "/", "", "*", "hello", "/%", "/%2", "/%zz", "/%+1", "/%ff", "/a%00", "/a%0Ab", &too_long,
    ] {
        assert_eq!(room(path), None, "{path:?}");
    }
}

#[test]
fn each_name_has_a_file_of_its_own_inside_the_folder() {
    let above = std::env::temp_dir().join(format!("together-store-{}", std::process::id()));
    let folder = above.join("rooms");
    let store = Store::open(&folder, 100).expect("a folder");
    let names = [
        "..",
        ".",
        "../x",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "con",
        "A",
        "a",
        "a%2fb",
        "%",
        "é",
        "a.new",
        "c:",
    ];
    for (i, name) in (0u8..).zip(names) {
        store.save(name, &[i]).expect("it is saved");
    }
    for (i, name) in (0u8..).zip(names) {
        assert_eq!(store.load(name).expect("it is there"), [i], "{name}");
    }
    let files: Vec<_> = std::fs::read_dir(&folder)
        .expect("a folder")
        .map(|file| {
            file.expect("a file")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    assert_eq!(files.len(), names.len(), "{files:?}");
    let lower: std::collections::HashSet<_> =
        files.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(
        lower.len(),
        names.len(),
        "capitals are not told apart everywhere: {files:?}"
    );
    assert_eq!(
        std::fs::read_dir(&above).expect("a folder").count(),
        1,
        "nothing beside it"
    );
    std::fs::remove_dir_all(above).expect("it is removed");
}

#[test]
fn a_full_folder_takes_no_room_more() {
    let folder = std::env::temp_dir().join(format!("together-full-{}", std::process::id()));
    let store = Store::open(&folder, 2).expect("a folder");
    store.save("a", b"1").expect("it is saved");
    store.save("b", b"1").expect("it is saved");
    store.save("b", b"2").expect("it is saved");
    assert!(store.load("c").is_err());
    assert_eq!(store.load("b").expect("it is there"), b"2");
    assert!(Store::open(&folder, 2).expect("again").load("c").is_err());
    std::fs::remove_dir_all(folder).expect("it is removed");
}
