//! How names are written.

/// Writes a slug as a name: `no-such-item` as `NoSuchItem`.
pub(crate) fn pascal_case(slug: &str) -> String {
    let words = slug.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    words.collect()
}

/// Writes a field name the way RFC 9110 does: `content-location` as `Content-Location`.
#[must_use]
pub(crate) fn title_case(name: &str) -> String {
    let words = name.split('-').map(|word| match word {
        "etag" => "ETag".to_owned(),
        "id" => "ID".to_owned(),
        _ => {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        }
    });
    words.collect::<Vec<_>>().join("-")
}
