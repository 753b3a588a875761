//! Carrying out the operations of a JSON Patch (RFC 6902 §4).
//!
//! It is not `json_patch::patch` because that moves the last member into the place of a removed
//! one, compares numbers by their text, and sets no bound to what a patch may cost.

use serde_json::Value;

use super::operation::{Operation, Path};
use crate::collection::ITEM_BYTES_MAX;
use crate::json::equal::equal;
use crate::json::measure::Measure;
use crate::json::{self, DEPTH_MAX};

/// Most values that the operations of one JSON Patch may shift, move or copy together: enough to
/// insert a thousand elements in front of ten thousand, a tenth of a second at the worst. Without
/// it a body of 1 MiB could keep a processor busy for many seconds.
pub const PATCH_STEPS_MAX: usize = 10_000_000;

/// A patch that cannot be carried out on an item.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the patch cannot be applied: {detail}")]
pub struct PatchFailed {
    /// The operation that failed, as a JSON Pointer (RFC 6901) into the patch: `/2` is the third.
    /// Empty when it is none of them.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
    /// Which sort of failure it is.
    pub kind: PatchFailedKind,
}

/// The sorts of failure of a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchFailedKind {
    /// A `test` operation found another value (RFC 6902 §4.6).
    Test,
    /// A path leads to nothing, or to where the operation cannot act.
    Path,
    /// The patch copies more than [`ITEM_BYTES_MAX`] bytes, nests more than
    /// [`DEPTH_MAX`](crate::json::DEPTH_MAX) levels or takes more than [`PATCH_STEPS_MAX`] steps.
    TooLarge,
    /// The item's stored representation is no I-JSON: not the client's fault.
    Stored,
}

type Failure = (PatchFailedKind, String);

impl PatchFailed {
    #[cold]
    pub(super) fn stored(error: json::Error) -> Self {
        let detail = format!("the stored item cannot be read: {error}");
        Self { pointer: String::new(), detail, kind: PatchFailedKind::Stored }
    }
}

/// Carries out `operations` one after the other. After a failure `target` is in between.
pub(super) fn apply(target: &mut Value, operations: &[Operation]) -> Result<(), PatchFailed> {
    let mut run = Run { target, steps_left: PATCH_STEPS_MAX, copied_bytes_left: ITEM_BYTES_MAX };
    for (index, operation) in operations.iter().enumerate() {
        run.operation(operation).map_err(|(kind, detail)| PatchFailed {
            pointer: format!("/{index}"),
            detail,
            kind,
        })?;
    }
    Ok(())
}

struct Run<'a> {
    target: &'a mut Value,
    steps_left: usize,
    copied_bytes_left: usize,
}

impl Run<'_> {
    fn operation(&mut self, operation: &Operation) -> Result<(), Failure> {
        match operation {
            Operation::Add { path, value } => {
                refuse_depth(path, Measure::of(value))?;
                self.add(path, value.clone())
            }
            Operation::Remove { path } => self.remove(path).map(drop),
            Operation::Replace { path, value } => {
                refuse_depth(path, Measure::of(value))?;
                *find_mut(self.target, path)? = value.clone();
                Ok(())
            }
            Operation::Move { from, path } => self.relocate(from, path),
            Operation::Copy { from, path } => self.copy(from, path),
            Operation::Test { path, value } if equal(find(self.target, path)?, value) => Ok(()),
            Operation::Test { path, .. } => Err((
                PatchFailedKind::Test,
                format!("{} is not what the test expects", path.quoted()),
            )),
        }
    }

    /// Adds `value` as RFC 6902 §4.1 says: inserts into an array, sets a member, replaces the whole.
    fn add(&mut self, path: &Path, value: Value) -> Result<(), Failure> {
        let Some((last, parent)) = path.tokens.split_last() else {
            *self.target = value;
            return Ok(());
        };
        match walk_mut(self.target, parent) {
            Some(Value::Object(members)) => {
                members.insert(last.clone(), value);
                Ok(())
            }
            Some(Value::Array(elements)) => {
                let end = elements.len();
                let index =
                    if last == "-" { Some(end) } else { index(last).filter(|index| *index <= end) };
                let index = index.ok_or_else(|| nowhere(path))?;
                spend(&mut self.steps_left, end - index)?;
                elements.insert(index, value);
                Ok(())
            }
            _ => Err(nowhere(path)),
        }
    }

    /// Takes out what `path` leads to; what follows it moves up, so that the order stays.
    fn remove(&mut self, path: &Path) -> Result<Value, Failure> {
        let Some((last, parent)) = path.tokens.split_last() else {
            return Err((
                PatchFailedKind::Path,
                "the whole item cannot be removed by a patch; delete it".into(),
            ));
        };
        match walk_mut(self.target, parent) {
            Some(Value::Object(members)) => {
                if members.contains_key(last) {
                    spend(&mut self.steps_left, members.len())?;
                }
                members.shift_remove(last).ok_or_else(|| nowhere(path))
            }
            Some(Value::Array(elements)) => {
                let end = elements.len();
                let index =
                    index(last).filter(|index| *index < end).ok_or_else(|| nowhere(path))?;
                spend(&mut self.steps_left, end - index)?;
                Ok(elements.remove(index))
            }
            _ => Err(nowhere(path)),
        }
    }

    fn relocate(&mut self, from: &Path, path: &Path) -> Result<(), Failure> {
        let measure = Measure::of(find(self.target, from)?);
        if from == path {
            return Ok(());
        }
        if path.starts_with(from) {
            let detail = format!("{} cannot be moved into itself", from.quoted());
            return Err((PatchFailedKind::Path, detail));
        }
        spend(&mut self.steps_left, measure.values)?;
        refuse_depth(path, measure)?;
        let value = self.remove(from)?;
        self.add(path, value)
    }

    fn copy(&mut self, from: &Path, path: &Path) -> Result<(), Failure> {
        let source = find(self.target, from)?;
        let measure = Measure::of(source);
        spend(&mut self.steps_left, measure.values)?;
        refuse_depth(path, measure)?;
        self.copied_bytes_left =
            self.copied_bytes_left.checked_sub(measure.bytes).ok_or_else(|| {
                let detail = format!("the patch copies more than {ITEM_BYTES_MAX} bytes");
                (PatchFailedKind::TooLarge, detail)
            })?;
        let value = source.clone();
        self.add(path, value)
    }
}

fn spend(steps_left: &mut usize, steps: usize) -> Result<(), Failure> {
    *steps_left = steps_left.checked_sub(steps).ok_or_else(|| {
        let detail = "the patch takes too long on an item of this size; send the whole item".into();
        (PatchFailedKind::TooLarge, detail)
    })?;
    Ok(())
}

fn refuse_depth(path: &Path, measure: Measure) -> Result<(), Failure> {
    if path.tokens.len() + measure.depth > DEPTH_MAX {
        let detail = format!("{} would nest more than {DEPTH_MAX} levels", path.quoted());
        return Err((PatchFailedKind::TooLarge, detail));
    }
    Ok(())
}

fn nowhere(path: &Path) -> Failure {
    (PatchFailedKind::Path, format!("{} does not exist", path.quoted()))
}

fn find<'v>(target: &'v Value, path: &Path) -> Result<&'v Value, Failure> {
    let mut place = Some(target);
    for token in &path.tokens {
        place = match place {
            Some(Value::Object(members)) => members.get(token),
            Some(Value::Array(elements)) => index(token).and_then(|index| elements.get(index)),
            _ => None,
        };
    }
    place.ok_or_else(|| nowhere(path))
}

fn find_mut<'v>(target: &'v mut Value, path: &Path) -> Result<&'v mut Value, Failure> {
    walk_mut(target, &path.tokens).ok_or_else(|| nowhere(path))
}

fn walk_mut<'v>(target: &'v mut Value, tokens: &[String]) -> Option<&'v mut Value> {
    tokens.iter().try_fold(target, |place, token| match place {
        Value::Object(members) => members.get_mut(token),
        Value::Array(elements) => elements.get_mut(index(token)?),
        _ => None,
    })
}

/// Reads an array index: digits without a leading zero (RFC 6901 §4).
fn index(token: &str) -> Option<usize> {
    let legal = token.bytes().all(|byte| byte.is_ascii_digit())
        && (token == "0" || !token.starts_with('0'));
    token.parse().ok().filter(|_| legal)
}
