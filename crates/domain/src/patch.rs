//! Patches: changes that are computed from the item they change.

mod apply;
mod merge;
mod operation;

use serde_json::Value;

pub use self::apply::{PATCH_STEPS_MAX, PatchFailed, PatchFailedKind};
use self::operation::Operation;
pub use self::operation::{InvalidPatch, PATCH_OPERATIONS_MAX};
use crate::item::Item;
use crate::json;

/// A change that is computed from the item it changes: a JSON Merge Patch (RFC 7396) or a JSON
/// Patch (RFC 6902).
///
/// Both keep the order of the members that stay, put new members after them, and keep the text of
/// numbers.
#[derive(Clone, Debug)]
pub struct Patch(Form);

#[derive(Clone, Debug)]
enum Form {
    Merge(Value),
    Operations(Vec<Operation>),
}

impl Patch {
    /// Makes a JSON Merge Patch (RFC 7396) of a value that came from
    /// [`json::parse`](crate::json::parse); every value is one.
    #[must_use]
    pub const fn merge(value: Value) -> Self {
        Self(Form::Merge(value))
    }

    /// Makes a JSON Patch (RFC 6902) of a value that came from
    /// [`json::parse`](crate::json::parse).
    ///
    /// # Errors
    /// [`InvalidPatch`] when the value is no array of operations, there are more than
    /// [`PATCH_OPERATIONS_MAX`], or an operation is unknown, lacks a member or has a path that is
    /// no JSON Pointer.
    pub fn json(value: Value) -> Result<Self, InvalidPatch> {
        operation::list(value).map(Form::Operations).map(Self)
    }

    /// Computes what `item` becomes. The result has to be
    /// [admitted](crate::Collection::admit) again; it may even be no object.
    ///
    /// The time is bounded by the sizes of the patch and the item together and
    /// [`PATCH_STEPS_MAX`].
    ///
    /// # Errors
    /// [`PatchFailed`] with the kind [`Stored`](PatchFailedKind::Stored) when the item's
    /// representation is no I-JSON, and otherwise at the first operation of a JSON Patch that
    /// cannot be carried out. A merge patch always can.
    ///
    /// # Examples
    /// ```
    /// use domain::{Collection, Patch, json};
    ///
    /// let items = Collection::items();
    /// let item = items.admit(json::parse(br#"{"name": "Fighters", "size": 6}"#).unwrap()).unwrap();
    /// let patch = Patch::merge(json::parse(br#"{"size": 7}"#).unwrap());
    /// let patched = items.admit(patch.apply(&item).unwrap()).unwrap();
    /// assert_eq!(patched.representation(), r#"{"name":"Fighters","size":7}"#);
    /// ```
    pub fn apply(&self, item: &Item) -> Result<Value, PatchFailed> {
        let mut value = json::parse(item.representation()).map_err(PatchFailed::stored)?;
        match &self.0 {
            Form::Merge(patch) => merge::merge(&mut value, patch),
            Form::Operations(operations) => apply::apply(&mut value, operations)?,
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests;
