//! Targets that can be read in two ways.

use http::{Method, Uri};

/// Returns what is wrong with the form of a target, if something is (RFC 9112 §3.2).
pub(super) fn form_fault(method: &Method, uri: &Uri) -> Option<&'static str> {
    let path = uri.path();
    match uri.scheme_str() {
        None | Some("http" | "https") => {}
        Some(_) => return Some("this is no proxy for other schemes than `http` and `https`"),
    }
    if path == "*" {
        return (method != Method::OPTIONS).then_some("`*` is a target of OPTIONS alone");
    }
    // A host and a port alone are what CONNECT asks for.
    (!path.starts_with('/')).then_some("it has to begin with `/`")
}

/// Tells why a path can be read as another one, if it can.
///
/// Permissions and replicas look at the path as it was sent. What stands between or behind them may
/// decode it, merge its slashes or remove its dot segments (RFC 3986 §6.2), and find another path. So
/// where permissions are looked at, a path that such a reader would change is refused before.
pub(super) fn second_reading(path: &str) -> Option<&'static str> {
    // Mostly there is nothing to look at closer.
    let bytes = path.as_bytes();
    let is_plain = !bytes.iter().any(|byte| matches!(byte, b'%' | b'.' | b'\\'));
    if path.contains("//") {
        return Some("two slashes can be read as one");
    }
    if is_plain {
        return None;
    }
    if path.contains('\\') || contains_encoded(bytes, b"5c") {
        return Some("a backslash can be read as a slash");
    }
    is_dotted(bytes)
        .then_some("`.` and `..` can be read as parts of the path that are to be removed")
}

fn contains_encoded(path: &[u8], digits: &[u8; 2]) -> bool {
    path.windows(3).any(|window| window[0] == b'%' && window[1..].eq_ignore_ascii_case(digits))
}

/// Tells whether a part between slashes, encoded or not, is `.` or `..`, encoded or not.
fn is_dotted(path: &[u8]) -> bool {
    let (mut dots, mut others) = (0, 0);
    let mut rest = path;
    loop {
        let (is_slash, is_dot, length) = match rest {
            [] => break,
            [b'%', b'2', b'f' | b'F', ..] => (true, false, 3),
            [b'%', b'2', b'e' | b'E', ..] => (false, true, 3),
            [byte, ..] => (*byte == b'/', *byte == b'.', 1),
        };
        rest = &rest[length..];
        match (is_slash, is_dot) {
            (true, _) if others == 0 && matches!(dots, 1 | 2) => return true,
            (true, _) => (dots, others) = (0, 0),
            (_, true) => dots += 1,
            _ => others += 1,
        }
    }
    others == 0 && matches!(dots, 1 | 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_path_but_for_two_forms() {
        for target in ["/", "/items", "http://shelf.test", "https://shelf.test/items"] {
            assert_eq!(form_fault(&Method::GET, &target.parse().unwrap()), None, "{target}");
        }
        assert_eq!(form_fault(&Method::OPTIONS, &"*".parse().unwrap()), None);
        for target in ["shelf.test:80", "shelf.test", "ftp://shelf.test/items", "*"] {
            assert!(form_fault(&Method::GET, &target.parse().unwrap()).is_some(), "{target}");
        }
    }

    #[test]
    fn paths_with_one_reading_pass() {
        for path in [
            "/",
            "/items",
            "/items/",
            "/items/a.b",
            "/items/...",
            "/items/.a",
            "/items/a..",
            "/items/%2E%2E%2E",
            "/items/10.1000%2F182",
            "/items/https:%2F%2Fshelf.test%2Fa.html",
            "/items/%25",
            "/items:count",
        ] {
            assert_eq!(second_reading(path), None, "{path}");
        }
    }

    #[test]
    fn paths_with_a_second_reading_are_refused() {
        for path in [
            "//items/x",
            "/items//x",
            "/docs/../items/x",
            "/docs/./x",
            "/docs/..",
            "/docs/.",
            "/..",
            "/docs/%2e%2e/items/x",
            "/docs/%2E./items/x",
            "/docs/.%2e",
            "/docs%2f..%2Fitems",
            "/docs/..%2fitems/x",
            "/docs/..%5citems",
            "/docs/..\\items",
            "/items/a%5Cb",
        ] {
            assert!(second_reading(path).is_some(), "{path}");
        }
    }
}
