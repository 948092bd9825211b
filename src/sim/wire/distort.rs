//! Answers that lack or invent something, and pages that come in halves or for ever.

use serde_json::{Map, Value};

use super::mishap::Mishap;
use super::protocol::{Call, Input, Output};
use super::xml::Element;

/// The value that no client knows.
const STRANGE: &str = "SIMULATED_STRANGER";
/// The token of an endless page.
const LOOP: &str = "simulated-loop";
/// The token for the second half of a page.
const REST: &str = "simulated-rest";

/// Takes tokens of this module out of a request before it is carried out. `true` when the second half
/// of a page is asked for.
pub(super) fn take_token(call: &mut Call) -> bool {
    let token = match &call.input {
        Input::Json(members) => members.get("nextToken").or(members.get("NextToken")),
        Input::Query(_) => None,
    };
    let token = token.and_then(Value::as_str).or(call.parameter("NextToken")).map(str::to_owned);
    let Some(token) = token.filter(|token| token == LOOP || token == REST) else { return false };
    match &mut call.input {
        Input::Json(members) => members.retain(|name, _| !name.eq_ignore_ascii_case("nextToken")),
        Input::Query(parameters) => parameters.retain(|name, _| name != "NextToken"),
    }
    token == REST
}

/// The answer as the mishap leaves it; `rest` when the second half of a page is asked for.
pub(super) fn distort(output: Output, mishap: Option<&Mishap>, rest: bool) -> Output {
    if rest {
        return half(output, true);
    }
    match mishap {
        Some(Mishap::Without { members }) => change_members(output, members, &|_| None),
        Some(Mishap::Unknown { members }) => {
            change_members(output, members, &|_| Some(STRANGE.to_owned()))
        }
        Some(Mishap::HalfPage) => half(output, false),
        Some(Mishap::TokenLoop) => with_token(output, LOOP),
        _ => output,
    }
}

type Change<'a> = &'a dyn Fn(&str) -> Option<String>;

fn change_members(output: Output, members: &[String], change: Change<'_>) -> Output {
    match output {
        Output::Json(mut value) => {
            change_json(&mut value, members, change);
            Output::Json(value)
        }
        Output::Xml(elements) => Output::Xml(change_xml(elements, members, change)),
    }
}

fn change_json(value: &mut Value, members: &[String], change: Change<'_>) {
    match value {
        Value::Object(object) => {
            let named: Vec<String> =
                object.keys().filter(|name| members.contains(name)).cloned().collect();
            for name in named {
                match change(&name) {
                    Some(text) => object.insert(name, Value::String(text)),
                    None => object.remove(&name),
                };
            }
            object.values_mut().for_each(|value| change_json(value, members, change));
        }
        Value::Array(values) => {
            values.iter_mut().for_each(|value| change_json(value, members, change));
        }
        _ => {}
    }
}

fn change_xml(elements: Vec<Element>, members: &[String], change: Change<'_>) -> Vec<Element> {
    let changed = elements.into_iter().filter_map(|mut element| {
        if members.iter().any(|member| member == element.name()) {
            return change(element.name()).map(|text| Element::text(element.name(), text));
        }
        let children = std::mem::take(element.children_mut());
        *element.children_mut() = change_xml(children, members, change);
        Some(element)
    });
    changed.collect()
}

/// The first or the second half of the answer's first list.
fn half(output: Output, second: bool) -> Output {
    let cut = |length: usize| if second { length / 2..length } else { 0..length / 2 };
    let output = match output {
        Output::Json(Value::Object(mut object)) => {
            if let Some(Value::Array(list)) = object.values_mut().find(|value| value.is_array()) {
                *list = list.drain(cut(list.len())).collect();
            }
            Output::Json(Value::Object(object))
        }
        Output::Xml(mut elements) => {
            if let Some(list) = elements.iter_mut().find(|e| e.is_list()) {
                let items = list.children_mut();
                *items = items.drain(cut(items.len())).collect();
            }
            Output::Xml(elements)
        }
        other => other,
    };
    if second { output } else { with_token(output, REST) }
}

fn with_token(output: Output, token: &str) -> Output {
    match output {
        Output::Json(Value::Object(mut object)) => {
            object.insert(token_name(&object).to_owned(), Value::String(token.to_owned()));
            Output::Json(Value::Object(object))
        }
        Output::Xml(mut elements) => {
            elements.retain(|element| element.name() != "nextToken");
            elements.push(Element::text("nextToken", token));
            Output::Xml(elements)
        }
        other => other,
    }
}

/// The Price List writes its members in capitals.
fn token_name(object: &Map<String, Value>) -> &'static str {
    if object.contains_key("PriceList") { "NextToken" } else { "nextToken" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_vanish_or_turn_strange_wherever_they_stand() {
        let jobs = json!({"jobs": [{"jobId": "a", "status": "RUNNING"}]});
        let without = Mishap::Without { members: vec!["jobId".to_owned()] };
        let Output::Json(left) = distort(Output::Json(jobs.clone()), Some(&without), false) else {
            panic!("JSON stays JSON")
        };
        assert_eq!(left, json!({"jobs": [{"status": "RUNNING"}]}));
        let strange = Mishap::Unknown { members: vec!["status".to_owned()] };
        let Output::Json(left) = distort(Output::Json(jobs), Some(&strange), false) else {
            panic!("JSON stays JSON")
        };
        assert_eq!(left["jobs"][0]["status"], STRANGE);
    }

    #[test]
    fn two_halves_make_a_page() {
        let page = || Output::Json(json!({"jobs": [1, 2, 3]}));
        let Output::Json(first) = distort(page(), Some(&Mishap::HalfPage), false) else { panic!() };
        assert_eq!(first, json!({"jobs": [1], "nextToken": REST}));
        let Output::Json(second) = distort(page(), None, true) else { panic!() };
        assert_eq!(second, json!({"jobs": [2, 3]}));
    }
}
