//! What may be served without credentials or TLS.

use std::net::TcpListener;

use serve::Handed;

use super::Settings;

/// Why a gateway is not started as it is configured: strangers could do more than its operator may have
/// thought of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InsecureSettings {
    #[error(
        "other machines reach this address, and clients need no credentials: name --keys or --jwks, or say --allow-anonymous"
    )]
    Anonymous,
    #[error(
        "other machines reach this address, and keys and tokens would be sent without TLS: name --tls-certificate and --tls-key, or say --allow-plain-text if a proxy in front of the gateway ends it"
    )]
    PlainText,
    #[error("--jwks needs --jwt-issuer and --jwt-audience, and they need it")]
    HalfATokenCheck,
    #[error("--tls-certificate and --tls-key need each other")]
    HalfACertificate,
}

/// Checks that clients which can reach the gateway have to authenticate, in secret, or that the
/// operator has said otherwise. It is reached at the sockets that were handed over or, without any,
/// at the address of the settings.
///
/// # Errors
/// [`InsecureSettings`] says what is open, and how to say that it is meant so.
pub(crate) fn check_exposure(settings: &Settings, handed: &Handed) -> Result<(), InsecureSettings> {
    let tokens =
        [settings.jwks.is_some(), settings.jwt_issuer.is_some(), settings.jwt_audience.is_some()];
    if tokens.contains(&true) && tokens.contains(&false) {
        return Err(InsecureSettings::HalfATokenCheck);
    }
    if settings.tls_certificate.is_some() != settings.tls_key.is_some() {
        return Err(InsecureSettings::HalfACertificate);
    }
    let is_loopback =
        |socket: &TcpListener| socket.local_addr().is_ok_and(|address| address.ip().is_loopback());
    let is_private = match handed.iter().len() {
        0 => settings.listen.ip().is_loopback(),
        _ => handed.iter().all(is_loopback),
    };
    if is_private {
        return Ok(());
    }
    if settings.keys.is_none() && settings.jwks.is_none() {
        return if settings.allow_anonymous { Ok(()) } else { Err(InsecureSettings::Anonymous) };
    }
    let is_secret = settings.tls_certificate.is_some();
    if is_secret || settings.allow_plain_text { Ok(()) } else { Err(InsecureSettings::PlainText) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn check(arguments: &[&str]) -> Result<(), InsecureSettings> {
        let arguments = ["gateway", "--replica", "a:1"].iter().chain(arguments);
        check_exposure(&Settings::try_parse_from(arguments).unwrap(), &Handed::default())
    }

    #[test]
    fn what_others_reach_is_closed_unless_said_otherwise() {
        let open = ["--listen", "0.0.0.0:80"];
        let with = |more: &[&'static str]| check(&[&open, more].concat());
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&["--listen", "[::1]:80"]), Ok(()));
        assert_eq!(with(&[]), Err(InsecureSettings::Anonymous));
        assert_eq!(with(&["--allow-plain-text"]), Err(InsecureSettings::Anonymous));
        assert_eq!(with(&["--allow-anonymous"]), Ok(()));
        assert_eq!(with(&["--keys", "k"]), Err(InsecureSettings::PlainText));
        assert_eq!(with(&["--keys", "k", "--allow-plain-text"]), Ok(()));
        assert_eq!(with(&["--keys", "k", "--tls-certificate", "c", "--tls-key", "k"]), Ok(()));
        assert_eq!(check(&["--jwks", "http://a"]), Err(InsecureSettings::HalfATokenCheck));
        assert_eq!(check(&["--jwt-issuer", "a"]), Err(InsecureSettings::HalfATokenCheck));
        assert_eq!(check(&["--tls-key", "a"]), Err(InsecureSettings::HalfACertificate));
    }
}
