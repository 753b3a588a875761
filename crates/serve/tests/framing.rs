//! Laws of the framing of HTTP/1.1, with hyper and a plain reader as oracles.

#[path = "checks/framing.rs"]
mod checks;

use proptest::prelude::*;

use self::checks::{Read, check};

/// A well-formed request, and what has to be read of it.
#[derive(Clone, Debug)]
struct Sent {
    method: &'static str,
    target: String,
    fields: Vec<(String, String)>,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    None,
    Whole(Vec<u8>),
    /// Each chunk with its extension, then the trailers.
    Chunks(Vec<(Vec<u8>, String)>, Vec<String>),
}

impl Sent {
    fn written(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.fields {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        match &self.body {
            Body::None => bytes.extend_from_slice(b"\r\n"),
            Body::Whole(body) => {
                bytes.extend_from_slice(
                    format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes(),
                );
                bytes.extend_from_slice(body);
            }
            Body::Chunks(chunks, trailers) => {
                bytes.extend_from_slice(b"transfer-encoding: Chunked\r\n\r\n");
                for (chunk, extension) in chunks {
                    bytes.extend_from_slice(format!("{:X}{extension}\r\n", chunk.len()).as_bytes());
                    bytes.extend_from_slice(chunk);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\n");
                for trailer in trailers {
                    bytes.extend_from_slice(format!("{trailer}\r\n").as_bytes());
                }
                bytes.extend_from_slice(b"\r\n");
            }
        }
        bytes
    }

    fn body(&self) -> Vec<u8> {
        match &self.body {
            Body::None => Vec::new(),
            Body::Whole(body) => body.clone(),
            Body::Chunks(chunks, _) => chunks.iter().flat_map(|(chunk, _)| chunk.clone()).collect(),
        }
    }

    fn is(&self, read: &Read) -> bool {
        let value = |name: &String| read.fields.get(name).map(|value| value.as_bytes());
        read.method.as_str() == self.method
            && read.target.to_string() == self.target
            && self.fields.iter().all(|(name, sent)| value(name) == Some(sent.as_bytes()))
            && read.body == Some(self.body())
    }
}

fn request() -> impl Strategy<Value = Sent> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..40);
    let chunk = (prop::collection::vec(any::<u8>(), 1..20), "(;[a-z]{1,5}(=[a-z]{1,5})?)?");
    let trailers = prop::collection::vec("x-[a-z]{1,5}: [a-z ]{0,5}", 0..3);
    let body = prop_oneof![
        Just(Body::None),
        bytes().prop_map(Body::Whole),
        (prop::collection::vec(chunk, 0..4), trailers)
            .prop_map(|(chunks, trailers)| Body::Chunks(chunks, trailers)),
    ];
    let fields = prop::collection::btree_map("x-[a-z]{1,8}", "([!-~]([ -~]{0,10}[!-~])?)?", 0..4);
    (
        prop::sample::select(vec!["GET", "PUT", "HEAD", "M-SEARCH"]),
        "/[a-z%0-9/]{0,12}(\\?[a-z=&]{0,8})?",
        fields,
        body,
    )
        .prop_map(|(method, target, fields, body)| Sent {
            method,
            target,
            fields: fields.into_iter().collect(),
            body,
        })
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1..30_usize, 1..4)
}

fn written(requests: &[Sent]) -> Vec<u8> {
    requests.iter().flat_map(Sent::written).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn well_formed_requests_are_read_as_they_were_sent(
        requests in prop::collection::vec(request(), 1..4),
        cuts in cuts(),
    ) {
        let seen = check(&written(&requests), &cuts);
        prop_assert_eq!(seen.len(), requests.len());
        for (seen, sent) in seen.iter().zip(&requests) {
            prop_assert!(seen.as_ref().is_ok_and(|read| sent.is(read)), "{seen:?} {sent:?}");
        }
    }

    #[test]
    fn damaged_requests_are_refused_or_read_in_one_way(
        requests in prop::collection::vec(request(), 1..3),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<u8>()), 1..4),
        cuts in cuts(),
    ) {
        let mut bytes = written(&requests);
        for (place, how, byte) in damage {
            if bytes.is_empty() {
                break;
            }
            let at = place.index(bytes.len());
            let structural = b"\r\n\t :;,0159afF#/?*\x00\x7f\xff+-";
            let structural = structural[usize::from(byte) % structural.len()];
            match how {
                0 => bytes[at] = byte,
                1 => bytes[at] = structural,
                2 => bytes.insert(at, structural),
                _ => drop(bytes.remove(at)),
            }
        }
        check(&bytes, &cuts);
    }

    #[test]
    fn lines_that_frame_a_body_are_refused_or_read_in_one_way(
        lines in prop::collection::vec(
            "(Content-Length|Transfer-Encoding|Host|Connection|Expect)[ \t]?:[ \t]?([0-9]{0,3}|chunked|close|100-continue|identity|, ?chunked)",
            0..4,
        ),
        version in "HTTP/[12]\\.[01]",
        rest in "([0-9a-f]{1,2}(;[a-z])?\r\n[a-z]{0,4}\r\n){0,2}(0\r\n)?([a-z: ]{0,5}\r\n){0,2}",
        cuts in cuts(),
    ) {
        let mut text = format!("PUT / {version}\r\n");
        for line in lines {
            text += &format!("{line}\r\n");
        }
        text += &format!("\r\n{rest}");
        check(text.as_bytes(), &cuts);
    }
}
