//! The operations of a JSON Patch (RFC 6902 §4).

use serde_json::{Map, Value};

use crate::json::excerpt::{EXCERPT_CHARS_MAX, excerpt};
use crate::json::{DEPTH_MAX, pointer};

/// Most operations of a JSON Patch. A larger change is better sent as the whole item.
pub const PATCH_OPERATIONS_MAX: usize = 1_000;

/// A value that is no JSON Patch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON Patch at {pointer:?}: {detail}")]
pub struct InvalidPatch {
    /// The place in the patch, as a JSON Pointer (RFC 6901): `/2/path` is the path of the third
    /// operation.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

#[derive(Clone, Debug)]
pub(super) enum Operation {
    Add { path: Path, value: Value },
    Remove { path: Path },
    Replace { path: Path, value: Value },
    Move { from: Path, path: Path },
    Copy { from: Path, path: Path },
    Test { path: Path, value: Value },
}

/// A JSON Pointer, taken apart. It displays as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// The names and indices, without their escapes.
    pub(super) tokens: Vec<String>,
}

impl Path {
    fn new(text: &str) -> Result<Self, &'static str> {
        if !(text.is_empty() || text.starts_with('/')) {
            return Err("a path is empty or starts with '/'");
        }
        // The last token may name what does not exist yet.
        if text.matches('/').count() > DEPTH_MAX {
            return Err("the path is deeper than any item can be");
        }
        let tokens =
            text.split('/').skip(1).map(|token| pointer::unescape(token).map(String::from));
        tokens
            .collect::<Option<_>>()
            .map(|tokens| Self { tokens })
            .ok_or("a '~' in a path is followed by '0' or '1'")
    }

    /// Tells whether this leads into what `other` leads to, or is the same.
    pub(super) fn starts_with(&self, other: &Self) -> bool {
        self.tokens.starts_with(&other.tokens)
    }

    /// Returns the pointer as text, cut after 60 characters, in quotes.
    pub(super) fn quoted(&self) -> String {
        let mut text = String::new();
        self.tokens.iter().for_each(|token| pointer::push_member(&mut text, token));
        format!("{:?}", excerpt(text, EXCERPT_CHARS_MAX))
    }
}

/// Reads the operations of a patch.
pub(super) fn list(value: Value) -> Result<Vec<Operation>, InvalidPatch> {
    let whole = |detail: String| InvalidPatch { pointer: String::new(), detail };
    let Value::Array(operations) = value else {
        return Err(whole("a JSON Patch is an array of operations".into()));
    };
    if operations.len() > PATCH_OPERATIONS_MAX {
        return Err(whole(format!(
            "{} operations, {PATCH_OPERATIONS_MAX} are allowed",
            operations.len()
        )));
    }
    operations
        .into_iter()
        .enumerate()
        .map(|(index, operation)| Fields::new(index, operation)?.operation())
        .collect()
}

/// The members of one operation. Those that it does not define are ignored (RFC 6902 §4).
struct Fields {
    index: usize,
    members: Map<String, Value>,
}

impl Fields {
    fn new(index: usize, operation: Value) -> Result<Self, InvalidPatch> {
        match operation {
            Value::Object(members) => Ok(Self { index, members }),
            _ => Err(InvalidPatch {
                pointer: format!("/{index}"),
                detail: "an operation is an object".into(),
            }),
        }
    }

    fn operation(mut self) -> Result<Operation, InvalidPatch> {
        let operation = self.text("op")?;
        let path = self.path("path")?;
        Ok(match operation.as_str() {
            "add" => Operation::Add { path, value: self.value()? },
            "remove" => Operation::Remove { path },
            "replace" => Operation::Replace { path, value: self.value()? },
            "move" => Operation::Move { from: self.path("from")?, path },
            "copy" => Operation::Copy { from: self.path("from")?, path },
            "test" => Operation::Test { path, value: self.value()? },
            other => {
                let quoted = excerpt(other, EXCERPT_CHARS_MAX);
                let known = "add, remove, replace, move, copy and test";
                return Err(self.invalid(
                    "/op",
                    format!("there is no operation {quoted:?}; there are {known}"),
                ));
            }
        })
    }

    fn value(&mut self) -> Result<Value, InvalidPatch> {
        self.members.get_mut("value").map(Value::take).ok_or_else(|| self.missing("value"))
    }

    fn path(&mut self, name: &str) -> Result<Path, InvalidPatch> {
        let text = self.text(name)?;
        Path::new(&text).map_err(|detail| self.invalid(&format!("/{name}"), detail.into()))
    }

    fn text(&mut self, name: &str) -> Result<String, InvalidPatch> {
        match self.members.get_mut(name).map(Value::take) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(self.invalid(&format!("/{name}"), "this is a string".into())),
            None => Err(self.missing(name)),
        }
    }

    fn missing(&self, name: &str) -> InvalidPatch {
        self.invalid("", format!("member {name:?} is missing"))
    }

    fn invalid(&self, within: &str, detail: String) -> InvalidPatch {
        InvalidPatch { pointer: format!("/{}{within}", self.index), detail }
    }
}
