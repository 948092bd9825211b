//! Signatures of requests, version 4, checked as AWS checks them: with the secret of the access key
//! that the request names, over the request as it arrived, and not older than a quarter of an hour.
//! Source: AWS Signature Version 4 for API requests (IAM User Guide, "Create a signed AWS API request").

use std::collections::BTreeMap;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// How far a request's time may be from ours.
const MAX_SKEW: SignedDuration = SignedDuration::from_mins(15);
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// What is not percent-encoded: RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// The same within a path.
const ENCODED_PATH: &AsciiSet = &ENCODED.remove(b'/');

/// Access keys with their secrets.
#[derive(Debug, Clone)]
pub struct Keys(BTreeMap<String, String>);

impl Keys {
    /// One key pair.
    pub fn one(access_key: &str, secret: &str) -> Self {
        Keys(BTreeMap::from([(access_key.to_owned(), secret.to_owned())]))
    }

    pub(super) fn secret(&self, access_key: &str) -> Option<String> {
        self.0.get(access_key).cloned()
    }
}

/// Who signed a request, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) access_key: String,
    pub(super) region: String,
    pub(super) service: String,
}

/// Why a request is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No signature, or one that cannot be read.
    Missing,
    UnknownKey(Scope),
    /// Temporary credentials past their end.
    Expired(Scope),
    /// Signed too long ago, or in the future: a clock is wrong.
    Skewed(Scope, String),
    Mismatch(Scope),
}

/// Why an access key has no secret to check with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoSecret {
    Unknown,
    /// Its session has ended.
    Expired,
}

struct Authorization<'a> {
    scope: Scope,
    date: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

/// Checks the signature of a request. `secret_of` knows the secret of an access key, which with
/// temporary credentials is one of the key and its session token.
pub(super) fn verify(
    parts: &Parts,
    body: &Bytes,
    secret_of: impl FnOnce(&str, Option<&str>) -> Result<String, NoSecret>,
    now: Timestamp,
) -> Result<Scope, Refusal> {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = header("authorization").and_then(read).ok_or(Refusal::Missing)?;
    let time = header("x-amz-date").ok_or(Refusal::Missing)?;
    let scope = authorization.scope.clone();
    let signed_at = jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", time)
        .and_then(|parsed| parsed.to_datetime()?.in_tz("UTC"))
        .map_err(|_| Refusal::Missing)?
        .timestamp();
    let secret = match secret_of(&scope.access_key, header("x-amz-security-token")) {
        Ok(secret) => secret,
        Err(NoSecret::Unknown) => return Err(Refusal::UnknownKey(scope)),
        Err(NoSecret::Expired) => return Err(Refusal::Expired(scope)),
    };
    if signed_at.duration_since(now).abs() > MAX_SKEW {
        let message = format!(
            "Signature expired: {time} is not within 15 minutes of the server's time {}",
            now.strftime("%Y%m%dT%H%M%SZ")
        );
        return Err(Refusal::Skewed(scope, message));
    }
    let canonical = canonical_request(parts, body, &authorization.signed_headers);
    let expected = signature(&canonical, time, &scope, &secret, authorization.date);
    if authorization.signature == expected { Ok(scope) } else { Err(Refusal::Mismatch(scope)) }
}

/// The value of the header `authorization` for a request with the given headers, among them `host` and
/// `x-amz-date`: what a client has to send.
pub fn sign(
    parts: &Parts,
    body: &Bytes,
    (access_key, secret): (&str, &str),
    (region, service): (&str, &str),
) -> String {
    let scope = Scope {
        access_key: access_key.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
    };
    let time = parts.headers.get("x-amz-date").and_then(|value| value.to_str().ok());
    let time = time.unwrap_or_default();
    let date = time.get(..8).unwrap_or_default();
    let signed = ["host", "x-amz-date"];
    let canonical = canonical_request(parts, body, &signed);
    let signature = signature(&canonical, time, &scope, secret, date);
    format!(
        "{ALGORITHM} Credential={access_key}/{date}/{region}/{service}/aws4_request, \
         SignedHeaders={}, Signature={signature}",
        signed.join(";")
    )
}

fn signature(canonical: &str, time: &str, scope: &Scope, secret: &str, date: &str) -> String {
    let Scope { region, service, .. } = scope;
    let digest = hex::encode(Sha256::digest(canonical));
    let text = format!("{ALGORITHM}\n{time}\n{date}/{region}/{service}/aws4_request\n{digest}");
    let mut key = mac(format!("AWS4{secret}").as_bytes(), date.as_bytes());
    for part in [region.as_str(), service.as_str(), "aws4_request"] {
        key = mac(&key, part.as_bytes());
    }
    hex::encode(mac(&key, text.as_bytes()))
}

/// `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, SignedHeaders=…, Signature=…`.
fn read(header: &str) -> Option<Authorization<'_>> {
    let fields: BTreeMap<&str, &str> = header
        .strip_prefix(ALGORITHM)?
        .split(',')
        .filter_map(|field| field.trim().split_once('='))
        .collect();
    let mut credential = fields.get("Credential")?.split('/');
    let (access_key, date) = (credential.next()?, credential.next()?);
    let (region, service) = (credential.next()?, credential.next()?);
    Some(Authorization {
        scope: Scope {
            access_key: access_key.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
        },
        date,
        signed_headers: fields.get("SignedHeaders")?.split(';').collect(),
        signature: fields.get("Signature")?,
    })
}

fn canonical_request(parts: &Parts, body: &Bytes, signed_headers: &[&str]) -> String {
    // All services but S3 encode the path that is sent, which is encoded already, once more.
    let path = utf8_percent_encode(parts.uri.path(), ENCODED_PATH);
    let query = parts.uri.query().unwrap_or_default();
    let mut pairs: Vec<String> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| {
            let (name, value) =
                (utf8_percent_encode(&name, ENCODED), utf8_percent_encode(&value, ENCODED));
            format!("{name}={value}")
        })
        .collect();
    pairs.sort();
    let mut headers = String::new();
    for name in signed_headers {
        let values = parts.headers.get_all(*name).iter().filter_map(|value| value.to_str().ok());
        let values: Vec<String> = values.map(one_spaced).collect();
        headers.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    let declared = parts.headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    let digest =
        declared.map_or_else(|| hex::encode(Sha256::digest(body)), |digest| digest.to_owned());
    format!(
        "{}\n{path}\n{}\n{headers}\n{}\n{digest}",
        parts.method,
        pairs.join("&"),
        signed_headers.join(";"),
    )
}

fn one_spaced(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(text);
            mac.finalize().into_bytes().to_vec()
        }
        // HMAC takes keys of any length.
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const NOW: &str = "2026-06-01T12:00:00Z";

    fn request(path: &str, body: &'static [u8], secret: &str) -> (Parts, Bytes) {
        let request = Request::post(path)
            .header("host", "127.0.0.1:4566")
            .header("x-amz-date", "20260601T120000Z");
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let body = Bytes::from_static(body);
        let value = sign(&parts, &body, ("key", secret), ("us-east-1", "batch"));
        parts.headers.insert("authorization", value.parse().unwrap());
        (parts, body)
    }

    fn judged(parts: &Parts, body: &Bytes, now: &str) -> Result<Scope, Refusal> {
        let secret_of = |key: &str, _: Option<&str>| {
            Keys::one("key", "secret").secret(key).ok_or(NoSecret::Unknown)
        };
        verify(parts, body, secret_of, now.parse().unwrap())
    }

    #[test]
    fn what_is_signed_is_let_in_and_any_change_is_not() {
        let path = "/v1/tags/arn%3Aaws%3Abatch?b=2&a=1";
        let (parts, body) = request(path, b"{}", "secret");
        assert_eq!(judged(&parts, &body, NOW).unwrap().service, "batch");
        let other = Bytes::from_static(b"{} ");
        assert!(matches!(judged(&parts, &other, NOW), Err(Refusal::Mismatch(_))));
        let mut moved = parts.clone();
        moved.uri = "/v1/tags/arn%3Aaws%3Abatch?b=2&a=3".parse().unwrap();
        assert!(matches!(judged(&moved, &body, NOW), Err(Refusal::Mismatch(_))));
        let mut dated = parts.clone();
        dated.headers.insert("x-amz-date", "20260601T120001Z".parse().unwrap());
        assert!(matches!(judged(&dated, &body, NOW), Err(Refusal::Mismatch(_))));
        let (guessed, body) = request(path, b"{}", "guess");
        assert!(matches!(judged(&guessed, &body, NOW), Err(Refusal::Mismatch(_))));
    }

    #[test]
    fn a_signature_holds_for_a_quarter_of_an_hour_on_both_sides() {
        let (parts, body) = request("/v1/listjobs", b"{}", "secret");
        for now in ["2026-06-01T11:45:00Z", "2026-06-01T12:15:00Z"] {
            assert!(judged(&parts, &body, now).is_ok(), "{now}");
        }
        for now in ["2026-06-01T11:44:59Z", "2026-06-01T12:15:01Z"] {
            assert!(matches!(judged(&parts, &body, now), Err(Refusal::Skewed(..))), "{now}");
        }
    }

    #[test]
    fn a_request_without_a_signature_is_missing_one_however_odd_it_is() {
        for value in ["", "Basic abc", "AWS4-HMAC-SHA256 Credential=a/b", "AWS4-HMAC-SHA256 ,=,"] {
            let (mut parts, body) = request("/v1/listjobs", b"{}", "secret");
            parts.headers.insert("authorization", value.parse().unwrap());
            assert_eq!(judged(&parts, &body, NOW), Err(Refusal::Missing), "{value}");
        }
        let (mut parts, body) = request("/v1/listjobs", b"{}", "secret");
        parts.headers.insert("x-amz-date", "yesterday".parse().unwrap());
        assert_eq!(judged(&parts, &body, NOW), Err(Refusal::Missing));
    }
}
