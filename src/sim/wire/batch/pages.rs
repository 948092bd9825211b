//! `maxResults` and `nextToken` of Batch's Describe operations. A token is the place where the next
//! page begins, so that it stays good when things come and go meanwhile.

use serde_json::{Map, Value};

use super::super::protocol::Fault;
use super::members::Members;

/// What a page has at most, and when nothing is asked for (service model, `maxResults`).
const MOST: i64 = 100;

/// The page of `items` that is asked for, under `member`. Items come in the order of their places.
pub(super) fn page(
    input: &Members<'_>,
    member: &str,
    items: Vec<(String, Value)>,
) -> Result<Value, Fault> {
    let size = input.within("maxResults", 1, MOST)?.unwrap_or(MOST);
    let size = usize::try_from(size).unwrap_or_default();
    let begin = match input.text("nextToken")?.filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => {
            let place = read(token).ok_or_else(|| Fault::client("nextToken is not valid"))?;
            items.partition_point(|(item, _)| *item < place)
        }
    };
    let next = items.get(begin + size).map(|(place, _)| token(place));
    let shown = items.into_iter().skip(begin).take(size).map(|(_, item)| item).collect();
    let mut answer = Map::from_iter([(member.to_owned(), Value::Array(shown))]);
    if let Some(next) = next {
        answer.insert("nextToken".to_owned(), Value::String(next));
    }
    Ok(Value::Object(answer))
}

/// A place that sorts as its number does.
pub(super) fn place(number: usize) -> String {
    format!("{number:010}")
}

fn token(place: &str) -> String {
    place.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn read(token: &str) -> Option<String> {
    let bytes: Option<Vec<u8>> = token
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    String::from_utf8(bytes?).ok()
}

/// At most 100 names can be asked for at once.
pub(super) fn names(input: &Members<'_>, member: &str) -> Result<Vec<String>, Fault> {
    let names = input.texts(member)?.unwrap_or_default();
    if names.len() > 100 {
        return Err(Fault::client(format!("{member} can have at most 100 entries")));
    }
    Ok(names)
}
