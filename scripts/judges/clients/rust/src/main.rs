//! What a program does with the client that openapi-generator makes of the document for Rust.

use openapi::apis::configuration::Configuration;
use openapi::apis::people_api::{
    GetPeopleError, PutPeopleError, get_people, patch_people, put_people,
};
use openapi::apis::{Error, ResponseContent};
use openapi::models::{
    PeopleItemInput, PeopleItemMergePatch, PeoplePostalAddressInput, PeoplePostalAddressMergePatch,
    PeopleRole,
};
use reqwest::{Client, Request, Response};
use reqwest_middleware::{ClientBuilder, Middleware, Next};

/// Declares the body of a PATCH as a merge patch: the client declares every body as
/// `application/json`, whatever the document says.
struct MergePatch;

#[async_trait::async_trait]
impl Middleware for MergePatch {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut http::Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        if request.method() == http::Method::PATCH {
            let media_type = http::HeaderValue::from_static("application/merge-patch+json");
            request.headers_mut().insert(http::header::CONTENT_TYPE, media_type);
        }
        next.run(request, extensions).await
    }
}

/// Returns the status of a call that fails, and what it is answered with.
fn failure<T, E>(result: Result<T, Error<E>>) -> (u16, E) {
    match result {
        Err(Error::ResponseError(ResponseContent { status, entity: Some(entity), .. })) => {
            (status.as_u16(), entity)
        }
        Err(Error::ResponseError(answer)) => panic!("an unknown answer: {}", answer.content),
        _ => panic!("it was not refused"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let base_path = std::env::args().nth(1).expect("the address of the service");
    let client = ClientBuilder::new(Client::new()).with(MergePatch).build();
    let service = Configuration { base_path, client, ..Configuration::default() };
    let id = "generator rust";

    let address = PeoplePostalAddressInput {
        country: Some("GB".into()),
        ..PeoplePostalAddressInput::new("London".into())
    };
    let mut ada =
        PeopleItemInput { address: Some(Box::new(address)), ..PeopleItemInput::new("Ada".into()) };
    let put = async |item, if_none_match| {
        put_people(&service, id, item, None, if_none_match, None, None).await
    };
    let created = put(ada.clone(), Some("*")).await.expect("it is created");
    assert_eq!((created.role, created.former.len()), (PeopleRole::Reader, 0));

    ada.role = Some(PeopleRole::Writer);
    let updated = put(ada, None).await.expect("it is updated");
    assert_eq!(updated.role, PeopleRole::Writer);

    let missing = get_people(&service, "nobody", None, None).await;
    assert!(matches!(failure(missing), (404, GetPeopleError::Status404(_))));

    let stale = PeopleItemInput::new("Somebody else".into());
    let failed = failure(put(stale, Some("*")).await);
    assert!(matches!(failed, (412, PutPeopleError::Status412(_))), "{failed:?}");

    let invalid = failure(put(PeopleItemInput::new(String::new()), None).await);
    let (422, PutPeopleError::Status422(problem)) = invalid else { panic!("{invalid:?}") };
    let places = problem.errors.unwrap_or_default();
    assert_eq!(places[0].pointer.as_deref(), Some("/name"));

    let town = PeoplePostalAddressMergePatch {
        town: Some(Some("Paris".into())),
        ..PeoplePostalAddressMergePatch::default()
    };
    let change = PeopleItemMergePatch {
        role: Some(None),
        address: Some(Some(Box::new(town))),
        ..PeopleItemMergePatch::default()
    };
    let patched = patch_people(&service, id, change, None, None, None, None).await;
    let patched = patched.expect("it is patched");
    let address = patched.address.expect("there is one");
    assert_eq!((patched.role, address.country.as_str()), (PeopleRole::Reader, "GB"));
    println!("openapi-generator (rust): create, update, 404, 412, 422, merge patch");
}
