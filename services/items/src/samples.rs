//! The sample items of `--samples`.

use domain::{Change, Collection, Item, ItemId, Key, Precondition, Tags, Write};
use serde_json::json;
use store::{Error, Store};

/// Writes the samples where they are absent.
pub(crate) async fn load(store: &dyn Store, items: &Collection) -> Result<(), Error> {
    let samples = [
        ("foo", json!({ "name": "Fighters", "size": 6 })),
        ("bar", json!({ "name": "Tenders", "size": 3 })),
    ];
    let writes = samples.map(|(id, item)| {
        let id = ItemId::new(id).expect("the id is legal");
        let key = Key { collection: items.name().into(), id };
        let precondition =
            Precondition { if_none_match: Some(Tags::Any), ..Precondition::default() };
        let change = Change::Put(Item::new(item.as_object().expect("samples are objects")));
        Write { precondition, ..Write::new(key, change) }
    });
    // A refusal means that the item is there.
    store.apply(writes.into()).await.into_iter().try_for_each(|result| result.map(|_| ()))
}
