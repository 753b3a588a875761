//! TOML as the JSON value that it stands for.

use domain::json::{self, DEPTH_MAX, ErrorKind};
use serde_json::{Map, Value};
use serve::settings::line_and_column;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The first place where a text is no TOML, or says what JSON cannot.
#[derive(Debug)]
pub(super) struct Error {
    pub(super) line: usize,
    pub(super) column: usize,
    /// What is wrong there, behind the pointer to the value if there is one.
    pub(super) detail: String,
}

/// Returns a document as a JSON object. Members keep their order, and numbers their text as far as JSON
/// can have it: `1.0` stays `1.0`.
pub(super) fn parse(text: &[u8]) -> Result<Value, Error> {
    let place = |text: &str, at: usize, detail: String| {
        let (line, column) = line_and_column(text, at);
        Error { line, column, detail }
    };
    let text = str::from_utf8(text).map_err(|error| {
        let before = str::from_utf8(&text[..error.valid_up_to()]).unwrap_or_default();
        place(before, before.len(), "this is not UTF-8".to_owned())
    })?;
    let document = DeTable::parse(text).map_err(|error| {
        place(text, error.span().map_or(0, |span| span.start), error.message().to_owned())
    })?;
    table(document.get_ref(), 1)
        .map_err(|Fault { at, pointer, why }| place(text, at, format!("{pointer:?}: {why}")))
}

/// A value that JSON does not have, on its way out: every level that it passes adds its step.
struct Fault {
    at: usize,
    pointer: String,
    why: String,
}

impl Fault {
    fn new(at: usize, why: impl ToString) -> Self {
        Self { at, pointer: String::new(), why: why.to_string() }
    }

    fn within(mut self, step: &str) -> Self {
        let step = step.replace('~', "~0").replace('/', "~1");
        self.pointer.insert_str(0, &format!("/{step}"));
        self
    }
}

fn value(spanned: &Spanned<DeValue<'_>>, depth: usize) -> Result<Value, Fault> {
    let at = spanned.span().start;
    let refused = |why: &str| Fault::new(at, why);
    let read = |json: &str| read(json, at);
    match spanned.get_ref() {
        DeValue::String(text) => read(&Value::from(text.as_ref()).to_string()),
        DeValue::Boolean(flag) => Ok(Value::Bool(*flag)),
        DeValue::Integer(number) if number.radix() == 10 => read(unsigned(number.as_str())),
        DeValue::Integer(number) => match u128::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => read(&number.to_string()),
            Err(_) => Err(refused("write a number of more than 128 bits with decimal digits")),
        },
        DeValue::Float(number) if number.as_str().ends_with(['f', 'n']) => {
            Err(refused("JSON has neither NaN nor infinity"))
        }
        DeValue::Float(number) => read(unsigned(number.as_str())),
        DeValue::Datetime(_) => Err(refused("JSON has no dates and times: write it in quotes")),
        DeValue::Array(_) | DeValue::Table(_) if depth >= DEPTH_MAX => {
            Err(Fault::new(at, ErrorKind::TooDeep))
        }
        DeValue::Array(elements) => {
            let elements = elements.iter().enumerate().map(|(index, element)| {
                value(element, depth + 1).map_err(|fault| fault.within(&index.to_string()))
            });
            elements.collect::<Result<_, _>>().map(Value::Array)
        }
        DeValue::Table(members) => table(members, depth + 1),
    }
}

fn table(members: &DeTable<'_>, depth: usize) -> Result<Value, Fault> {
    let members = members.iter().map(|(name, member)| {
        read(&Value::from(name.get_ref().as_ref()).to_string(), name.span().start)?;
        let member = value(member, depth).map_err(|fault| fault.within(name.get_ref()))?;
        Ok((name.get_ref().to_string(), member))
    });
    members.collect::<Result<Map<_, _>, _>>().map(Value::Object)
}

/// Reads what JSON has as well, so that it has the limits of all JSON.
fn read(json: &str, at: usize) -> Result<Value, Fault> {
    json::parse(json.as_bytes()).map_err(|error| Fault::new(at, error.kind))
}

/// Returns a number without the sign that JSON does not write.
fn unsigned(number: &str) -> &str {
    number.strip_prefix('+').unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: impl AsRef<[u8]>) -> String {
        let Error { line, column, detail } = parse(text.as_ref()).unwrap_err();
        format!("{line}:{column}: {detail}")
    }

    #[test]
    fn toml_becomes_json_with_its_order_and_its_numbers() {
        let text = r#"
            z = [1, +2, -3, 1_000, 0x1F, 123456789012345678901234567890]
            a = [1.0, +1.50, -0.0, 6.0e+23, 1_0.5e-06]
            "b c".d = { x = true, "" = 'é"\' }
            [b]
            [[list]]
            [[list]]
            n = "two"
        "#;
        let json = r#"{"z":[1,2,-3,1000,31,123456789012345678901234567890],"a":[1.0,1.50,-0.0,6.0e+23,10.5e-06],"b c":{"d":{"x":true,"":"é\"\\"}},"b":{},"list":[{},{"n":"two"}]}"#;
        assert_eq!(parse(text.as_bytes()).unwrap().to_string(), json);
        assert_eq!(parse(b"").unwrap().to_string(), "{}");
    }

    #[test]
    fn what_json_does_not_have_is_refused_with_its_place() {
        for date in ["2024-02-29", "2024-02-29T12:00:00Z", "2024-02-29 12:00:00", "12:00:00"] {
            let error = refused(format!("\n[\"a/b\".c]\nd = [1, {date}]\n"));
            assert_eq!(
                error,
                "3:9: \"/a~1b/c/d/1\": JSON has no dates and times: write it in quotes"
            );
        }
        for number in ["inf", "-inf", "+inf", "nan", "-nan"] {
            let error = refused(format!("a = {number}"));
            assert_eq!(error, "1:5: \"/a\": JSON has neither NaN nor infinity");
        }
        for (text, why) in [
            ("a = 1e400", "1:5: \"/a\": a number outside the range of a double"),
            ("a = \"\\uFFFE\"", "1:5: \"/a\": noncharacter U+FFFE in a string"),
            ("[a]\nb.\"\\uFFFE\" = 1", "2:3: \"/a/b\": noncharacter U+FFFE in a string"),
            (
                "a = 0xfffffffffffffffffffffffffffffffff",
                "1:5: \"/a\": write a number of more than 128 bits with decimal digits",
            ),
        ] {
            assert_eq!(refused(text), why);
        }
    }

    #[test]
    fn what_is_no_toml_is_refused_with_its_place() {
        assert_eq!(refused(b"a = 1\nb = \"\xff\"".as_slice()), "2:6: this is not UTF-8");
        assert!(refused("a = 1\na = 2").starts_with("2:1: "), "{}", refused("a = 1\na = 2"));
        assert!(refused("{\"a\": 1}").starts_with("1:1: "), "{}", refused("{\"a\": 1}"));
        assert!(refused("a = 1\nb = ").starts_with("2:"), "{}", refused("a = 1\nb = "));
    }

    #[test]
    fn nesting_has_the_limit_of_json() {
        let arrays = |depth: usize| format!("a = {}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(arrays(DEPTH_MAX - 1).as_bytes()).is_ok());
        assert!(refused(arrays(DEPTH_MAX)).ends_with("more than 64 levels of nesting"));
        let tables = |depth: usize| format!("[{}]", vec!["a"; depth].join("."));
        assert!(parse(tables(DEPTH_MAX - 1).as_bytes()).is_ok());
        assert!(refused(tables(DEPTH_MAX)).ends_with("more than 64 levels of nesting"));
    }
}
