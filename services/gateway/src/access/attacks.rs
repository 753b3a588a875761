//! Tokens that must not be let in, and the few that must (RFC 8725).

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::jwks::KeySet;
use super::tokens::{InvalidToken, Tokens};

const JWKS: &[u8] = include_bytes!("test_keys/jwks.json");

fn tokens() -> Tokens {
    let tokens = Tokens::new("https://issuer.test".into(), "shelf".into());
    tokens.keys.store(Arc::new(KeySet::parse(JWKS, 1).unwrap()));
    tokens
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn claims() -> Value {
    json!({ "sub": "ada", "iss": "https://issuer.test", "aud": "shelf", "exp": now() + 600, "scope": "openid write:items" })
}

/// Returns claims with one member replaced, or removed by null.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let members = claims.as_object_mut().unwrap();
    match value {
        Value::Null => members.remove(name),
        value => members.insert(name.to_owned(), value),
    };
    claims
}

fn key(algorithm: Algorithm) -> EncodingKey {
    match algorithm {
        Algorithm::RS256 => EncodingKey::from_rsa_der(include_bytes!("test_keys/rsa.der")),
        Algorithm::ES256 => EncodingKey::from_ec_der(include_bytes!("test_keys/p256.der")),
        _ => EncodingKey::from_ed_der(include_bytes!("test_keys/ed25519.der")),
    }
}

fn sign(algorithm: Algorithm, kid: &str, claims: &Value) -> String {
    let mut header = Header::new(algorithm);
    header.kid = Some(kid.to_owned());
    encode(&header, claims, &key(algorithm)).unwrap()
}

const KINDS: [(Algorithm, &str); 3] =
    [(Algorithm::RS256, "rsa"), (Algorithm::ES256, "p256"), (Algorithm::EdDSA, "ed25519")];

/// Writes a part of a token by hand.
fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        for at in 0..=group.len() {
            text.push(char::from(DIGITS[(bits >> (18 - 6 * at)) as usize & 63]));
        }
    }
    text
}

#[test]
fn valid_tokens_of_all_three_kinds_are_let_in_again_and_again() {
    let tokens = tokens();
    for (algorithm, kid) in KINDS {
        let token = sign(algorithm, kid, &claims());
        for _ in 0..2 {
            let principal = tokens.verify(&token).unwrap();
            assert_eq!(&*principal.name, "ada");
            assert_eq!(principal.permissions, super::Permissions::all(["write:items"]).unwrap());
        }
    }
    let array = with("permissions", json!(["read:*"]));
    let principal = tokens.verify(&sign(Algorithm::ES256, "p256", &array)).unwrap();
    assert_eq!(principal.permissions, super::Permissions::all(["write:items", "read:*"]).unwrap());
}

#[test]
fn claims_are_checked() {
    let tokens = tokens();
    for (claims, wanted) in [
        (with("exp", json!(now() - 31)), InvalidToken::Expired),
        (with("exp", json!(0)), InvalidToken::Expired),
        (with("nbf", json!(now() + 60)), InvalidToken::Early),
        (with("aud", json!("other")), InvalidToken::Audience),
        (with("aud", json!(["other", "another"])), InvalidToken::Audience),
        (with("iss", json!("https://evil.test")), InvalidToken::Issuer),
        (with("iss", json!("https://issuer.test/")), InvalidToken::Issuer),
        (with("exp", Value::Null), InvalidToken::Claims),
        (with("aud", Value::Null), InvalidToken::Claims),
        (with("iss", Value::Null), InvalidToken::Claims),
        (with("sub", Value::Null), InvalidToken::Claims),
        (with("exp", json!("never")), InvalidToken::Claims),
        (with("iss", json!(["https://issuer.test"])), InvalidToken::Claims),
        (with("scope", json!(1)), InvalidToken::Permissions),
    ] {
        for (algorithm, kid) in KINDS {
            let verdict = tokens.verify(&sign(algorithm, kid, &claims)).map(|_| ());
            assert_eq!(verdict, Err(wanted), "{algorithm:?} {claims}");
        }
    }
}

#[test]
fn alg_none_is_refused() {
    let tokens = tokens();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({ "alg": alg, "kid": "rsa" }).to_string();
        for signature in ["", "AAAA"] {
            let token = format!(
                "{}.{}.{signature}",
                base64url(header.as_bytes()),
                base64url(claims().to_string().as_bytes())
            );
            assert_eq!(tokens.verify(&token).map(|_| ()), Err(InvalidToken::Form), "{alg}");
        }
    }
}

/// A public key is no secret: a token that is signed with it by HMAC must not be believed (RFC 8725 §2.1).
#[test]
fn a_public_key_is_not_taken_for_a_secret() {
    let tokens = tokens();
    let set: Value = serde_json::from_slice(JWKS).unwrap();
    let n = set["keys"][0]["n"].as_str().unwrap();
    for secret in [n.as_bytes(), JWKS, include_bytes!("test_keys/rsa.der"), b""] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let mut header = Header::new(algorithm);
            header.kid = Some("rsa".to_owned());
            let token = encode(&header, &claims(), &EncodingKey::from_secret(secret)).unwrap();
            assert_eq!(tokens.verify(&token).map(|_| ()), Err(InvalidToken::Algorithm));
        }
    }
}

#[test]
fn a_key_is_used_with_its_own_algorithm_alone() {
    let tokens = tokens();
    for (algorithm, _) in KINDS {
        for (other, kid) in KINDS {
            let verdict = tokens.verify(&sign(algorithm, kid, &claims())).map(|_| ());
            assert_eq!(verdict.is_ok(), algorithm == other, "{algorithm:?} as {kid}: {verdict:?}");
        }
    }
    let mut header = Header::new(Algorithm::RS512);
    header.kid = Some("rsa".to_owned());
    let token = encode(&header, &claims(), &key(Algorithm::RS256)).unwrap();
    assert_eq!(tokens.verify(&token).map(|_| ()), Err(InvalidToken::Algorithm));
}

#[test]
fn the_id_of_a_key_is_a_name_and_nothing_else() {
    let tokens = tokens();
    for kid in [
        "../../../../dev/null",
        "/etc/passwd",
        "' UNION SELECT 'x",
        "http://evil.test/jwks.json",
        "secret",
        "for-encryption",
        "RSA",
        "rsa\0",
        "",
    ] {
        let verdict = tokens.verify(&sign(Algorithm::RS256, kid, &claims())).map(|_| ());
        assert_eq!(verdict, Err(InvalidToken::Key), "{kid}");
    }
    let without = encode(&Header::new(Algorithm::RS256), &claims(), &key(Algorithm::RS256));
    assert_eq!(tokens.verify(&without.unwrap()).map(|_| ()), Err(InvalidToken::Key));
}

/// Who brings a key along proves nothing (RFC 7515 §4.1.2, §4.1.3, §4.1.5).
#[test]
fn keys_that_a_token_brings_along_are_not_looked_at() {
    let tokens = tokens();
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some("rsa".to_owned());
    header.jku = Some("http://evil.test/jwks.json".to_owned());
    header.x5u = Some("http://evil.test/key.pem".to_owned());
    let set: Value = serde_json::from_slice(JWKS).unwrap();
    header.jwk = serde_json::from_value(set["keys"][2].clone()).ok();
    assert!(header.jwk.is_some());
    let token = encode(&header, &claims(), &key(Algorithm::EdDSA)).unwrap();
    assert_eq!(tokens.verify(&token).map(|_| ()), Err(InvalidToken::Algorithm));
}

#[test]
fn what_is_changed_after_it_was_signed_is_refused() {
    let tokens = tokens();
    for (algorithm, kid) in KINDS {
        let token = sign(algorithm, kid, &claims());
        let parts: Vec<&str> = token.split('.').collect();
        let more = with("scope", json!("write:* delete:*"));
        let forged =
            format!("{}.{}.{}", parts[0], base64url(more.to_string().as_bytes()), parts[2]);
        assert_eq!(tokens.verify(&forged).map(|_| ()), Err(InvalidToken::Signature));
        for broken in [
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}", parts[0], parts[1]),
            format!("{token}.x"),
            format!(" {token}"),
            token.replace('.', ""),
            String::new(),
        ] {
            assert!(tokens.verify(&broken).is_err(), "{broken}");
        }
    }
}

/// A token that was verified by a key that is gone is verified again, and refused.
#[test]
fn a_key_that_is_withdrawn_ends_its_tokens() {
    let tokens = tokens();
    let token = sign(Algorithm::RS256, "rsa", &claims());
    assert!(tokens.verify(&token).is_ok());
    let mut set: Value = serde_json::from_slice(JWKS).unwrap();
    set["keys"].as_array_mut().unwrap().remove(0);
    tokens.keys.store(Arc::new(KeySet::parse(set.to_string().as_bytes(), 2).unwrap()));
    assert_eq!(tokens.verify(&token).map(|_| ()), Err(InvalidToken::Key));
    assert!(tokens.verify(&sign(Algorithm::ES256, "p256", &claims())).is_ok());
}

/// What a key is for is said by its set, in two ways (RFC 7517 §4.2, §4.3).
#[test]
fn a_key_is_used_for_what_it_is_for() {
    for (members, is_used) in [
        (json!({ "key_ops": ["verify"] }), true),
        (json!({ "key_ops": ["verify", "sign"], "use": "sig" }), true),
        (json!({}), true),
        (json!({ "key_ops": ["encrypt", "wrapKey"] }), false),
        (json!({ "key_ops": ["sign"] }), false),
        (json!({ "key_ops": [] }), false),
        (json!({ "key_ops": "verify" }), false),
        (json!({ "key_ops": ["verify"], "use": "enc" }), false),
        (json!({ "key_ops": ["encrypt"], "use": "sig" }), false),
        (json!({ "use": "other" }), false),
    ] {
        let mut set: Value = serde_json::from_slice(JWKS).unwrap();
        let key = set["keys"][2].as_object_mut().unwrap();
        key.extend(members.as_object().unwrap().clone());
        let tokens = tokens();
        tokens.keys.store(Arc::new(KeySet::parse(set.to_string().as_bytes(), 2).unwrap()));
        let verdict = tokens.verify(&sign(Algorithm::EdDSA, "ed25519", &claims())).map(|_| ());
        let expected = if is_used { Ok(()) } else { Err(InvalidToken::Key) };
        assert_eq!(verdict, expected, "{members}");
    }
}

#[test]
fn sets_without_a_usable_key_are_refused() {
    for set in
        ["", "[]", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct","kid":"a","k":"AAAA"}]}"#]
    {
        assert!(KeySet::parse(set.as_bytes(), 1).is_err(), "{set}");
    }
}
