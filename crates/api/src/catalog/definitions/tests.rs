use super::*;

fn id(text: &str) -> ItemId {
    ItemId::new(text).unwrap()
}

fn definition(schema: &str) -> Item {
    let text = format!(r#"{{"schema":{{"title":"{schema}"}}}}"#);
    Item::new(&serde_json::from_str(&text).unwrap())
}

#[tokio::test]
async fn a_snapshot_has_what_is_configured_and_what_is_stored() {
    let store = store::open("memory:", &store::Options::default()).unwrap();
    let configured = ["b", "d", "f"].map(|name| (id(name), definition(name)));
    let definitions = Definitions::new(store, configured.into());
    let read = async |after: Option<&str>| {
        let query = SnapshotQuery { collection: keyspace(), after: after.map(id) };
        let chunks: Vec<_> = definitions.snapshot(query).collect().await;
        let entries = chunks.into_iter().flat_map(Result::unwrap);
        entries.map(|entry| (entry.id, entry.item)).collect::<Vec<_>>()
    };
    let expected = |names: &[&str]| -> Vec<_> {
        names.iter().map(|name| (id(name), definition(name))).collect()
    };
    assert_eq!(read(None).await, expected(&["b", "d", "f"]));
    let writes = ["a", "c", "e"].map(|name| {
        let key = Key { collection: keyspace(), id: id(name) };
        Write::new(key, Change::Put(definition(name)))
    });
    for result in definitions.apply(writes.into()).await {
        result.unwrap().unwrap();
    }
    assert_eq!(read(None).await, expected(&["a", "b", "c", "d", "e", "f"]));
    assert_eq!(read(Some("c")).await, expected(&["d", "e", "f"]));
    assert_eq!(read(Some("f")).await, []);
}
