//! JSON documents for property tests, and ways to write them down.

use proptest::prelude::*;

/// A JSON value; the names of an object's members are distinct.
#[derive(Clone, Debug)]
pub(crate) enum Document {
    Literal(&'static str),
    Number(String),
    String(String),
    Array(Vec<Document>),
    Object(Vec<(String, Document)>),
}

/// Any document.
pub(crate) fn document() -> impl Strategy<Value = Document> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["null", "true", "false"]).prop_map(Document::Literal),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?".prop_map(Document::Number),
        text().prop_map(Document::String),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Document::Array),
            members(inner).prop_map(Document::Object),
        ]
    })
}

/// A document that is an object.
pub(crate) fn object() -> impl Strategy<Value = Document> {
    members(document()).prop_map(Document::Object)
}

fn members(
    value: impl Strategy<Value = Document>,
) -> impl Strategy<Value = Vec<(String, Document)>> {
    prop::collection::hash_map(text(), value, 0..6)
        .prop_map(|members| members.into_iter().collect())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,4}",
        "[ -~]{0,12}",
        prop::collection::vec(
            prop::sample::select(vec!['"', '\\', '/', '\0', '\n', '\u{1f}', 'é', '日', '😀', '~']),
            0..8
        )
        .prop_map(String::from_iter),
    ]
}

/// A source of choices that a seed decides.
#[derive(Debug)]
pub(crate) struct Choices(pub(crate) u64);

impl Choices {
    /// Returns a number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

impl Document {
    /// Writes the document with white space and escapes as `choices` go; order and numbers stay.
    pub(crate) fn written(&self, choices: &mut Choices) -> String {
        let mut out = String::new();
        self.write(choices, &mut out);
        out
    }

    fn write(&self, choices: &mut Choices, out: &mut String) {
        space(choices, out);
        match self {
            Self::Literal(word) => out.push_str(word),
            Self::Number(number) => out.push_str(number),
            Self::String(string) => write_string(string, choices, out),
            Self::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    element.write(choices, out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    space(choices, out);
                    write_string(name, choices, out);
                    space(choices, out);
                    out.push(':');
                    value.write(choices, out);
                }
                space(choices, out);
                out.push('}');
            }
        }
        space(choices, out);
    }

    /// Returns an equal document in which members are shuffled and numbers are spelled anew.
    pub(crate) fn respelled(&self, choices: &mut Choices) -> Self {
        match self {
            Self::Number(number) => Self::Number(respelled_number(number, choices)),
            Self::Array(elements) => {
                Self::Array(elements.iter().map(|element| element.respelled(choices)).collect())
            }
            Self::Object(members) => {
                let mut rest = members.clone();
                let mut shuffled = Vec::new();
                while !rest.is_empty() {
                    let (name, value) = rest.swap_remove(choices.below(rest.len()));
                    shuffled.push((name, value.respelled(choices)));
                }
                Self::Object(shuffled)
            }
            other => other.clone(),
        }
    }
}

fn space(choices: &mut Choices, out: &mut String) {
    out.push_str([" ", "\n", "\r\n\t", "", "", "", ""][choices.below(7)]);
}

fn write_string(string: &str, choices: &mut Choices, out: &mut String) {
    out.push('"');
    for character in string.chars() {
        if character < ' ' || choices.below(8) == 0 {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                out.push_str(&if choices.below(2) == 0 {
                    format!("\\u{unit:04x}")
                } else {
                    format!("\\u{unit:04X}")
                });
            }
        } else {
            out.push_str(if matches!(character, '"' | '\\') { "\\" } else { "" });
            out.push(character);
        }
    }
    out.push('"');
}

/// Spells a number in another way, by the rules of arithmetic alone.
pub(crate) fn respelled_number(number: &str, choices: &mut Choices) -> String {
    let (coefficient, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let exponent: i64 = exponent.parse().unwrap();
    let (sign, unsigned) =
        coefficient.strip_prefix('-').map_or(("", coefficient), |rest| ("-", rest));
    let (integer, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    // All digits as one integer, and the power of ten that belongs to it.
    let digits = format!("{integer}{fraction}");
    let power = exponent - fraction.len() as i64;
    let digits = match digits.trim_start_matches('0') {
        "" => "0",
        trimmed => trimmed,
    };
    match choices.below(5) {
        0 => format!("{sign}{digits}e{power}"),
        1 => format!("{sign}{digits}.000E{power}"),
        2 => format!("{sign}0.00{digits}e{}", power + 2 + digits.len() as i64),
        3 if digits != "0" => format!("{sign}{digits}00e{}", power - 2),
        _ => number.to_owned(),
    }
}
