use serde_json::{Value, json};

use super::*;

impl Item for (&'static str, u64) {}

fn ask(query: &str) -> Result<Value, Failure> {
    let items = vec![("a", 3), ("B-orders", 1), ("c-orders", 2)];
    let show = |(name, messages): &(&'static str, u64), wanted: &Wanted| {
        let mut fields = Fields::new();
        fields.put(wanted, "name", *name).put(wanted, "messages", *messages);
        fields
    };
    let answer = Listing::of(&Query::of(Some(query)))?.answer(items, show)?;
    Ok(serde_json::from_slice(&answer.body.into_bytes()).unwrap())
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[test]
fn columns_are_picked_and_lists_sorted() {
    assert_eq!(ask("columns=messages").unwrap()[0], json!({ "messages": 3 }));
    assert_eq!(names(&ask("sort=messages").unwrap()), ["B-orders", "c-orders", "a"]);
    assert_eq!(
        names(&ask("sort=messages&sort_reverse=true").unwrap()),
        ["a", "c-orders", "B-orders"]
    );
    assert_eq!(names(&ask("sort=nothing").unwrap()), ["a", "B-orders", "c-orders"]);
    assert_eq!(ask("columns=messages&sort=name").unwrap()[0], json!({ "messages": 1 }));
}

#[test]
fn a_page_says_how_many_there_are() {
    let page = ask("page=2&page_size=2").unwrap();
    assert_eq!(names(&page["items"]), ["c-orders"]);
    for (field, count) in [
        ("filtered_count", 3),
        ("item_count", 1),
        ("page", 2),
        ("page_count", 2),
        ("page_size", 2),
        ("total_count", 3),
    ] {
        assert_eq!(page[field], json!(count), "{field}");
    }
    let named = ask("page=1&name=ORDERS&sort=name").unwrap();
    assert_eq!(names(&named["items"]), ["B-orders", "c-orders"]);
    assert_eq!((&named["filtered_count"], &named["total_count"]), (&json!(2), &json!(3)));
    let matched = ask("page=1&name=^b&use_regex=true").unwrap();
    assert_eq!(names(&matched["items"]), ["B-orders"]);
}

#[test]
fn pages_that_cannot_be_are_refused() {
    let reason = |query| ask(query).unwrap_err().body.unwrap()["reason"].clone();
    assert_eq!(
        reason("page=0"),
        "Invalid pagination parameters: page number 0, page size undefined"
    );
    assert_eq!(
        reason("page=1&page_size=501"),
        "Invalid pagination parameters: page number 1, page size 501"
    );
    assert!(reason("page=x").as_str().unwrap().starts_with("Invalid pagination"));
    assert_eq!(reason("page=3&page_size=2"), "Page out of range, page: 3 page size: 2, len: 3");
    assert!(ask("page=1&name=(&use_regex=true").is_err());
    assert!(ask(r"page=1&name=(\w{200}){200}&use_regex=true").is_err(), "it would take too much");
    assert!(ask("page=18446744073709551615&page_size=500").is_err());
    assert_eq!(names(&ask("page=1&name=none").unwrap()["items"]), Vec::<&str>::new());
}
