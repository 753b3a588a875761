//! The two cases that the service grew from: FastAPI's page *Additional Status Codes*.

use e2e::{Request, Shelf, on_every_store};

#[tokio::test]
async fn an_update_answers_200_with_the_new_item() {
    on_every_store(
        || Shelf::start().samples(),
        async |shelf| {
            let request = Request::put("/items/foo", r#"{"name":"Wrestlers"}"#);
            let answer = shelf.send(request).await;
            answer.expect_item(200, "updated", r#"{"name":"Wrestlers","size":null}"#);
        },
    )
    .await;
}

#[tokio::test]
async fn a_creation_answers_201_with_the_item() {
    on_every_store(
        || Shelf::start().samples(),
        async |shelf| {
            let request = Request::put("/items/red", r#"{"name":"Chillies"}"#);
            let answer = shelf.send(request).await;
            answer.expect_item(201, "created", r#"{"name":"Chillies","size":null}"#);
            assert_eq!(answer.header("location"), Some("/items/red"));
        },
    )
    .await;
}
