//! What a token says (RFC 7519 §4.1), once its signature is known to be right.

use serde_json::{Map, Value};

use super::Permissions;
use super::tokens::InvalidToken;

/// How far clocks may differ, in seconds.
const LEEWAY_S: f64 = 30.0;

/// Claims whose words are permissions among other words: `scope` (RFC 8693 §4.2), which some providers
/// send as a list, `scp` of others, and `permissions`.
const PERMISSIONS: [&str; 3] = ["scope", "scp", "permissions"];

/// What the claims have to say.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExpectedClaims<'a> {
    pub(super) issuer: &'a str,
    pub(super) audience: &'a str,
    /// Seconds since 1970.
    pub(super) now: u64,
}

/// What was found in them.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) subject: String,
    /// The second before which the token surely holds.
    pub(super) expires: u64,
    pub(super) permissions: Permissions,
}

impl Claims {
    /// Reads the claims of a token.
    ///
    /// # Errors
    /// The first claim that is missing, of another form, or says something else.
    pub(super) fn read(
        claims: &Map<String, Value>,
        expected: ExpectedClaims<'_>,
    ) -> Result<Self, InvalidToken> {
        let claim = |name| claims.get(name).ok_or(InvalidToken::Claims);
        let text = |name| claim(name)?.as_str().ok_or(InvalidToken::Claims);
        let (subject, issuer) = (text("sub")?, text("iss")?);
        let audience = claim("aud").map(strings)?.ok_or(InvalidToken::Claims)?;
        let expires = claim("exp").map(date)?.ok_or(InvalidToken::Claims)?;
        let begins = match claims.get("nbf") {
            Some(begins) => date(begins).ok_or(InvalidToken::Claims)?,
            None => f64::NEG_INFINITY,
        };
        let now = expected.now as f64;
        if expires < now - LEEWAY_S {
            return Err(InvalidToken::Expired);
        }
        if begins > now + LEEWAY_S {
            return Err(InvalidToken::Early);
        }
        if issuer != expected.issuer {
            return Err(InvalidToken::Issuer);
        }
        if !audience.contains(&expected.audience) {
            return Err(InvalidToken::Audience);
        }
        let mut words = Vec::new();
        for list in PERMISSIONS.iter().filter_map(|name| claims.get(*name)) {
            // Some providers write null where there are none.
            if !list.is_null() {
                let strings = strings(list).ok_or(InvalidToken::Permissions)?;
                words.extend(strings.into_iter().flat_map(|string| string.split(' ')));
            }
        }
        Ok(Self {
            subject: subject.to_owned(),
            expires: expires as u64,
            permissions: Permissions::among(words),
        })
    }
}

/// Reads a string or a list of strings.
fn strings(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(values) => values.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// Reads a `NumericDate`: seconds since 1970, which may have a fraction or an exponent (RFC 7519 §2).
fn date(value: &Value) -> Option<f64> {
    value.as_f64().filter(|seconds| seconds.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn read(claims: &str) -> Result<Claims, InvalidToken> {
        let claims: Map<String, Value> = serde_json::from_str(claims).unwrap();
        Claims::read(&claims, ExpectedClaims { issuer: "i", audience: "shelf", now: NOW })
    }

    fn dates(exp: &str, nbf: &str) -> Result<u64, InvalidToken> {
        let claims = format!(
            r#"{{"sub":"ada","iss":"i","aud":"shelf","exp":{exp}{}}}"#,
            if nbf.is_empty() { String::new() } else { format!(r#","nbf":{nbf}"#) }
        );
        read(&claims).map(|claims| claims.expires)
    }

    #[test]
    fn dates_may_have_a_fraction_or_an_exponent() {
        for (exp, expires) in [
            ("1700000600", 1_700_000_600),
            ("1700000600.75", 1_700_000_600),
            ("1.7000006e9", 1_700_000_600),
            ("17000006E2", 1_700_000_600),
            ("1e300", u64::MAX),
            ("1699999970.5", 1_699_999_970),
        ] {
            assert_eq!(dates(exp, "1.6e9"), Ok(expires), "{exp}");
        }
        for exp in ["1699999969.5", "0", "-1.5", "-1e300", "1e-9"] {
            assert_eq!(dates(exp, ""), Err(InvalidToken::Expired), "{exp}");
        }
        assert_eq!(dates("1.8e9", "1.7000000305e9"), Err(InvalidToken::Early));
        assert_eq!(dates("1.8e9", "1.70000003e9"), Ok(1_800_000_000));
        for (exp, nbf) in [
            ("\"1700000600\"", ""),
            ("null", ""),
            ("[1700000600]", ""),
            ("1700000600", "null"),
            ("1700000600", "\"0\""),
        ] {
            assert_eq!(dates(exp, nbf), Err(InvalidToken::Claims), "{exp} {nbf}");
        }
    }

    #[test]
    fn an_issuer_is_one_string_and_an_audience_one_or_several() {
        let with = |iss: &str, aud: &str| {
            let rest = r#""sub":"ada","exp":1700000600"#;
            read(&format!(r#"{{{rest},"iss":{iss},"aud":{aud}}}"#)).map(|claims| claims.subject)
        };
        assert_eq!(with("\"i\"", "\"shelf\"").as_deref(), Ok("ada"));
        assert_eq!(with("\"i\"", "[\"other\",\"shelf\"]").as_deref(), Ok("ada"));
        for iss in ["[\"i\"]", "[\"i\",\"j\"]", "null", "1", "{}"] {
            assert_eq!(with(iss, "\"shelf\""), Err(InvalidToken::Claims), "{iss}");
        }
        for aud in ["[\"shelf\",1]", "null", "{}"] {
            assert_eq!(with("\"i\"", aud), Err(InvalidToken::Claims), "{aud}");
        }
        for aud in ["[]", "\"shelf other\"", "[\"other\"]"] {
            assert_eq!(with("\"i\"", aud), Err(InvalidToken::Audience), "{aud}");
        }
    }

    #[test]
    fn permissions_are_read_wherever_providers_write_them() {
        let with = |members: &str| {
            let rest = r#""sub":"ada","iss":"i","aud":"shelf","exp":1700000600"#;
            read(&format!("{{{rest}{members}}}")).map(|claims| claims.permissions)
        };
        let both = Permissions::all(["read:*", "write:items"]).unwrap();
        for members in [
            r#","scope":"openid read:* write:items""#,
            r#","scope":["openid","read:*","write:items"]"#,
            r#","scp":"read:* write:items""#,
            r#","scp":["read:*","write:items"]"#,
            r#","permissions":["read:*","write:items"]"#,
            r#","permissions":"read:* write:items""#,
            r#","scope":"read:*","scp":null,"permissions":["write:items"]"#,
        ] {
            assert_eq!(with(members), Ok(both.clone()), "{members}");
        }
        for members in ["", r#","scope":null,"permissions":null"#, r#","scope":"""#] {
            assert_eq!(with(members), Ok(Permissions::default()), "{members}");
        }
        for members in [r#","scope":1"#, r#","scp":{}"#, r#","permissions":["read:*",1]"#] {
            assert_eq!(with(members), Err(InvalidToken::Permissions), "{members}");
        }
    }
}
