//! Items come back byte for byte.

use domain::Outcome;

use super::kit::*;

async fn comes_back(store: &Subject, json: &str) {
    let sent = item(json);
    assert_eq!(sent.representation(), json.as_bytes(), "the case is minified");
    assert!(one(store, put("a", &sent)).await == Ok(Outcome::Created(sent.clone())));
    let stored = get(store, "a").await.expect("it exists");
    assert!(stored == sent, "representation, tag and digest");
    let listed = list_all(store, "items", 1).await;
    assert!(listed == [(id("a"), sent.clone())]);
    assert!(one(store, put("a", &sent)).await == Ok(Outcome::Unchanged(sent)));
    one(store, delete("a")).await.unwrap();
}

pub(crate) async fn number_text_and_member_order_are_kept(store: Subject) {
    comes_back(
        &store,
        r#"{"z":123456789012345678901234567890,"a":1.50,"m":1e+400,"b":-0,"c":0.1e-7}"#,
    )
    .await;
    comes_back(
        &store,
        r#"{"b":{"y":[1,2.0,null],"x":true},"a":"\u0001\"\\ü日本\u007f"}"#
            .replace("\\u007f", "\u{7f}")
            .as_str(),
    )
    .await;
}

pub(crate) async fn an_item_of_one_mebibyte_is_kept(store: Subject) {
    // Once with text that compresses well and once with text that does not.
    let even = "x".repeat((1 << 20) - 11);
    let mut state = 1_u64;
    let uneven: String = (0..(1 << 20) - 11)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            char::from(b'0' + (state >> 59) as u8)
        })
        .collect();
    for text in [even, uneven] {
        comes_back(&store, &format!(r#"{{"name":"{}"}}"#, text.replace(['\\', '"'], "_"))).await;
    }
}

pub(crate) async fn an_empty_object_is_an_item(store: Subject) {
    comes_back(&store, "{}").await;
}
