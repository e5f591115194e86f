//! Compares what was written with a golden file beside the test; `GOLDEN=write` writes the files anew.

use std::path::Path;

/// `name` is a path from `src/`; the file has bare line feeds, what is compared has CRLF.
pub(crate) fn check(name: &str, actual: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name);
    let actual = String::from_utf8(actual.to_vec()).unwrap();
    if std::env::var_os("GOLDEN").is_some_and(|switch| switch == "write") {
        std::fs::write(&path, actual.replace("\r\n", "\n")).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap().replace('\n', "\r\n");
    assert_eq!(actual, wanted, "{name}");
}
