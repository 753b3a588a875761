//! Why a request is refused before it is parsed, in words for its answer.

use std::fmt;

/// Why a request is refused before it is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramingFault {
    /// A line ends with LF alone, or a CR stands alone (RFC 9112 §2.2).
    BareLineEnd,
    /// The request line is not `method SP target SP HTTP/1.x` (RFC 9112 §3).
    RequestLine,
    /// A field line begins with white space: obsolete folding (RFC 9112 §5.2).
    FoldedLine,
    /// A field line is no `name: value` of legal characters (RFC 9112 §5.1, RFC 9110 §5.5).
    FieldLine,
    /// The target is in none of the forms of RFC 9112 §3.2, or has a character that no URI has.
    Target,
    /// `Content-Length` is no plain number below 2^63, or stands there more than once (RFC 9112
    /// §6.3).
    ContentLength,
    /// `Transfer-Encoding` is something else than `chunked`, once, in HTTP/1.1 (RFC 9112 §6.1).
    TransferEncoding,
    /// A length and a transfer coding are both given (RFC 9112 §6.1).
    TwoLengths,
    /// The connection ended in the middle of a head.
    CutShort,
    /// The head took too long to arrive.
    Slow,
    /// The request line alone is larger than what is held of a head.
    LongLine,
    /// The head is larger than what is held of one, or has too many fields.
    TooLarge,
    /// There is no memory left to hold it.
    OutOfMemory,
}

impl fmt::Display for FramingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BareLineEnd => "a line does not end with CR LF",
            Self::RequestLine => "the request line is not `method target HTTP/1.1`",
            Self::Target => "the target of the request is not a URI; percent-encode what is not ASCII, and leave out the fragment",
            Self::FoldedLine => "a header field begins with white space (obsolete line folding)",
            Self::FieldLine => {
                "a header field is not `name: value`, or has a character that no field has"
            }
            Self::ContentLength => "`Content-Length` has to be one plain number below 2^63, given once",
            Self::TransferEncoding => {
                "the only transfer coding is `chunked`, given once, in HTTP/1.1"
            }
            Self::TwoLengths => "`Content-Length` and `Transfer-Encoding` exclude each other",
            Self::Slow => "the head took too long to arrive",
            Self::CutShort => "the connection ended in the middle of the head",
            Self::LongLine => "the path and query are too long",
            Self::TooLarge => "the header section is too large",
            Self::OutOfMemory => "there is no memory left to hold the head",
        })
    }
}
